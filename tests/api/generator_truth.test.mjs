// The load generator knows what it sent: once a collection has passed, Prometheus' counters are
// exactly these numbers, by service, kind and status, and the edges exactly the pairs of the spans;
// at 40,000 spans a second as well. Then the queries that dashboards ask have answers.
// GENERATOR_SECONDS sets how long the fast load is (5).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { configFor, kKinds, kStatuses, sumOf, until } from './generator.mjs';
import { Vivace } from './harness.mjs';
import { Prometheus } from './prometheus.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const tracegen =
  process.env.TRACEGEN_BIN ?? path.join(root, 'build', 'release', 'bench', 'tracegen');
const kSeconds = Number(process.env.GENERATOR_SECONDS ?? 5);

let prometheus;
let server;
before(async () => {
  prometheus = await Prometheus.start();
  const config = configFor(prometheus.writeUrl, {
    generator: {
      processor: {
        span_metrics: {
          dimensions: ['service.name', 'http.method', 'http.status_code'],
          duration_seconds_alias: true,
        },
        service_graphs: { dimensions: ['service.name'] },
      },
    },
    overrides: { processors: ['span-metrics', 'service-graphs'], generate_native_histograms: 'both' },
  });
  server = await Vivace.start({ config });
});
after(async () => {
  await server?.close();
  await prometheus?.close();
});

