// A small real service under the OpenTelemetry SDK, run as a process of its own by sdk.test.mjs and
// json.test.mjs: a front that calls a back over HTTP, with spans by hand between them. Exports with
// gzip to $OTLP_URL as protobuf and, if it is set, to $OTLP_JSON_URL as JSON, and prints what the SDK
// says it sent as one line of JSON.
import { createRequire } from 'node:module';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';

const failures = [];
const exporters = [new OTLPTraceExporter({ url: process.env.OTLP_URL, compression: 'gzip' })];
if (process.env.OTLP_JSON_URL) {
  exporters.push(new JsonExporter({ url: process.env.OTLP_JSON_URL, compression: 'gzip' }));
}
const memory = new InMemorySpanExporter();
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({
    'service.name': 'checkout',
    'service.version': '1.2.3',
    'process.pid': process.pid,
    'process.command_args': process.argv,
    'deployment.canary': true,
  }),
  spanProcessors: [
    ...exporters.map(
      (exporter) =>
        new BatchSpanProcessor(
          {
            export(spans, done) {
              exporter.export(spans, (result) => {
                if (result.code !== 0) failures.push(String(result.error));
                done(result);
              });
            },
            shutdown: () => exporter.shutdown(),
            forceFlush: () => exporter.forceFlush(),
          },
          { maxExportBatchSize: 64, scheduledDelayMillis: 20 },
        ),
    ),
    new SimpleSpanProcessor(memory),
  ],
});
provider.register();
registerInstrumentations({
  tracerProvider: provider,
  instrumentations: [new HttpInstrumentation()],
});
// After the instrumentation, so that it is patched.
const http = createRequire(import.meta.url)('node:http');
const tracer = trace.getTracer('checkout-lib', '0.9.1');

const listen = (handler) =>
  new Promise((resolve) => {
    const server = http.createServer(handler).listen(0, '127.0.0.1', () => resolve(server));
  });
const call = (port, path) =>
  new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      })
      .on('error', reject);
  });

const back = await listen((ask, answer) => {
  answer.statusCode = ask.url.includes('fail') ? 500 : 200;
  answer.end('stock');
});

let lastContext;
function work(path) {
  return tracer.startActiveSpan(
    'reserve stock',
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        'cart.items': 3,
        'cart.total': 12.5,
        'cart.gift': false,
        'cart.note': '',
        sku: ['a-1', 'b<2>', 'ü'],
        sizes: [1, 2, 3],
        weights: [0.5, 2.25],
        flags: [true, false],
        big: Number.MAX_SAFE_INTEGER,
        negative: -7,
      },
      links: lastContext
        ? [{ context: lastContext, attributes: { 'link.reason': 'previous', 'link.count': 1 } }]
        : [],
    },
    async (span) => {
      lastContext = span.spanContext();
      span.addEvent('reserving', { attempt: 1, warehouse: 'north' });
      const status = await call(back.address().port, path);
      if (status === 200) {
        span.setStatus({ code: SpanStatusCode.OK });
      } else {
        span.recordException(new RangeError(`back said ${status}`));
        span.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
      }
      tracer.startSpan('publish', { kind: SpanKind.PRODUCER }).end();
      tracer
        .startSpan('consume', {
          kind: SpanKind.CONSUMER,
          root: true,
          links: [{ context: span.spanContext() }],
        })
        .end();
      span.end();
      return status;
    },
  );
}
const front = await listen((ask, answer) => {
  work(ask.url).then((status) => {
    answer.statusCode = status;
    answer.end();
  });
});

for (let i = 0; i < 60; i++)
  await call(front.address().port, i % 5 === 4 ? `/fail?n=${i}` : `/order/${i}`);
front.close();
back.close();
await provider.forceFlush();

// ---- what was sent, in words of OTLP ------------------------------------------------------------

const nanos = ([s, ns]) => String(BigInt(s) * 1_000_000_000n + BigInt(ns));
function anyValue(v) {
  if (typeof v === 'string') return { stringValue: v };
  if (typeof v === 'boolean') return { boolValue: v };
  if (typeof v === 'number')
    return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v };
  if (Array.isArray(v)) return { arrayValue: { values: v.map(anyValue) } };
  throw new Error(`no OTLP value: ${typeof v}`);
}
const attributes = (map) =>
  Object.entries(map ?? {}).map(([key, v]) => ({ key, value: anyValue(v) }));
const flags = (context, remote) => (context.traceFlags & 0xff) | 0x100 | (remote ? 0x200 : 0);

const sent = memory
  .getFinishedSpans()
  .map((s) => ({
    resource: { attributes: attributes(s.resource.attributes) },
    scopeSpans: [
      {
        scope: { name: s.instrumentationScope.name, version: s.instrumentationScope.version },
        schemaUrl: s.instrumentationScope.schemaUrl ?? '',
        spans: [
          {
            traceId: s.spanContext().traceId,
            spanId: s.spanContext().spanId,
            traceState: s.spanContext().traceState?.serialize() ?? '',
            parentSpanId: s.parentSpanContext?.spanId ?? '',
            name: s.name,
            kind: s.kind + 1,
            startTimeUnixNano: nanos(s.startTime),
            endTimeUnixNano: nanos(s.endTime),
            attributes: attributes(s.attributes),
            droppedAttributesCount: s.droppedAttributesCount,
            events: s.events.map((e) => ({
              timeUnixNano: nanos(e.time),
              name: e.name,
              attributes: attributes(e.attributes),
              droppedAttributesCount: e.droppedAttributesCount ?? 0,
            })),
            droppedEventsCount: s.droppedEventsCount,
            links: s.links.map((l) => ({
              traceId: l.context.traceId,
              spanId: l.context.spanId,
              attributes: attributes(l.attributes),
              droppedAttributesCount: l.droppedAttributesCount ?? 0,
              flags: flags(l.context, l.context.isRemote),
            })),
            droppedLinksCount: s.droppedLinksCount,
            status: { code: s.status.code, message: s.status.message ?? '' },
            flags: flags(s.spanContext(), s.parentSpanContext?.isRemote),
          },
        ],
      },
    ],
  }));
await provider.shutdown();
process.stdout.write(`${JSON.stringify({ failures, sent })}\n`);
