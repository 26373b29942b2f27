// The points that a metrics-generator is accepted by, one test each: 1 to 18 here, 19 in
// generator_overrides.test.mjs. A real Prometheus receives, but where the test must see the bytes or
// decide on the answer.
// GENERATOR_OUTAGE_S sets how long the receiver of point 8 is down (5).
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import { int, newSpanId, newTraceId, text } from './data.mjs';
import {
  Receiver,
  call,
  kClient,
  kConsumer,
  kProducer,
  kServer,
  made,
  push,
  seriesOf,
  startFor,
  status,
  sumOf,
  until,
} from './generator.mjs';
import { pause } from './harness.mjs';
import { Prometheus } from './prometheus.mjs';

const kOutageMs = 1000 * Number(process.env.GENERATOR_OUTAGE_S ?? 5);
const calls = 'traces_spanmetrics_calls_total';
const requests = 'traces_service_graph_request_total';

let prometheus;
let server;
before(async () => {
  prometheus = await Prometheus.start();
  server = await startFor(prometheus.writeUrl, {
    generator: {
      processor: {
        span_metrics: { dimensions: ['where', 'service', 'status.code', 'empty'] },
        service_graphs: { dimensions: ['service.name'] },
      },
    },
  });
});
after(async () => {
  await server?.close();
  await prometheus?.close();
});

// The series of a selector once there are so many.
const series = (selector, count = 1) =>
  until(`${selector} is not there`, async () => {
    const all = await prometheus.query(selector);
    return all.length >= count ? all : null;
  });
const value = (selector, expected) =>
  until(`${selector} is not ${expected}`, async () => {
    const all = await prometheus.query(selector);
    return all.length === 1 && all[0].value === expected;
  });
const edges = async (service) =>
  prometheus.values(`${requests}{client=~"${service}.*"} or ${requests}{server=~"${service}.*"}`, [
    'client',
    'server',
    'connection_type',
  ]);
