// The metrics-generator against a real Prometheus: what was sent is counted exactly, with the series,
// labels, zeros and exemplars that dashboards expect.
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import { Random, int, newSpanId, newTraceId, seedOf, text } from './data.mjs';
import {
  call,
  kClient,
  kConsumer,
  kKinds,
  kProducer,
  kServer,
  kStatuses,
  made,
  push,
  startFor,
} from './generator.mjs';
import { Prometheus } from './prometheus.mjs';

const random = new Random(seedOf());
const kWaitMs = 15_000;

let prometheus;
let server;
before(async () => {
  prometheus = await Prometheus.start();
  server = await startFor(prometheus.writeUrl);
});
after(async () => {
  await server?.close();
  await prometheus?.close();
});

const count = (table, key, more = 1) => {
  table[key] = (table[key] ?? 0) + more;
};
const equal = (a, b) => {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
};

async function untilValues(query, labels, expected) {
  let last;
  await prometheus
    .until('', kWaitMs, async () => {
      last = await prometheus.values(query, labels);
      return equal(last, expected);
    })
    .catch(() => assert.deepEqual(last, expected, query));
}

describe('span metrics', () => {
  const labels = ['service', 'span_kind', 'status_code'];

  test('calls, latencies and sizes are exactly what was sent', async () => {
    const calls = {};
    const buckets = {};
    for (let i = 0; i < 20; i++) {
      const spans = [];
      for (let j = 0; j < 50; j++) {
        const one = made({
          service: `truth-${random.below(4)}`,
          name: `op ${random.below(3)}`,
          kind: random.below(6),
          status: random.below(3),
          ms: random.pick([0.5, 3, 6, 100, 900]),
          parent: random.chance(0.5) ? newSpanId() : undefined,
        });
        count(calls, [one.service, kKinds[one.span.kind], kStatuses[one.span.status.code]].join('|'));
        const ns = BigInt(one.span.endTimeUnixNano) - BigInt(one.span.startTimeUnixNano);
        for (const le of [0.002, 0.004, 0.008, 0.128, 1.024])
          if (Number(ns) / 1e9 <= le) count(buckets, String(le));
        spans.push(one);
      }
      await push(server, spans);
    }
    const selector = '{service=~"truth-.*"}';
    const by = `by (${labels.join(', ')})`;
    await untilValues(`sum ${by} (traces_spanmetrics_calls_total${selector})`, labels, calls);
    await untilValues(`sum ${by} (traces_spanmetrics_latency_count${selector})`, labels, calls);
    const le = '{service=~"truth-.*", le=~"0.002|0.004|0.008|0.128|1.024"}';
    await untilValues(`sum by (le) (traces_spanmetrics_latency_bucket${le})`, ['le'], buckets);
    await untilValues(`sum (traces_spanmetrics_latency_bucket{service=~"truth-.*", le="+Inf"})`, [], {
      '': 1000,
    });
  });

  test('a series has the labels of the contract, none of them empty', async () => {
    await push(server, [
      made({ service: 'labels', name: 'GET /', attributes: [text('http.method', 'GET')] }),
      made({ service: 'labels', name: 'GET /', attributes: [int('http.status_code', 404)], status: 2 }),
      made({ name: 'nobody' }),
    ]);
    const query = 'traces_spanmetrics_calls_total{span_name=~"GET /|nobody"}';
    const found = await prometheus.until('no series', kWaitMs, async () => {
      const all = await prometheus.query(query);
      return all.length === 3 ? all.map((s) => s.metric) : null;
    });
    const common = {
      __name__: 'traces_spanmetrics_calls_total',
      __metrics_gen_instance: os.hostname(),
      source: 'tempo',
      span_kind: 'SPAN_KIND_SERVER',
      status_code: 'STATUS_CODE_UNSET',
    };
    const named = { ...common, service: 'labels', service_name: 'labels', span_name: 'GET /' };
    const sorted = (list) => list.map((m) => JSON.stringify(Object.entries(m).sort())).sort();
    assert.deepEqual(
      sorted(found),
      sorted([
        { ...named, http_method: 'GET' },
        { ...named, http_status_code: '404', status_code: 'STATUS_CODE_ERROR' },
        { ...common, span_name: 'nobody' },
      ]),
    );
  });

  test('the first sample is preceded by a zero at the end of the minute before, and only it', async () => {
    const selector = '{service="zero"}';
    await push(server, [made({ service: 'zero', ms: 3 })]);
    await untilValues(`traces_spanmetrics_calls_total${selector}`, [], { '': 1 });
    await push(server, [made({ service: 'zero', ms: 3 })]);
    await untilValues(`traces_spanmetrics_calls_total${selector}`, [], { '': 2 });
    for (const name of ['calls_total', 'latency_count', 'latency_bucket']) {
      const all = await prometheus.samples(`traces_spanmetrics_${name}${selector}`);
      assert.ok(all.length >= 1, name);
      for (const { samples } of all) {
        const [time, value] = samples[0];
        assert.equal(value, 0, name);
        assert.equal(time % 60, 59, name);
        assert.ok(samples[1][0] > time && samples[1][0] - time < 62, name);
        assert.ok(samples.slice(1).every(([t]) => t % 60 !== 59 || t % 1 !== 0), name);
      }
    }
    const [sum] = await prometheus.samples(`traces_spanmetrics_latency_sum${selector}`);
    assert.ok(sum.samples.every(([, value]) => value > 0));
  });

  test('quantiles are right to a bucket, and exemplars lead to their traces', async () => {
    const trace = Buffer.concat([Buffer.alloc(3), newTraceId().subarray(3)]);
    const slow = made({ service: 'quantile', ms: 3000, trace });
    const spans = [slow, ...Array.from({ length: 99 }, () => made({ service: 'quantile', ms: 3 }))];
    await push(server, spans);
    const quantile = (q) =>
      `histogram_quantile(${q}, sum by (le) (traces_spanmetrics_latency_bucket{service="quantile"}))`;
    await untilValues('traces_spanmetrics_calls_total{service="quantile"}', [], { '': 100 });
    const [half] = await prometheus.query(quantile(0.5));
    assert.ok(half.value > 0.002 && half.value <= 0.004, String(half.value));
    const [most] = await prometheus.query(quantile(0.999));
    assert.ok(most.value > 2.048 && most.value <= 4.096, String(most.value));
    const found = await prometheus.until('no exemplar', kWaitMs, async () => {
      const all = await prometheus.exemplars(
        'traces_spanmetrics_latency_bucket{service="quantile", le="4.096"}',
      );
      return all[0]?.exemplars;
    });
    const id = trace.toString('hex').replace(/^0+/, '');
    assert.deepEqual(found.map((e) => [e.labels, Number(e.value)]), [[{ traceID: id }, 3]]);
    assert.ok(await server.trace(id), 'the trace of an exemplar');
  });

  test('a span that ended too long ago is not counted, and told', async () => {
    const name = (reason) =>
      `tempo_metrics_generator_spans_discarded_total{reason="${reason}",tenant="single-tenant"}`;
    const before = (await server.metrics())[name('outside_metrics_ingestion_slack')] ?? 0;
    await push(server, [
      made({ service: 'late', ago: 31_000 }),
      made({ service: 'late', ago: -31_000 }),
      made({ service: 'late', ago: 20_000 }),
    ]);
    await untilValues('traces_spanmetrics_calls_total{service="late"}', [], { '': 1 });
    assert.equal((await server.metrics())[name('outside_metrics_ingestion_slack')], before + 2);
  });

  test('what is sent twice is counted once', async () => {
    const spans = [made({ service: 'twice' }), made({ service: 'twice' })];
    await push(server, spans);
    await push(server, spans); // the same bytes
    await push(server, [...spans, made({ service: 'twice' })]); // others
    await untilValues('traces_spanmetrics_calls_total{service="twice"}', [], { '': 3 });
  });
});

