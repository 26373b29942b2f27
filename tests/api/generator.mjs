// Spans for the tests of the metrics-generator, whose truth is known: requests between services, with
// times of now.
import { newSpanId, newTraceId, text } from './data.mjs';
import { Vivace } from './harness.mjs';
import { encodeRequest } from './proto.mjs';

export const kServer = 2;
export const kClient = 3;
export const kProducer = 4;
export const kConsumer = 5;
export const kKinds = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
];
export const kStatuses = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'];

const nanoseconds = (ms) => BigInt(Math.round(ms * 1e6));

// One span; {service} goes to the resource. `ms` is how long it took, `ago` how long ago it ended.
export function made({
  service,
  name = 'op',
  kind = kServer,
  ms = 1,
  ago = 0,
  status = 0,
  trace = newTraceId(),
  id = newSpanId(),
  parent,
  attributes = [],
  resource = [],
}) {
  const end = BigInt(Date.now()) * 1_000_000n - nanoseconds(ago);
  return {
    service,
    resource,
    span: {
      traceId: trace,
      spanId: id,
      ...(parent ? { parentSpanId: parent } : {}),
      name,
      kind,
      startTimeUnixNano: String(end - nanoseconds(ms)),
      endTimeUnixNano: String(end),
      status: { code: status },
      attributes,
    },
  };
}

// A request from one service to another: its client and server span.
export function call(from, to, { ms = 2, failed = false, kinds = [kClient, kServer] } = {}) {
  const trace = newTraceId();
  const id = newSpanId();
  const status = failed ? 2 : 0;
  return [
    made({ service: from, name: `call ${to}`, kind: kinds[0], ms, trace, id, status, parent: newSpanId() }),
    made({ service: to, name: 'serve', kind: kinds[1], ms: ms / 2, trace, parent: id, status }),
  ];
}

export const bodyOf = (spans) =>
  encodeRequest(
    spans.map(({ service, resource, span }) => ({
      resource: { attributes: [...(service ? [text('service.name', service)] : []), ...resource] },
      scopeSpans: [{ spans: [span] }],
    })),
  );

export async function push(server, spans) {
  const answer = await server.push(bodyOf(spans));
  if (answer.status !== 200) throw new Error(`push: ${answer.status} ${answer.text}`);
}

// The settings of a homelab, with a short interval.
export const configFor = (url, { generator = {}, overrides = {}, write = {} } = {}) => ({
  metrics_generator: {
    registry: { external_labels: { source: 'tempo' }, collection_interval: '1s' },
    storage: { path: 'generator/wal', remote_write: [{ url, send_exemplars: true, ...write }] },
    traces_storage: { path: '/proc/nowhere' },
    processor: {
      span_metrics: { dimensions: ['service.name', 'http.method', 'http.status_code'] },
      service_graphs: { dimensions: ['service.name'] },
      local_blocks: { flush_to_storage: false },
    },
    ...generator,
  },
  overrides: {
    defaults: {
      metrics_generator: {
        processors: ['span-metrics', 'service-graphs', 'local-blocks'],
        ...overrides,
      },
    },
  },
});

export const startFor = (url, options) => Vivace.start({ config: configFor(url, options) });
