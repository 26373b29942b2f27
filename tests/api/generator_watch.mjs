// A server that sends to a real Prometheus, for the tests of one file, and what there is to ask of the
// two. `at.prometheus` and `at.server` are there while the tests run.
import { after, before } from 'node:test';
import { newSpanId } from './data.mjs';
import { Receiver, made, push, startFor, status, until } from './generator.mjs';
import { Prometheus } from './prometheus.mjs';

export const calls = 'traces_spanmetrics_calls_total';
export const requests = 'traces_service_graph_request_total';

export function watch(options) {
  const at = {};
  before(async () => {
    at.prometheus = await Prometheus.start();
    at.server = await startFor(at.prometheus.writeUrl, options);
  });
  after(async () => {
    await at.server?.close();
    await at.prometheus?.close();
  });

  // The series of a selector once there are so many.
  const series = (selector, count = 1) =>
    until(`${selector} is not there`, async () => {
      const all = await at.prometheus.query(selector);
      return all.length >= count ? all : null;
    });
  const value = (selector, expected) =>
    until(`${selector} is not ${expected}`, async () => {
      const all = await at.prometheus.query(selector);
      return all.length === 1 && all[0].value === expected;
    });
  const edges = (service) =>
    at.prometheus.values(
      `${requests}{client=~"${service}.*"} or ${requests}{server=~"${service}.*"}`,
      ['client', 'server', 'connection_type'],
    );
  // A collection of everything that was pushed so far is with the receiver.
  const collected = async () => {
    const service = `mark-${newSpanId().toString('hex')}`;
    await push(at.server, [made({ service })]);
    await value(`${calls}{service="${service}"}`, 1);
  };
  return { at, series, value, edges, collected };
}

// A story with a receiver of its own.
export async function withReceiver(answer, options, story) {
  const receiver = await Receiver.start(answer);
  const own = await startFor(receiver.url, options);
  try {
    await story(own, receiver);
  } finally {
    receiver.answer = status(204);
    await own.close();
    await receiver.close();
  }
}