// A collection of everything that was pushed so far is with the receiver.
async function collected() {
  const service = `mark-${newSpanId().toString('hex')}`;
  await push(server, [made({ service })]);
  await value(`${calls}{service="${service}"}`, 1);
}
// A story with a receiver of its own.
async function withReceiver(answer, options, story) {
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

describe('the points', () => {
  test('10.1 names are exactly those', async () => {
    await push(server, [...call('names-a', 'names-b', { failed: true })]);
    await series(`${requests}{client="names-a"}`);
    const all = await prometheus.query('{__name__=~"traces_.+", source="tempo"}');
    const graph = ['server_seconds', 'client_seconds'].flatMap((n) =>
      ['bucket', 'count', 'sum'].map((end) => `traces_service_graph_request_${n}_${end}`),
    );
    assert.deepEqual(
      [...new Set(all.map((s) => s.metric.__name__))].sort(),
      [
        calls,
        'traces_spanmetrics_latency_bucket',
        'traces_spanmetrics_latency_count',
        'traces_spanmetrics_latency_sum',
        'traces_spanmetrics_size_total',
        requests,
        'traces_service_graph_request_failed_total',
        ...graph,
      ].sort(),
    );
    const bounds = async (name) =>
      [...new Set((await prometheus.query(name)).map((s) => s.metric.le))].sort((a, b) => a - b);
    const twice = (first, count) => Array.from({ length: count }, (_, i) => String(first * 2 ** i));
    assert.deepEqual(await bounds('traces_spanmetrics_latency_bucket{le!="+Inf"}'), twice(0.002, 14));
    assert.deepEqual(
      await bounds('traces_service_graph_request_server_seconds_bucket{le!="+Inf"}'),
      twice(0.1, 8),
    );
  });

  test('10.2 an empty label is left out', async () => {
    await push(server, [
      made({ service: 'empty', attributes: [text('empty', '')] }),
      made({ name: 'nameless' }),
    ]);
    const [{ metric }] = await series(`${calls}{service="empty"}`);
    assert.deepEqual(Object.keys(metric).sort(), [
      '__metrics_gen_instance',
      '__name__',
      'service',
      'source',
      'span_kind',
      'span_name',
      'status_code',
    ]);
    assert.equal(metric.__metrics_gen_instance, os.hostname());
    const [nameless] = await series(`${calls}{span_name="nameless"}`);
    assert.ok(!('service' in nameless.metric));
  });

  test('10.3 a dimension whose label is taken gets __ in front', async () => {
    const attributes = [text('service', 'other'), int('status.code', 7)];
    await push(server, [made({ service: 'collide', attributes })]);
    const [{ metric }] = await series(`${calls}{service="collide"}`);
    assert.equal(metric.__service, 'other');
    assert.equal(metric.__status_code, '7');
    assert.equal(metric.status_code, 'STATUS_CODE_UNSET');
  });

  test('10.4 the resource is looked at before the span', async () => {
    const where = (at) => [text('where', at)];
    await push(server, [
      made({ service: 'lookup', name: 'both', resource: where('resource'), attributes: where('span') }),
      made({ service: 'lookup', name: 'one', attributes: where('span') }),
    ]);
    await series(`${calls}{service="lookup"}`, 2);
    assert.deepEqual(await prometheus.values(`${calls}{service="lookup"}`, ['span_name', 'where']), {
      'both|resource': 1,
      'one|span': 1,
    });
  });

  test('10.5 a span that ended 31 s ago is not counted but told', async () => {
    const name =
      'tempo_metrics_generator_spans_discarded_total{reason="outside_metrics_ingestion_slack",tenant="single-tenant"}';
    const before = (await server.metrics())[name] ?? 0;
    await push(server, [
      made({ service: 'old', ago: 31_000 }),
      made({ service: 'old', ago: -31_000 }),
      made({ service: 'old', ago: 25_000, ms: 60_000 }), // its end is what counts
    ]);
    await value(`${calls}{service="old"}`, 1);
    assert.equal((await server.metrics())[name], before + 2);
  });

  test('10.6 the first collection alone has a zero, at :59 of the minute before', async () => {
    const service = 'zero';
    for (let i = 1; i <= 3; i++) {
      await push(server, [made({ service })]);
      await value(`${calls}{service="${service}"}`, i);
    }
    for (const name of ['calls_total', 'size_total', 'latency_count', 'latency_bucket']) {
      for (const { samples } of await prometheus.samples(`traces_spanmetrics_${name}{service="zero"}`)) {
        const [[zeroAt, zero], [firstAt], ...more] = samples;
        assert.equal(zero, 0, name);
        assert.equal(zeroAt, Math.floor(firstAt / 60) * 60 - 1, name);
        assert.ok(more.every(([, v], i) => v >= samples[i + 1][1]), name);
      }
    }
    const [sum] = await prometheus.samples('traces_spanmetrics_latency_sum{service="zero"}');
    assert.ok(sum.samples.every(([at, v]) => v > 0 && at % 60 !== 59));
  });

  test('10.7 a restart within seconds loses no batch of real samples', async () => {
    const service = 'again';
    const spans = () => Array.from({ length: 100 }, (_, i) => made({ service, name: `op ${i}` }));
    await push(server, spans());
    await value(`count(${calls}{service="${service}"} == 1)`, 100);
    await server.restart();
    await push(server, [...spans(), ...spans()]);
    await value(`count(${calls}{service="${service}"} == 2)`, 100);
    await collected();
    const metrics = await server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    // Collections have one time: a batch that was lost would leave some series without a sample.
    const times = new Map();
    const all = await prometheus.samples(`{__name__=~"traces_spanmetrics_.+", service="${service}"}`);
    for (const { metric, samples } of all) {
      for (const [at] of samples.filter(([at]) => at % 60 !== 59)) {
        times.set(at, (times.get(at) ?? new Set()).add(JSON.stringify(metric)));
      }
    }
    assert.ok(times.size >= 2);
    for (const [at, there] of times) assert.equal(there.size, all.length, `at ${at}`);
    // What Prometheus refused were zeros of series that it knew, at the end of a minute.
    const refused = [...prometheus.log.matchAll(/ut of order sample.* timestamp=(\d+)/g)];
    assert.ok(
      refused.every(([, at]) => at % 60_000 === 59_000),
      refused.map(([line]) => line).join('\n'),
    );
  });

  test('10.8 a receiver that was down gets what is recent; memory is bounded', async () => {
    const service = 'down';
    await push(server, [made({ service })]);
    await value(`${calls}{service="${service}"}`, 1);
    await prometheus.end();
    const began = Date.now();
    let pushed = 1;
    while (Date.now() - began < kOutageMs) {
      await push(server, [made({ service })]);
      pushed++;
      const metrics = await server.metrics();
      const waiting = sumOf(metrics, 'vivace_remote_write_pending_bytes');
      assert.ok(waiting <= 16 << 20, `${waiting} bytes wait`);
      await pause(200);
    }
    await until('no retry', async () => {
      const metrics = await server.metrics();
      return sumOf(metrics, 'prometheus_remote_storage_samples_retried_total') > 0;
    });
    await prometheus.begin();
    await value(`${calls}{service="${service}"}`, pushed);
    const [{ samples }] = await prometheus.samples(`${calls}{service="${service}"}`);
    const rounds = samples.filter(([at]) => at * 1000 > began && at * 1000 < began + kOutageMs);
    assert.ok(rounds.length >= Math.min(kOutageMs / 1000 - 2, 60), `${rounds.length} rounds`);
    const metrics = await server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    assert.match(server.stderr, /failing, will be retried/);
    assert.match(server.stderr, /answers again/);
  });

  test('10.9 one bad series costs no other', async () => {
    // A sample of the future makes all others of its series out of order.
    await push(server, [made({ service: 'bad' })]);
    const [{ metric }] = await series(`${calls}{service="bad"}`);
    const answer = await prometheus.write(metric, 99, Date.now() + 1_800_000);
    assert.equal(answer.status, 204, answer.text);
    const names = Array.from({ length: 40 }, (_, i) => `good-${i}`);
    const refused = async () =>
      sumOf(await server.metrics(), 'prometheus_remote_storage_samples_failed_total');
    for (let i = 1; i <= 3; i++) {
      const before = await refused();
      await push(server, [made({ service: 'bad' }), ...names.map((service) => made({ service }))]);
      await value(`count(${calls}{service=~"good-.*"} == ${i})`, names.length);
      await until('nothing refused', async () => (await refused()) > before);
    }
    await collected();
    assert.match(server.stderr, /remote write: samples refused/);
  });
});

describe('the points of edges', () => {
  test('10.10 a client and its server are one edge, in two requests, in either order', async () => {
    for (const reversed of [false, true]) {
      const [client, serving] = [`pair-${reversed}-a`, `pair-${reversed}-b`];
      const spans = call(client, serving);
      if (reversed) spans.reverse();
      await push(server, [spans[0]]);
      await push(server, [spans[1]]);
      await value(`${requests}{client="${client}"}`, 1);
      assert.deepEqual(await edges(`pair-${reversed}`), { [`${client}|${serving}|`]: 1 });
    }
  });

  test('10.11 a producer and its consumer are an edge of a messaging system', async () => {
    await push(server, call('send', 'receive', { kinds: [kProducer, kConsumer] }));
    await value(`${requests}{client="send"}`, 1);
    assert.deepEqual(await edges('send'), { 'send|receive|messaging_system': 1 });
  });

  test('10.12 db.system and server.address are a database at once', async () => {
    const attributes = [text('db.system', 'postgresql'), text('server.address', 'db-12')];
    const client = { service: 'querier', kind: kClient, parent: newSpanId(), attributes };
    await push(server, [made(client)]);
    await collected(); // within two collections of a second: nothing was waited for
    assert.deepEqual(await edges('querier'), { 'querier|db-12|database': 1 });
  });

  test('10.13 a server without parent is called by a user', async () => {
    await push(server, [made({ service: 'front', ms: 3 })]);
    await value(`${requests}{server="front"}`, 1);
    const [{ metric }] = await series(`${requests}{server="front"}`);
    const { __name__, __metrics_gen_instance, ...labels } = metric;
    assert.deepEqual([__name__, __metrics_gen_instance], [requests, os.hostname()]);
    assert.deepEqual(labels, {
      client: 'user',
      connection_type: 'virtual_node',
      server: 'front',
      service_name: 'front',
      source: 'tempo',
    });
    await value('traces_service_graph_request_server_seconds_sum{server="front"}', 0.003);
    await value('traces_service_graph_request_client_seconds_sum{server="front"}', 0);
    await value('traces_service_graph_request_client_seconds_bucket{server="front",le="0.1"}', 1);
    const failed = await prometheus.query(
      'traces_service_graph_request_failed_total{server="front"}',
    );
    assert.deepEqual(failed, []);
  });

  test('10.14 a server whose parent nobody knows is no edge', async () =>
    withReceiver(
      status(204),
      { generator: { processor: { service_graphs: { wait: '1s' } } } },
      async (own, receiver) => {
        await push(own, [made({ service: 'orphan', kind: kServer, parent: newSpanId() })]);
        await until('it still waits', async () => {
          const name = 'tempo_metrics_generator_processor_service_graphs_expired_edges';
          return sumOf(await own.metrics(), name) === 1;
        });
        const from = receiver.requests.length;
        await until('no collection', () => receiver.requests.length >= from + 2);
        const names = receiver.requests.flatMap((r) => seriesOf(r).map((s) => s.labels.__name__));
        assert.ok(names.includes(calls));
        assert.ok(!names.some((name) => name.startsWith('traces_service_graph')));
      },
    ));
});

describe('the points of the machinery', () => {
  test('10.15 order and repeats in the list of processors do not matter, nor does a bad path', async () => {
    const processors = [
      'local-blocks',
      'service-graphs',
      'span-metrics',
      'span-metrics-count',
      'service-graphs',
      'span-metrics',
      'local-blocks',
    ];
    await withReceiver(status(204), { overrides: { processors } }, async (own, receiver) => {
      await push(own, [made({ service: 'listed' })]);
      const sent = () => receiver.requests.flatMap((r) => seriesOf(r));
      const last = (name) => sent().findLast((s) => s.labels.__name__ === name);
      await until('not counted', () => last(calls)?.value === 1 && last(requests)?.value === 1);
      assert.ok(sent().every((s) => !/_total$|_count$/.test(s.labels.__name__) || s.value <= 1 ||
        /size/.test(s.labels.__name__)));
      assert.doesNotMatch(own.stderr, /level=error/);
      assert.equal((await own.get('/ready')).status, 200);
    });
  });

  test('10.16 labels are sorted, the block is valid snappy, Prometheus reads it', async () => {
    await withReceiver(status(204), {}, async (own, receiver) => {
      await push(own, [...call('sort-a', 'sort-b'), made({ service: 'sort-c', status: 2 })]);
      await until('nothing sent', () => receiver.requests.length >= 4);
      const all = receiver.requests.flatMap((r) => seriesOf(r)); // strict about the block
      assert.ok(all.length > 50);
      for (const { names, labels } of all) {
        assert.deepEqual(names, [...new Set(names)].sort());
        assert.ok(names.includes('__name__'));
        assert.ok(Object.values(labels).every((v) => v !== ''));
      }
    });
    await push(server, [made({ service: 'read' })]);
    await value(`${calls}{service="read"}`, 1);
  });

  test('10.17 the trace id of an exemplar has no zeros in front, and is found', async () => {
    const trace = Buffer.concat([Buffer.alloc(5), newTraceId().subarray(5)]);
    await push(server, [made({ service: 'example', ms: 3, trace })]);
    const selector = 'traces_spanmetrics_latency_bucket{service="example"}';
    const found = await until('no exemplar', async () => {
      const all = await prometheus.exemplars(selector);
      return all.length > 0 ? all : null;
    });
    assert.deepEqual(found.map((s) => s.seriesLabels.le), ['0.004']);
    const [exemplar] = found[0].exemplars;
    assert.deepEqual(exemplar.labels, { traceID: trace.toString('hex').replace(/^0+/, '') });
    assert.equal(Number(exemplar.value), 0.003);
    assert.ok(await server.trace(exemplar.labels.traceID));
  });

  test('10.18 the limit of active series is kept', async () =>
    withReceiver(
      status(204),
      { overrides: { max_active_series: 300, processors: ['span-metrics'] } },
      async (own, receiver) => {
        for (let i = 0; i < 10; i++) {
          await push(
            own,
            Array.from({ length: 100 }, (_, j) => made({ service: 'many', name: `op ${i}-${j}` })),
          );
        }
        const overflow = await until('no overflow', () =>
          receiver.requests
            .flatMap((r) => seriesOf(r))
            .findLast((s) => s.labels.__name__ === calls && s.labels.metric_overflow === 'true'),
        );
        assert.deepEqual(Object.keys(overflow.labels).sort(), [
          '__metrics_gen_instance',
          '__name__',
          'metric_overflow',
          'source',
        ]);
        const of = (r) => seriesOf(r).filter((s) => s.labels.__name__ === calls);
        await until('not all are counted', () => {
          const total = receiver.requests
            .map((r) => of(r).reduce((sum, s) => sum + s.value, 0))
            .reduce((a, b) => Math.max(a, b), 0);
          return total === 1000;
        });
        const ids = new Set(
          receiver.requests.flatMap((r) => seriesOf(r).map((s) => JSON.stringify(s.labels))),
        );
        assert.ok(ids.size <= 300 + 19, `${ids.size} series`);
        const metrics = await own.metrics();
        assert.equal(sumOf(metrics, 'tempo_metrics_generator_registry_max_active_series'), 300);
        assert.ok(sumOf(metrics, 'tempo_metrics_generator_registry_series_limited_total') > 0);
      },
    ));
});
