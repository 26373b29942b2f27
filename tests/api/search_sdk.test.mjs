// The OpenTelemetry SDK tells the same trace three times: as OTLP/HTTP protobuf, OTLP/HTTP JSON and
// OTLP/gRPC. Read back they are equal, and searches and lists of tags find all three alike.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { Vivace, freePort, kViews } from './harness.mjs';
import { flatten } from './proto.mjs';
import { found, kBlocksSoon, scopes, search, texts, untilBlocks, values } from './search.mjs';

const kTransports = ['protobuf', 'json', 'grpc'];
// Ids begin with the transport's, and are equal but for that.
const kPrefix = { protobuf: 'aaaa', json: 'bbbb', grpc: 'cccc' };
const kLinked = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const kBegan = Date.now() - 60_000;

class Ids {
  constructor(prefix) {
    Object.assign(this, { prefix, traces: 0, spans: 0 });
  }
  generateTraceId() {
    return this.prefix + String(++this.traces).padStart(28, '0');
  }
  generateSpanId() {
    return this.prefix + String(++this.spans).padStart(12, '0');
  }
}

function exporterOf(transport, server) {
  const url = `http://127.0.0.1:${server.otlpPort}/v1/traces`;
  if (transport === 'protobuf') return new ProtoExporter({ url, compression: 'gzip' });
  if (transport === 'json') return new JsonExporter({ url });
  return new GrpcExporter({ url: `http://127.0.0.1:${server.otlpGrpcPort}` });
}

// A root of 1.5 s, a failed call below it, and a span of another library below that.
function record(provider) {
  const at = (ms) => new Date(kBegan + ms);
  const front = provider.getTracer('front-lib', '1.0');
  const root = front.startSpan('POST /cart', {
    kind: SpanKind.SERVER,
    startTime: at(0),
    attributes: {
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'cart.total': 12.5,
      'cart.gift': true,
      'cart.tags': ['x', 'y'],
      'cart.sizes': [4, 9],
      'cart.note': '',
    },
  });
  const inRoot = trace.setSpan(ROOT_CONTEXT, root);
  const call = front.startSpan(
    'call stock',
    {
      kind: SpanKind.CLIENT,
      startTime: at(100),
      links: [
        {
          context: { ...kLinked, traceFlags: TraceFlags.SAMPLED },
          attributes: { 'link.reason': 'retry' },
        },
      ],
    },
    inRoot,
  );
  call.addEvent('exception', { 'exception.type': 'Timeout', attempt: 3 }, at(250));
  call.setStatus({ code: SpanStatusCode.ERROR, message: 'no answer' });
  const query = provider
    .getTracer('db-lib', '2.1')
    .startSpan(
      'SELECT',
      { startTime: at(150), attributes: { 'db.system': 'postgres' } },
      trace.setSpan(ROOT_CONTEXT, call),
    );
  query.end(at(200));
  call.end(at(400));
  root.end(at(1500));
  return root.spanContext().traceId;
}

