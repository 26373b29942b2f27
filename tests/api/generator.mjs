// Spans for the tests of the metrics-generator, whose truth is known: requests between services, with
// times of now.
import assert from 'node:assert/strict';
import http from 'node:http';
import { newSpanId, newTraceId, text } from './data.mjs';
import { Vivace, freePort, pause } from './harness.mjs';
import { WriteRequest } from './prometheus.mjs';
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

// ---- a receiver of remote writes that answers as it is told ------------------------------------

const kWaitMs = 20_000;

export async function until(what, condition, waitMs = kWaitMs) {
  for (const deadline = Date.now() + waitMs; ; await pause(50)) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, what);
  }
}

export const sumOf = (metrics, start) =>
  Object.entries(metrics)
    .filter(([name]) => name.startsWith(start))
    .reduce((sum, [, value]) => sum + value, 0);

export const status = (code, headers) => (response) =>
  response.writeHead(code, headers).end('told so');

// It keeps the requests.
export class Receiver {
  static async start(answer) {
    const receiver = new Receiver();
    receiver.port = await freePort();
    receiver.requests = [];
    receiver.answer = answer;
    receiver.server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const one = { headers: request.headers, url: request.url, body: Buffer.concat(parts) };
        receiver.requests.push(one);
        receiver.answer(response, one, receiver.requests.length);
      });
    });
    await new Promise((resolve) => receiver.server.listen(receiver.port, '127.0.0.1', resolve));
    return receiver;
  }
  get url() {
    return `http://127.0.0.1:${this.port}/write`;
  }
  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

// The block form of snappy: a length, then literals and copies of what is there already.
export function unpackSnappy(packed) {
  let at = 0;
  const varint = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = packed[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const out = Buffer.alloc(varint());
  let to = 0;
  while (at < packed.length) {
    const tag = packed[at++];
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) {
        const bytes = length - 60;
        length = packed.readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      packed.copy(out, to, at, at + length);
      at += length;
      to += length;
      continue;
    }
    let back;
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | packed[at++];
    } else {
      const bytes = (tag & 3) === 2 ? 2 : 4;
      back = packed.readUIntLE(at, bytes);
      at += bytes;
    }
    assert.ok(back > 0 && back <= to, 'a copy from before the beginning');
    for (let i = 0; i < length; i++, to++) out[to] = out[to - back];
  }
  assert.equal(to, out.length);
  return out;
}

const labelsOf = (list) => Object.fromEntries(list.map(({ name, value }) => [name, value]));

// [{labels, names, value, time, exemplars, histograms}] of a request; the last sample counts.
export const seriesOf = ({ body }) =>
  WriteRequest.decode(unpackSnappy(body)).timeseries.map((one) => ({
    labels: labelsOf(one.labels),
    names: one.labels.map((label) => label.name),
    value: one.samples.at(-1)?.value,
    time: Number(one.samples.at(-1)?.timestamp ?? one.histograms.at(-1)?.timestamp),
    exemplars: one.exemplars.map((e) => ({ labels: labelsOf(e.labels), value: e.value })),
    histograms: one.histograms,
  }));

export const startFor = (url, options) => Vivace.start({ config: configFor(url, options) });
