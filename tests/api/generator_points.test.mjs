// The points that a metrics-generator is accepted by, one test each: 1 to 9 here, 10 to 18 in
// generator_points_more.test.mjs, 19 in generator_overrides.test.mjs. A real Prometheus receives.
// GENERATOR_OUTAGE_S sets how long the receiver of point 8 is down (5).
import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, test } from 'node:test';
import { int, text } from './data.mjs';
import { call, made, push, seriesOf, startFor, status, sumOf, until } from './generator.mjs';
import { calls, requests, watch, withReceiver } from './generator_watch.mjs';
import { pause } from './harness.mjs';

const kOutageMs = 1000 * Number(process.env.GENERATOR_OUTAGE_S ?? 5);

const { at, series, value, collected } = watch({
  generator: {
    processor: {
      span_metrics: { dimensions: ['where', 'service', 'status.code', 'empty'] },
      service_graphs: { dimensions: ['service.name'] },
    },
  },
});

describe('the points', () => {
  test('10.1 names are exactly those', async () => {
    await push(at.server, [...call('names-a', 'names-b', { failed: true })]);
    await series(`${requests}{client="names-a"}`);
    const all = await at.prometheus.query('{__name__=~"traces_.+", source="tempo"}');
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
      [...new Set((await at.prometheus.query(name)).map((s) => s.metric.le))].sort((a, b) => a - b);
    const twice = (first, count) => Array.from({ length: count }, (_, i) => String(first * 2 ** i));
    assert.deepEqual(await bounds('traces_spanmetrics_latency_bucket{le!="+Inf"}'), twice(0.002, 14));
    assert.deepEqual(
      await bounds('traces_service_graph_request_server_seconds_bucket{le!="+Inf"}'),
      twice(0.1, 8),
    );
    for (const name of ['traces_spanmetrics_latency', ...graph.slice(0, 4)]) {
      const base = name.replace(/_bucket|_count|_sum/, '');
      const [all] = await series(`count(${base}_bucket{le="+Inf"})`);
      const [counts] = await series(`count(${base}_count)`);
      assert.equal(all.value, counts.value, base);
    }
  });

  test('10.1 bounds are written plainly, whole ones without a point', async () => {
    const histogram_buckets = [10, 2.5e-7, 1, 0.25, 1];
    const processor = { span_metrics: { histogram_buckets } };
    await withReceiver(status(204), { generator: { processor } }, async (own, receiver) => {
      await push(own, [made({ service: 'bounds', ms: 250 })]);
      const buckets = await until('nothing sent', () => {
        const all = receiver.requests.flatMap((r) => seriesOf(r));
        const found = all.filter((s) => s.labels.__name__ === 'traces_spanmetrics_latency_bucket');
        return found.some((s) => s.value > 0) ? found : null;
      });
      const last = Object.fromEntries(buckets.map((s) => [s.labels.le, s.value]));
      assert.deepEqual(last, { '0.00000025': 0, 0.25: 1, 1: 1, 10: 1, '+Inf': 1 });
    });
  });

  test('10.2 an empty label is left out', async () => {
    await push(at.server, [
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
    await push(at.server, [
      made({ name: 'empty-named', resource: [text('service.name', '')], attributes: [text('where', '')] }),
    ]);
    for (const name of ['nameless', 'empty-named']) {
      const [one] = await series(`${calls}{span_name="${name}"}`);
      assert.ok(!('service' in one.metric) && !('where' in one.metric), name);
    }
  });

  test('10.3 a dimension whose label is taken gets __ in front', async () => {
    const attributes = [text('service', 'other'), int('status.code', 7)];
    await push(at.server, [made({ service: 'collide', attributes })]);
    const [{ metric }] = await series(`${calls}{service="collide"}`);
    assert.equal(metric.__service, 'other');
    assert.equal(metric.__status_code, '7');
    assert.equal(metric.status_code, 'STATUS_CODE_UNSET');
  });

  test('10.3 all intrinsic names stay taken when they are off, and a digit gets _ in front', async () => {
    const processor = {
      span_metrics: {
        intrinsic_dimensions: { service: false, span_kind: false },
        dimensions: ['service', 'span.name', 'span.kind', 'status.code', 'status-message', '9th'],
      },
    };
    const own = await startFor(at.prometheus.writeUrl, { generator: { processor } });
    try {
      const names = ['service', 'span.name', 'span.kind', 'status.code', 'status-message', '9th'];
      const attributes = names.map((name) => text(name, `mine of ${name}`));
      await push(own, [made({ service: 'off', name: 'collide-off', attributes })]);
      const [{ metric }] = await series(`${calls}{span_name="collide-off"}`);
      const { __name__, __metrics_gen_instance, source, ...labels } = metric;
      assert.deepEqual(labels, {
        span_name: 'collide-off',
        status_code: 'STATUS_CODE_UNSET',
        __service: 'mine of service',
        __span_name: 'mine of span.name',
        __span_kind: 'mine of span.kind',
        __status_code: 'mine of status.code',
        __status_message: 'mine of status-message',
        _9th: 'mine of 9th',
      });
    } finally {
      await own.close();
    }
  });

  test('10.4 the resource is looked at before the span', async () => {
    const where = (at) => [text('where', at)];
    await push(at.server, [
      made({ service: 'lookup', name: 'both', resource: where('resource'), attributes: where('span') }),
      made({ service: 'lookup', name: 'one', attributes: where('span') }),
    ]);
    await series(`${calls}{service="lookup"}`, 2);
    assert.deepEqual(await at.prometheus.values(`${calls}{service="lookup"}`, ['span_name', 'where']), {
      'both|resource': 1,
      'one|span': 1,
    });
  });

  test('10.5 a span that ended 31 s ago is not counted but told', async () => {
    const name =
      'tempo_metrics_generator_spans_discarded_total{reason="outside_metrics_ingestion_slack",tenant="single-tenant"}';
    const before = (await at.server.metrics())[name] ?? 0;
    await push(at.server, [
      made({ service: 'old', ago: 31_000 }),
      made({ service: 'old', ago: -31_000 }),
      made({ service: 'old', ago: 25_000, ms: 60_000 }), // its end is what counts
    ]);
    await value(`${calls}{service="old"}`, 1);
    assert.equal((await at.server.metrics())[name], before + 2);
  });

  test('10.6 the first collection alone has a zero, at :59 of the minute before', async () => {
    const service = 'zero';
    for (let i = 1; i <= 3; i++) {
      await push(at.server, [made({ service })]);
      await value(`${calls}{service="${service}"}`, i);
    }
    const expected = { calls_total: 1, size_total: 1, latency_count: 1, latency_bucket: 15 };
    for (const [name, count] of Object.entries(expected)) {
      const all = await at.prometheus.samples(`traces_spanmetrics_${name}{service="zero"}`);
      assert.equal(all.length, count, name);
      for (const { samples } of all) {
        const [[zeroAt, zero], [firstAt], ...more] = samples;
        assert.equal(zero, 0, name);
        assert.equal(zeroAt, Math.floor(firstAt / 60) * 60 - 1, name);
        assert.ok(more.every(([, v], i) => v >= samples[i + 1][1]), name);
      }
    }
    const [edge] = await at.prometheus.samples(`${requests}{server="${service}"}`);
    assert.deepEqual([edge.samples[0][1], edge.samples[0][0] % 60], [0, 59]);
    const [sum] = await at.prometheus.samples('traces_spanmetrics_latency_sum{service="zero"}');
    assert.ok(sum.samples.every(([at, v]) => v > 0 && at % 60 !== 59));
  });

  test('10.7 a restart within seconds loses no batch of real samples', async () => {
    const service = 'again';
    const spans = () => Array.from({ length: 100 }, (_, i) => made({ service, name: `op ${i}` }));
    await push(at.server, spans());
    await value(`count(${calls}{service="${service}"} == 1)`, 100);
    await at.server.restart();
    await push(at.server, [...spans(), ...spans()]);
    await value(`count(${calls}{service="${service}"} == 2)`, 100);
    await collected();
    const metrics = await at.server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    // Collections have one time: a batch that was lost would leave some series without a sample.
    const times = new Map();
    const all = await at.prometheus.samples(`{__name__=~"traces_spanmetrics_.+", service="${service}"}`);
    for (const { metric, samples } of all) {
      for (const [at] of samples.filter(([at]) => at % 60 !== 59)) {
        times.set(at, (times.get(at) ?? new Set()).add(JSON.stringify(metric)));
      }
    }
    assert.ok(times.size >= 2);
    for (const [at, there] of times) assert.equal(there.size, all.length, `at ${at}`);
    // What Prometheus refused were zeros of series that it knew, at the end of a minute.
    const refused = [...at.prometheus.log.matchAll(/ut of order sample.* timestamp=(\d+)/g)];
    assert.ok(
      refused.every(([, at]) => at % 60_000 === 59_000),
      refused.map(([line]) => line).join('\n'),
    );
  });

  test('10.8 a receiver that was down gets what is recent; memory is bounded', async () => {
    const service = 'down';
    await push(at.server, [made({ service })]);
    await value(`${calls}{service="${service}"}`, 1);
    await at.prometheus.end();
    const began = Date.now();
    let pushed = 1;
    while (Date.now() - began < kOutageMs) {
      await push(at.server, [made({ service })]);
      pushed++;
      const metrics = await at.server.metrics();
      const waiting = sumOf(metrics, 'vivace_remote_write_pending_bytes');
      assert.ok(waiting <= 16 << 20, `${waiting} bytes wait`);
      await pause(200);
    }
    await until('no retry', async () => {
      const metrics = await at.server.metrics();
      return sumOf(metrics, 'prometheus_remote_storage_samples_retried_total') > 0;
    });
    await at.prometheus.begin();
    await value(`${calls}{service="${service}"}`, pushed);
    const [{ samples }] = await at.prometheus.samples(`${calls}{service="${service}"}`);
    const rounds = samples.filter(([at]) => at * 1000 > began && at * 1000 < began + kOutageMs);
    assert.ok(rounds.length >= Math.min(kOutageMs / 1000 - 2, 60), `${rounds.length} rounds`);
    const metrics = await at.server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    assert.match(at.server.stderr, /failing, will be retried/);
    assert.match(at.server.stderr, /answers again/);
  });

  test('10.9 one bad series costs no other', async () => {
    // A sample of the future makes all others of its series out of order.
    await push(at.server, [made({ service: 'bad' })]);
    const [{ metric }] = await series(`${calls}{service="bad"}`);
    const answer = await at.prometheus.write(metric, 99, Date.now() + 1_800_000);
    assert.equal(answer.status, 204, answer.text);
    const names = Array.from({ length: 40 }, (_, i) => `good-${i}`);
    const refused = async () =>
      sumOf(await at.server.metrics(), 'prometheus_remote_storage_samples_failed_total');
    for (let i = 1; i <= 3; i++) {
      const before = await refused();
      await push(at.server, [made({ service: 'bad' }), ...names.map((service) => made({ service }))]);
      await value(`count(${calls}{service=~"good-.*"} == ${i})`, names.length);
      await until('nothing refused', async () => (await refused()) > before);
    }
    await collected();
    assert.match(at.server.stderr, /remote write: samples refused/);
  });
});
