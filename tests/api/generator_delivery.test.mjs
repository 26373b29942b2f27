// Remote write when the receiver does not behave: down for a while, slow, refusing, hanging; and what
// restarts do to a real Prometheus.
// GENERATOR_FLOOD_S sets how long new label values come at 20,000 a second (3).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { newSpanId, newTraceId, text } from './data.mjs';
import {
  Receiver,
  bodyOf,
  configFor,
  made,
  push,
  seriesOf,
  startFor,
  status,
  sumOf,
  until,
} from './generator.mjs';
import { Vivace, pause } from './harness.mjs';
import { Prometheus } from './prometheus.mjs';

const kFloodMs = 1000 * Number(process.env.GENERATOR_FLOOD_S ?? 3);
const kFloodSpansPerSecond = 20_000;

describe('a real Prometheus', () => {
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
  const callsOf = async (service) =>
    (await prometheus.values(`traces_spanmetrics_calls_total{service="${service}"}`, []))[''];

  test('a restart right after a collection loses nothing that is real', async () => {
    await push(server, [made({ service: 'restart' })]);
    await until('not there', async () => (await callsOf('restart')) === 1);
    await server.restart();
    const before = (await server.metrics()).x;
    assert.equal(before, undefined);
    await push(server, [made({ service: 'restart' }), made({ service: 'restart' })]);
    await push(server, [made({ service: 'after-restart' })]);
    await until('not counted again', async () => (await callsOf('restart')) === 2);
    assert.equal(await callsOf('after-restart'), 1);
    const metrics = await server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    // The new series has its zero although the old one's was refused.
    const [{ samples }] = await prometheus.samples(
      'traces_spanmetrics_calls_total{service="after-restart"}',
    );
    assert.equal(samples[0][1], 0);
  });

  test('what was counted before a stop is sent', async () => {
    await push(server, [made({ service: 'last-words' })]);
    await server.restart();
    assert.equal(await callsOf('last-words'), 1);
  });

  test('after an outage everything arrives', async () => {
    await push(server, [made({ service: 'outage' })]);
    await until('not there', async () => (await callsOf('outage')) === 1);
    await prometheus.end();
    await push(server, [made({ service: 'outage' })]);
    await until('no retry', async () => {
      const metrics = await server.metrics();
      return sumOf(metrics, 'prometheus_remote_storage_samples_retried_total') > 0;
    });
    assert.match(server.stderr, /remote write: failing, will be retried/);
    await pause(2500);
    await push(server, [made({ service: 'outage' })]);
    await prometheus.begin();
    await until('not back', async () => (await callsOf('outage')) === 3);
    const [{ samples }] = await prometheus.samples(
      'traces_spanmetrics_calls_total{service="outage"}',
    );
    assert.ok(
      samples.some(([, value]) => value === 2),
      'a round of the outage',
    );
    assert.match(server.stderr, /the receiver answers again/);
    const metrics = await server.metrics();
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
    assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_dropped_total'), 0);
  });
});