let server;
const traceIds = {};
before(async () => {
  const grpcPort = await freePort();
  server = await Vivace.start({
    config: {
      ...kBlocksSoon,
      distributor: {
        receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpcPort}` } } } },
      },
    },
  });
  server.otlpGrpcPort = grpcPort;
  for (const transport of kTransports) {
    const failures = [];
    const exporter = exporterOf(transport, server);
    const provider = new NodeTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'checkout', transport }),
      idGenerator: new Ids(kPrefix[transport]),
      spanProcessors: [
        new BatchSpanProcessor({
          export: (spans, done) =>
            exporter.export(spans, (result) => {
              if (result.code !== 0) failures.push(String(result.error));
              done(result);
            }),
          shutdown: () => exporter.shutdown(),
          forceFlush: () => exporter.forceFlush(),
        }),
      ],
    });
    traceIds[transport] = record(provider);
    await provider.forceFlush();
    await provider.shutdown();
    assert.deepEqual(failures, [], transport);
  }
});
after(async () => {
  await server?.close();
});

const all = () => kTransports.map((it) => traceIds[it]).sort();
const without = (transport, what) =>
  what
    .replaceAll(kPrefix[transport], '')
    .replaceAll(`"transport\\"=s\\"${transport}\\"`, '')
    .replaceAll(`\\"transport\\"=s\\"${transport}\\"`, '')
    .replaceAll(transport, '');

function rows(prepare) {
  before(prepare);

  test('read back, the three are equal in every view', async () => {
    let first;
    for (const transport of kTransports) {
      for (const view of kViews) {
        const stored = await server.trace(traceIds[transport], view);
        assert.ok(stored, transport);
        const spans = flatten(stored).map((it) => without(transport, it));
        assert.equal(spans.length, 3);
        first ??= spans;
        assert.deepEqual(spans, first, `${transport} ${JSON.stringify(view)}`);
      }
    }
  });

  const kFindAll = [
    '{}',
    '{ resource.service.name = "checkout" }',
    '{ .service.name = "checkout" }',
    '{ name = "POST /cart" }',
    '{ span:name = "SELECT" }',
    '{ name =~ "call .*" }',
    '{ status = error }',
    '{ status = error && kind = client }',
    '{ statusMessage = "no answer" }',
    '{ kind = server }',
    '{ kind = internal && name = "SELECT" }',
    '{ duration > 1s }',
    '{ duration = 300ms }',
    '{ duration > 40ms && duration < 60ms }',
    '{ traceDuration >= 1.5s }',
    '{ span.http.response.status_code = 200 }',
    '{ .http.response.status_code >= 200 && .http.request.method = "POST" }',
    '{ span.cart.total = 12.5 }',
    '{ .cart.total > 12 }',
    '{ span.cart.gift = true }',
    '{ .cart.gift }',
    '{ .cart.tags = "y" }',
    '{ .cart.sizes = 9 }',
    '{ .cart.note = "" }',
    '{ .db.system = "postgres" }',
    '{ event:name = "exception" }',
    '{ event.exception.type = "Timeout" && event.attempt = 3 }',
    '{ link.link.reason = "retry" }',
    `{ link:traceID = "${kLinked.traceId}" }`,
    '{ instrumentation:name = "db-lib" && instrumentation:version = "2.1" }',
    '{ rootName = "POST /cart" && name = "SELECT" }',
    '{ rootServiceName = "checkout" }',
    '{ .transport != nil }',
  ];
  for (const q of kFindAll) {
    test(`all three: ${q}`, async () => {
      assert.deepEqual((await found(server, q)).sort(), all());
    });
  }

  const kFindNone = [
    '{ resource.service.name = "other" }',
    '{ span.service.name = "checkout" }',
    '{ name = "SELECT" && status = error }',
    '{ span.http.response.status_code = 201 }',
    '{ span.http.response.status_code = "200" }',
    '{ span.cart.gift = false }',
    '{ .cart.tags = "z" }',
    '{ event.exception.type = "Other" }',
    '{ kind = producer }',
    '{ duration > 1500ms }',
  ];
  for (const q of kFindNone) {
    test(`none: ${q}`, async () => assert.deepEqual(await found(server, q), []));
  }

  for (const transport of kTransports) {
    test(`the one by ${transport}`, async () => {
      for (const attribute of ['resource.transport', '.transport']) {
        const q = `{ ${attribute} = "${transport}" }`;
        assert.deepEqual(await found(server, q), [traceIds[transport]]);
      }
      assert.deepEqual(await found(server, `{ trace:id = "${traceIds[transport]}" }`), [
        traceIds[transport],
      ]);
      const legacy = await search(server, { tags: `transport=${transport} name=SELECT` });
      assert.deepEqual(
        legacy.traces.map((it) => it.traceID),
        [traceIds[transport]],
      );
    });
  }

  test('the answers to a search are equal', async () => {
    const { traces } = await search(server, {
      q: '{ status = error && .transport != nil } | select(name, span.cart.total, kind)',
    });
    const forms = traces.map((it) => {
      const transport = kTransports.find((name) => traceIds[name] === it.traceID);
      return without(transport, JSON.stringify(it));
    });
    assert.equal(forms.length, 3);
    assert.equal(new Set(forms).size, 1, forms.join('\n'));
    assert.equal(traces[0].rootServiceName, 'checkout');
    assert.equal(traces[0].rootTraceName, 'POST /cart');
    assert.equal(traces[0].durationMs, 1500);
    assert.equal(traces[0].startTimeUnixNano, `${kBegan}000000`);
    assert.deepEqual(traces[0].serviceStats, { checkout: { spanCount: 3, errorCount: 1 } });
  });

  test('values of tags', async () => {
    const expected = {
      'resource.transport': ['string grpc', 'string json', 'string protobuf'],
      'resource.service.name': ['string checkout'],
      'span.http.response.status_code': ['int 200'],
      'span.cart.total': ['float 12.5'],
      'span.cart.gift': ['bool true'],
      'span.cart.tags': ['string x', 'string y'],
      'span.cart.sizes': ['int 4', 'int 9'],
      'span.cart.note': ['string '],
      'event.exception.type': ['string Timeout'],
      'event.attempt': ['int 3'],
      'link.link.reason': ['string retry'],
      'instrumentation:name': ['string db-lib', 'string front-lib'],
      name: ['string POST /cart', 'string SELECT', 'string call stock'],
      rootName: ['string POST /cart'],
      statusMessage: ['string no answer'],
    };
    for (const [name, list] of Object.entries(expected)) {
      assert.deepEqual(await values(server, name), list, name);
    }
    for (const transport of kTransports) {
      const q = `{ resource.transport = "${transport}" }`;
      assert.deepEqual((await values(server, 'name', { q })).length, 3);
      assert.deepEqual(await values(server, 'resource.transport', { q }), [`string ${transport}`]);
    }
    assert.deepEqual(await texts(server, 'transport'), ['grpc', 'json', 'protobuf']);
  });

  test('names of tags', async () => {
    const all_ = await scopes(server);
    assert.deepEqual(all_.resource.sort(), ['service.name', 'transport']);
    assert.deepEqual(all_.event, ['attempt', 'exception.type']);
    assert.deepEqual(all_.link, ['link.reason']);
    assert.deepEqual(all_.span, [
      'cart.gift',
      'cart.note',
      'cart.sizes',
      'cart.tags',
      'cart.total',
      'db.system',
      'http.request.method',
      'http.response.status_code',
    ]);
  });
}

describe('as they came', () => rows(() => {}));
describe('in blocks', () => rows(() => untilBlocks(server)));
describe('after a restart', () => rows(() => server.restart()));