async function load(...args) {
  const file = path.join(server.folder, 'truth.json');
  const to = `127.0.0.1:${server.otlpPort}`;
  await promisify(execFile)(tracegen, ['push', '--url', to, '--truth', file, '--retry', ...args]);
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

const add = (a, b) => {
  const out = { ...a };
  for (const [key, count] of Object.entries(b)) out[key] = (out[key] ?? 0) + count;
  return out;
};
const named = (kinds) =>
  Object.fromEntries(
    Object.entries(kinds).map(([key, count]) => {
      const [service, kind, status] = key.split('|');
      return [`${service}|${kKinds[kind]}|${kStatuses[status]}`, count];
    }),
  );

let truth; // of everything that was sent so far
async function untilAllIsThere() {
  const sum = async (query) => (await prometheus.query(query))[0]?.value ?? 0;
  await until(
    'not all spans are counted',
    async () => (await sum('sum(traces_spanmetrics_calls_total)')) >= truth.spans,
    60_000,
  );
  const edges = Object.values(truth.edges).reduce((a, b) => a + b, 0);
  await until(
    'not all edges are counted',
    async () => (await sum('sum(traces_service_graph_request_total)')) >= edges,
    60_000,
  );
}

async function compare() {
  const values = (query, labels) => prometheus.values(`sum by (${labels}) (${query})`, labels);
  const kinds = ['service', 'span_kind', 'status_code'];
  const expected = named(truth.by_kind);
  assert.deepEqual(await values('traces_spanmetrics_calls_total', kinds), expected);
  assert.deepEqual(await values('traces_spanmetrics_latency_count', kinds), expected);
  assert.deepEqual(await values('traces_spanmetrics_duration_seconds_count', kinds), expected);
  const ends = 'traces_spanmetrics_latency_bucket{le="+Inf"}';
  assert.deepEqual(await values(ends, ['service']), truth.by_service);
  const errors = 'traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}';
  assert.deepEqual(await values(errors, ['service']), truth.errors_by_service);
  assert.deepEqual(await values('traces_spanmetrics_calls_total', ['span_name']), truth.by_name);
  assert.deepEqual(await values('histogram_count(traces_spanmetrics_latency)', kinds), expected);
  const ends3 = ['client', 'server', 'connection_type'];
  for (const name of ['total', 'server_seconds_count', 'client_seconds_count']) {
    assert.deepEqual(await values(`traces_service_graph_request_${name}`, ends3), truth.edges, name);
  }
}

async function refusals() {
  const metrics = await server.metrics();
  const discarded = sumOf(metrics, 'tempo_metrics_generator_spans_discarded_total');
  const dropped = sumOf(metrics, 'tempo_metrics_generator_processor_service_graphs_dropped_spans');
  const failed = sumOf(metrics, 'prometheus_remote_storage_samples_failed_total');
  return { discarded, dropped, failed };
}

describe('a load that is known', () => {
  test('a slow one is counted exactly', async () => {
    truth = await load('--seconds', '60', '--traces', '2000', '--templates', '100');
    await untilAllIsThere();
    await compare();
  });

  test('one of small requests, whose traces are split, too', async () => {
    const more = await load('--seconds', '60', '--traces', '1000', '--seed', '2', '--split', '--conns', '8');
    sumUp(more);
    await untilAllIsThere();
    await compare();
  });

  test('at 40,000 spans a second nothing is missing', async () => {
    const rate = ['--seconds', String(kSeconds), '--rate', '40000', '--templates', '200'];
    sumUp(await load('--seed', '3', ...rate, '--conns', '4'));
    await untilAllIsThere();
    await compare();
    assert.deepEqual(await refusals(), { discarded: 0, dropped: 0, failed: 0 });
  });

  const sumUp = (more) => {
    truth.spans += more.spans;
    for (const name of ['by_service', 'errors_by_service', 'by_name', 'by_kind', 'edges']) {
      truth[name] = add(truth[name], more[name]);
    }
  };
});

describe('what dashboards ask', () => {
  const answers = async (query) => {
    const all = await prometheus.query(query);
    assert.ok(all.length > 0, `no data: ${query}`);
    assert.ok(all.some((one) => Number.isFinite(one.value)), `no number: ${query}`);
    return all;
  };

  test('the service graph view', async () => {
    const graph = ['server_seconds_sum', 'total', 'failed_total', 'server_seconds_bucket'];
    for (const name of graph.map((n) => `traces_service_graph_request_${n}`)) {
      for (const filter of ['', '{client="frontend"}', '{server=~"cart|payment"}']) {
        await answers(`sum by (client, server) (rate(${name}${filter}[5m]))`);
        await answers(`group by (client, connection_type, server) (${name}${filter})`);
      }
      await answers(
        `sum by (client, server, client_service_namespace, server_service_namespace) (rate(${name}[5m]))`,
      );
    }
    const native = 'traces_service_graph_request_server_seconds';
    await answers(`histogram_count(sum by (client, server) (rate(${native}[5m])))`);
    await answers(`histogram_quantile(0.9, sum by (client, server) (rate(${native}[5m])))`);
    await answers(
      'histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds_bucket{client="frontend",server="cart"}[5m])) by (le, client, server))',
    );
    const types = await prometheus.values('count by (connection_type) (traces_service_graph_request_total)', [
      'connection_type',
    ]);
    assert.deepEqual(Object.keys(types).sort(), ['', 'database', 'messaging_system', 'virtual_node']);
  });

  test('the table of rates, errors and durations', async () => {
    const calls = 'traces_spanmetrics_calls_total';
    await answers(`topk(5, sum(rate(${calls}{span_kind="SPAN_KIND_SERVER"}[5m])) by (span_name))`);
    const failed = `${calls}{status_code="STATUS_CODE_ERROR",span_name=~"GET .*|POST .*"}`;
    await answers(`topk(5, sum(rate(${failed}[5m])) by (span_name))`);
    const names = 'traces_spanmetrics_latency_bucket{span_name=~"GET .*"}';
    await answers(`histogram_quantile(.9, sum(rate(${names}[5m])) by (le))`);
  });

  test('links from a trace to metrics, the 95th percentile too', async () => {
    const tags = 'service_name="cart"';
    const calls = 'traces_spanmetrics_calls_total';
    await answers(`sum(rate(${calls}{${tags}}[5m]))`);
    await answers(`sum(rate(${calls}{${tags}, status_code="STATUS_CODE_ERROR"}[5m]))`);
    for (const name of ['duration_seconds', 'latency']) {
      const bucket = `traces_spanmetrics_${name}_bucket{${tags}}`;
      await answers(`histogram_quantile(0.95, sum(rate(${bucket}[5m])) by (le))`);
    }
  });

  test('a quantile of native histograms lies in the bucket of the classic one', async () => {
    for (const q of [0.5, 0.9, 0.99]) {
      const [native] = await answers(
        `histogram_quantile(${q}, sum(traces_spanmetrics_latency{service="cart"}))`,
      );
      const [classic] = await answers(
        `histogram_quantile(${q}, sum by (le) (traces_spanmetrics_latency_bucket{service="cart"}))`,
      );
      const bounds = [0, ...Array.from({ length: 14 }, (_, i) => 0.002 * 2 ** i)];
      const bucket = (value) => bounds.findLastIndex((bound) => bound < value);
      const apart = Math.abs(bucket(native.value) - bucket(classic.value));
      assert.ok(apart <= 1, `${q}: ${native.value} and ${classic.value}`);
    }
  });

  test('traces of exemplars are there', async () => {
    const found = await prometheus.exemplars('traces_spanmetrics_latency_bucket');
    assert.ok(found.length > 20, `${found.length} series with exemplars`);
    for (const { exemplars } of found.slice(0, 20)) {
      assert.ok(await server.trace(exemplars.at(-1).labels.traceID));
    }
  });
});