describe('receivers that do not behave', () => {
  const run = async (answer, options, story) => {
    const receiver = await Receiver.start(answer);
    const server = await startFor(receiver.url, options);
    try {
      await push(server, [made({ service: 'one', parent: newSpanId() })]);
      await story(server, receiver);
    } finally {
      receiver.answer = status(204);
      await server.close();
      await receiver.close();
    }
  };

  test('requests are those of remote write 1.0', () =>
    run(
      status(204),
      {
        write: {
          headers: { 'X-Extra': 'yes' },
          http_headers: { 'X-Two': { values: ['a'], secrets: ['b'] } },
          basic_auth: { username: 'u', password: 'p' },
        },
      },
      async (server, receiver) => {
        await until('no request', () => receiver.requests.length >= 2);
        const { headers, url } = receiver.requests[0];
        assert.equal(url, '/write');
        assert.equal(headers['content-encoding'], 'snappy');
        assert.equal(headers['content-type'], 'application/x-protobuf');
        assert.equal(headers['x-prometheus-remote-write-version'], '0.1.0');
        assert.match(headers['user-agent'], /^Vivace\//);
        assert.equal(headers['x-extra'], 'yes');
        assert.equal(headers['x-two'], 'a, b');
        assert.equal(headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
        assert.equal(headers['x-scope-orgid'], undefined);
        assert.equal(headers['retry-attempt'], undefined);
        assert.equal(headers.expect, undefined);
      },
    ));

  test('500 and 429 are tried again, as often as it takes', async () => {
    for (const code of [500, 429]) {
      const answer = (response, _request, number) =>
        status(number <= 4 ? code : 204)(response);
      await run(answer, {}, async (server, receiver) => {
        await until('no retries', () => receiver.requests.length >= 5);
        assert.equal(receiver.requests[4].headers['retry-attempt'], '4');
        assert.deepEqual(receiver.requests[4].body, receiver.requests[0].body);
        const metrics = await until('not sent', async () => {
          const all = await server.metrics();
          return sumOf(all, 'prometheus_remote_storage_samples_total') > 0 ? all : null;
        });
        assert.equal(sumOf(metrics, 'prometheus_remote_storage_samples_failed_total'), 0);
      });
    }
  });

  test('500 to the rest of a round is tried again with pauses, and nothing of it is lost', async () => {
    const kNames = 60;
    let takes = Infinity;
    let refused = 0;
    const answer = (response) => {
      if (takes-- > 0) return status(204)(response);
      refused++;
      status(500)(response);
    };
    const options = { write: { queue_config: { max_samples_per_send: 5 } } };
    await run(answer, options, async (server, receiver) => {
      const spans = Array.from({ length: kNames }, (_, i) =>
        made({ service: 'rest', name: `op ${i}`, parent: newSpanId() }),
      );
      await push(server, spans);
      const all = () =>
        new Set(receiver.requests.flatMap(seriesOf).map((one) => one.labels.span_name));
      await until('no round', () => all().size > kNames);
      takes = 3;
      await until('no outage', () => refused > 0);
      await pause(4000); // eight requests, when the pauses double
      assert.ok(refused <= 20, `${refused} requests to one who is ill`);
      takes = Infinity;
      const sum = async (name) => sumOf(await server.metrics(), name);
      await until('not sent', async () => (await sum('prometheus_remote_storage_samples_pending')) === 0);
      assert.equal(await sum('prometheus_remote_storage_samples_failed_total'), 0);
      assert.equal(await sum('prometheus_remote_storage_samples_dropped_total'), 0);
      assert.doesNotMatch(server.stderr, /samples refused/);
    });
  });

  test('400 is not tried again but in halves, and the log says so once', () =>
    run(status(400), {}, async (server, receiver) => {
      await until('no halves', () => receiver.requests.length >= 40);
      await until('not told', () => /remote write: samples refused.*told so/.test(server.stderr));
      assert.equal(server.stderr.match(/samples refused/g).length, 1);
      const answer = await server.push(Buffer.alloc(0));
      assert.equal(answer.status, 200);
    }));

  test('a series that is answered with 500 for ever holds nothing up, nor others', async () => {
    const has = (request, service) => seriesOf(request).some((s) => s.labels.service === service);
    const answer = (response, request) => status(has(request, 'sick') ? 500 : 204)(response);
    await run(answer, {}, async (server, receiver) => {
      for (let i = 1; i <= 3; i++) {
        await push(server, [
          made({ service: 'sick', parent: newSpanId() }),
          made({ service: 'healthy', parent: newSpanId() }),
        ]);
        await until(`not counted ${i} times`, () =>
          receiver.requests
            .filter((request) => !has(request, 'sick'))
            .flatMap((request) => seriesOf(request))
            .some((s) => s.labels.service === 'healthy' && s.value === i),
        );
      }
      await until('not told', async () => {
        const metrics = await server.metrics();
        const failed = sumOf(metrics, 'prometheus_remote_storage_samples_failed_total');
        const at = sumOf(metrics, 'vivace_remote_write_last_error_timestamp_seconds');
        const code = sumOf(metrics, 'vivace_remote_write_last_error_status');
        return failed > 0 && code === 500 && Math.abs(at - Date.now() / 1000) < 60;
      });
      assert.match(server.stderr, /remote write: samples refused/);
    });
  });

  test('a receiver that hangs holds nothing up', () =>
    run(() => {}, { write: { remote_timeout: '1s' } }, async (server, receiver) => {
      await until('no retry', () => receiver.requests.length >= 2);
      for (let i = 0; i < 20; i++) {
        await push(server, [made({ service: 'two', parent: newSpanId() })]);
      }
      // The generator counts after the ack.
      const name = 'tempo_metrics_generator_spans_received_total{tenant="single-tenant"}';
      await until('not counted', async () => (await server.metrics())[name] === 21);
    }));

  test('several receivers each get everything, relabelled for each', async () => {
    const receivers = [await Receiver.start(status(204)), await Receiver.start(status(500))];
    const config = configFor(receivers[0].url, {
      write: { write_relabel_configs: [{ regex: 'service', action: 'labeldrop' }] },
    });
    config.metrics_generator.storage.remote_write.push({ url: receivers[1].url });
    const server = await Vivace.start({ config });
    await push(server, [made({ service: 'both', parent: newSpanId() })]);
    await until('no request', () => receivers.every((r) => r.requests.length > 0));
    const metrics = await server.metrics();
    const urls = Object.keys(metrics)
      .filter((n) => n.startsWith('prometheus_remote_storage_shards_max{'))
      .map((n) => /url="([^"]*)"/.exec(n)[1]);
    assert.deepEqual(urls.sort(), receivers.map((r) => r.url).sort());
    receivers[1].answer = status(204);
    await server.close();
    for (const receiver of receivers) await receiver.close();
  });
});

// Requests of spans whose attribute `id` is new each time, made by writing over a template.
class Flood {
  #made = 0n;
  #templateAt = 0;
  constructor(spans) {
    this.spans = spans;
  }
  next() {
    if (Date.now() - this.#templateAt > 10_000) this.#make();
    for (const at of this.places) {
      this.body.write((0x1000000000000000n + this.#made++).toString(16), at);
      this.body.writeBigUInt64LE(this.#made, at - this.back);
    }
    return this.body;
  }
  // Each span has an id of its own behind its trace id; the text is the last thing in it.
  #make() {
    const mark = 'mark-for-the-id!';
    const trace = newTraceId();
    const id = Buffer.from('8bytes!!');
    const parent = newSpanId();
    const attributes = [text('id', mark)];
    const one = { service: 'bomb', name: 'op', trace, id, parent, attributes };
    this.body = bodyOf(Array.from({ length: this.spans }, () => made(one)));
    this.places = [];
    for (let at = -1; (at = this.body.indexOf(mark, at + 1)) >= 0; ) this.places.push(at);
    this.back = this.places[0] - this.body.indexOf(id);
    assert.equal(this.places.length, this.spans);
    this.#templateAt = Date.now();
  }
}

test('a dimension with a new value on every span fills nothing and disturbs nobody', async () => {
  const kSpans = 1000;
  const receiver = await Receiver.start(status(204));
  const server = await Vivace.start({
    config: {
      ...configFor(receiver.url, {
        generator: {
          processor: {
            span_metrics: { dimensions: ['id'] },
            service_graphs: { dimensions: ['service.name'] },
          },
        },
      }),
      ingester: { max_block_bytes: 1 << 20 },
    },
  });
  const rss = () =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;
  const flood = new Flood(kSpans);
  const began = Date.now();
  let sent = 0;
  let slowest = 0;
  let half = 0;
  while (Date.now() - began < kFloodMs) {
    const at = Date.now();
    const answer = await server.push(flood.next());
    assert.equal(answer.status, 200);
    sent += kSpans;
    slowest = Math.max(slowest, Date.now() - at);
    if (half === 0 && Date.now() - began > kFloodMs / 2) half = rss();
    receiver.requests.length = 0; // bodies of rounds
    await pause(Math.max(0, began + sent / (kFloodSpansPerSecond / 1000) - Date.now()));
  }
  const name = (reason) =>
    `tempo_metrics_generator_spans_discarded_total{reason="${reason}",tenant="single-tenant"}`;
  const metrics = await until('not all is counted', async () => {
    const all = await server.metrics();
    return sumOf(all, 'tempo_metrics_generator_spans_received_total') === sent ? all : null;
  });
  assert.equal(metrics[name('behind')] ?? 0, 0);
  const active = sumOf(metrics, 'tempo_metrics_generator_registry_active_series');
  const most = sumOf(metrics, 'tempo_metrics_generator_registry_max_active_series');
  assert.ok(active <= most + 19, `${active} of ${most} series`);
  const bytes = sumOf(metrics, 'vivace_generator_series_bytes');
  assert.ok(bytes < 100 * most, `${bytes} bytes of series`);
  if (kFloodMs >= 20_000) {
    const overflow = await until('no overflow', () =>
      receiver.requests.flatMap((r) => seriesOf(r)).find((s) => s.labels.metric_overflow === 'true'),
    );
    assert.ok(overflow);
    assert.ok(rss() - half < 64, `${half} MiB grew to ${rss()} MiB`);
  }
  console.log(
    `# ${sent} spans in ${Date.now() - began} ms, ${active} of ${most} series of ${bytes} bytes, ` +
      `resident ${half.toFixed(0)} then ${rss().toFixed(0)} MiB, slowest ack ${slowest} ms`,
  );
  await server.close();
  await receiver.close();
});

test('a flood of new label values is bounded, told, and disturbs nobody', async () => {
  const receiver = await Receiver.start(status(204));
  const server = await startFor(receiver.url, { overrides: { max_active_series: 2000 } });
  for (let i = 0; i < 40; i++) {
    const spans = Array.from({ length: 500 }, (_, j) =>
      made({ service: 'bomb', name: `op ${i}-${j}`, parent: newSpanId() }),
    );
    await push(server, spans);
  }
  const metrics = await until('no collection', async () => {
    const all = await server.metrics();
    const limited = sumOf(all, 'tempo_metrics_generator_registry_series_limited_total');
    const received = sumOf(all, 'tempo_metrics_generator_spans_received_total');
    return limited > 19_000 && received === 20_000 ? all : null;
  });
  const active = sumOf(metrics, 'tempo_metrics_generator_registry_active_series');
  assert.ok(active > 1900 && active <= 2000 + 19, String(active));
  await until('no warning', () => /too many series/.test(server.stderr));
  await server.close();
  await receiver.close();
});

test('without processors nothing is generated, without a path that is told', async () => {
  const receiver = await Receiver.start(status(204));
  const off = await startFor(receiver.url, { overrides: { processors: [] } });
  await push(off, [made({})]);
  await pause(1500);
  assert.equal(receiver.requests.length, 0);
  await off.close();
  const config = configFor(receiver.url);
  delete config.metrics_generator.storage.path;
  const pathless = await Vivace.start({ config });
  assert.match(pathless.stderr, /metrics-generator is not configured/);
  await push(pathless, [made({})]);
  await pathless.close();
  await receiver.close();
});
