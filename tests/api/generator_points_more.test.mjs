// The points that a metrics-generator is accepted by, one test each: 10 to 18 (the others are in
// generator_points.test.mjs). A real Prometheus receives, but where the test must see the bytes or
// decide on the answer.
import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, test } from 'node:test';
import { int, newSpanId, newTraceId, text } from './data.mjs';
import {
  call,
  kClient,
  kConsumer,
  kProducer,
  kServer,
  made,
  push,
  seriesOf,
  status,
  sumOf,
  until,
} from './generator.mjs';
import { calls, requests, watch, withReceiver } from './generator_watch.mjs';

const { at, series, value, edges, collected } = watch();

describe('the points of edges', () => {
  test('10.10 a client and its server are one edge, in two requests, in either order', async () => {
    for (const reversed of [false, true]) {
      const [client, serving] = [`pair-${reversed}-a`, `pair-${reversed}-b`];
      const spans = call(client, serving);
      if (reversed) spans.reverse();
      await push(at.server, [spans[0]]);
      await push(at.server, [spans[1]]);
      await value(`${requests}{client="${client}"}`, 1);
      assert.deepEqual(await edges(`pair-${reversed}`), { [`${client}|${serving}|`]: 1 });
      // Each side's own duration, and the name of the one that was called, whoever came last.
      const end = `{client="${client}", service_name="${serving}"}`;
      await value(`traces_service_graph_request_client_seconds_sum${end}`, 0.002);
      await value(`traces_service_graph_request_server_seconds_sum${end}`, 0.001);
    }
  });

  test('10.11 a producer and its consumer are an edge of a messaging system', async () => {
    await push(at.server, call('send', 'receive', { kinds: [kProducer, kConsumer] }));
    await value(`${requests}{client="send"}`, 1);
    assert.deepEqual(await edges('send'), { 'send|receive|messaging_system': 1 });
  });

  test('10.11 a consumer may be first; two consumers of one message are one edge and no more', async () => {
    const spans = call('send-2', 'receive-2', { kinds: [kProducer, kConsumer] });
    const again = made({
      service: 'receive-3',
      kind: kConsumer,
      trace: spans[0].span.traceId,
      parent: spans[0].span.spanId,
    });
    await push(at.server, [spans[1]]);
    await push(at.server, [spans[0]]);
    await push(at.server, [again]); // a side of its own that waits for another producer
    await value(`${requests}{client="send-2"}`, 1);
    await collected();
    assert.deepEqual(await edges('(send-2|receive-[23])'), { 'send-2|receive-2|messaging_system': 1 });
  });

  test('10.12 db.system and server.address are a database at once', async () => {
    const attributes = [text('db.system', 'postgresql'), text('server.address', 'db-12')];
    const client = { service: 'querier', kind: kClient, parent: newSpanId(), attributes };
    await push(at.server, [made(client)]);
    await collected(); // within two collections of a second: nothing was waited for
    assert.deepEqual(await edges('querier'), { 'querier|db-12|database': 1 });
  });

  test('10.12 a database is named by the first name there is, and took as long as its client', async () => {
    const names = [
      ['peer.service', 'db-peer'],
      ['server.address', 'db-address'],
      ['network.peer.address', '10.0.0.7'],
      ['db.namespace', 'db-namespace'],
      ['db.name', 'db-name'],
      ['db.system', 'db-system'],
    ];
    const spans = names.map((_, i) =>
      made({
        service: `asker-${i}`,
        kind: kClient,
        ms: 40,
        parent: newSpanId(),
        attributes: names.slice(i).map(([key, name]) => text(key, name)),
      }),
    );
    spans[2].span.attributes.push(int('network.peer.port', 5432));
    await push(at.server, spans);
    await collected();
    const expected = names.map(([, name], i) => [`asker-${i}|${i === 2 ? `${name}:5432` : name}|database`, 1]);
    assert.deepEqual(await edges('asker-'), Object.fromEntries(expected));
    await value('count(traces_service_graph_request_server_seconds_sum{client=~"asker-.*"} == 0.04)', 6);
    await value('count(traces_service_graph_request_client_seconds_sum{client=~"asker-.*"} == 0.04)', 6);
  });

  test('10.13 a server without parent is called by a user', async () => {
    await push(at.server, [made({ service: 'front', ms: 3 })]);
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
    const failed = await at.prometheus.query(
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
    await push(at.server, [made({ service: 'read' })]);
    await value(`${calls}{service="read"}`, 1);
  });

  test('10.17 the trace id of an exemplar has no zeros in front, and is found', async () => {
    const trace = Buffer.concat([Buffer.alloc(5), newTraceId().subarray(5)]);
    await push(at.server, [made({ service: 'example', ms: 3, trace })]);
    const selector = 'traces_spanmetrics_latency_bucket{service="example"}';
    const found = await until('no exemplar', async () => {
      const all = await at.prometheus.exemplars(selector);
      return all.length > 0 ? all : null;
    });
    assert.deepEqual(found.map((s) => s.seriesLabels.le), ['0.004']);
    const [exemplar] = found[0].exemplars;
    assert.deepEqual(exemplar.labels, { traceID: trace.toString('hex').replace(/^0+/, '') });
    assert.equal(Number(exemplar.value), 0.003);
    assert.ok(await at.server.trace(exemplar.labels.traceID));
  });

  test('10.17 an exemplar is sent once', async () =>
    withReceiver(status(204), {}, async (own, receiver) => {
      await push(own, [made({ service: 'once', ms: 3, parent: newSpanId() })]);
      const exemplars = () =>
        receiver.requests.flatMap((r) => seriesOf(r)).flatMap((s) => s.exemplars);
      await until('no exemplar', () => exemplars().length > 0);
      const from = receiver.requests.length;
      await until('no more rounds', () => receiver.requests.length >= from + 3);
      assert.equal(exemplars().length, 1);
    }));

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
        // Those that were there before go on.
        await push(own, [made({ service: 'many', name: 'op 0-0' })]);
        await until('the first series stands still', () =>
          receiver.requests
            .flatMap((r) => of(r))
            .some((s) => s.labels.span_name === 'op 0-0' && s.value === 2),
        );
        const metrics = await own.metrics();
        assert.equal(sumOf(metrics, 'tempo_metrics_generator_registry_max_active_series'), 300);
        assert.ok(sumOf(metrics, 'tempo_metrics_generator_registry_series_limited_total') > 0);
      },
    ));
});