describe('service graph', () => {
  const labels = ['client', 'server', 'connection_type'];

  test('edges are exactly the pairs, whichever side comes first, in whichever request', async () => {
    const edges = {};
    const failed = {};
    const services = ['edge-a', 'edge-b', 'edge-c'];
    for (let i = 0; i < 60; i++) {
      const [from, to] = [random.pick(services), random.pick(services)];
      const messaging = random.chance(0.3);
      const bad = random.chance(0.3);
      const pair = call(from, to, {
        failed: bad,
        ...(messaging ? { kinds: [kProducer, kConsumer] } : {}),
      });
      const key = [from, to, messaging ? 'messaging_system' : ''].join('|');
      count(edges, key);
      if (bad) count(failed, key);
      if (random.chance(0.5)) pair.reverse();
      if (random.chance(0.5)) {
        await push(server, pair);
      } else {
        await push(server, [pair[0]]);
        await push(server, [pair[1]]);
      }
    }
    const total = (name) =>
      `sum by (client, server, connection_type) (traces_service_graph_request_${name}{client=~"edge.*"})`;
    await untilValues(total('total'), labels, edges);
    await untilValues(total('failed_total'), labels, failed);
    await untilValues(total('server_seconds_count'), labels, edges);
    await untilValues(total('client_seconds_count'), labels, edges);
  });

  test('a root server has a user, a database its name, an orphan nothing', async () => {
    const database = [text('db.system', 'postgresql'), text('server.address', 'db-1')];
    await push(server, [
      made({ service: 'front', ms: 3 }),
      made({ service: 'front', kind: kClient, ms: 4, attributes: database, parent: newSpanId() }),
      made({ service: 'front', kind: kServer, parent: newSpanId() }),
    ]);
    await untilValues('traces_service_graph_request_total{server=~"front|db-1"}', labels, {
      'user|front|virtual_node': 1,
      'front|db-1|database': 1,
    });
    const name = 'traces_service_graph_request_server_seconds';
    await untilValues(`${name}_sum{server="front"}`, ['client'], { user: 0.003 });
    await untilValues(`traces_service_graph_request_client_seconds_sum{server="front"}`, [], {
      '': 0,
    });
    await untilValues(`${name}_bucket{server="front", le="0.1"}`, ['service_name'], { front: 1 });
  });
});

test('Prometheus refused nothing', async () => {
  const metrics = await server.metrics();
  const sums = {};
  for (const [name, value] of Object.entries(metrics)) {
    const match = /^prometheus_remote_storage_samples_(\w+?)(_total)?\{/.exec(name);
    if (match) count(sums, match[1], value);
  }
  assert.ok(sums.total === undefined || sums.total >= 0);
  assert.equal(sums.failed, 0);
  assert.equal(sums.dropped, 0);
  assert.equal(sums.retried, 0);
  assert.doesNotMatch(prometheus.log, /out of order|Out of order|level=error/);
});
