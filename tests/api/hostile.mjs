// The hostile dataset: what clients send that nobody planned for. Each part is a list of requests and
// what must come back of them, whatever they are cut, merged or sent again with.
//
//   for (const part of hostileParts(random, { giantSpans: 60_000 })) ...
//     part.name
//     part.requests     resourceSpans, or a Buffer where protobufjs could not make them
//     part.traces       Map of hex trace id -> {spans, texts (sorted; absent: only counted), raw}
//
// Every span has the attribute hostile = part.name, so that searches can ask for a part.
import { Buffer } from 'node:buffer';
import { around, int, text } from './data.mjs';
import { encodeRequest, flattenSpans } from './proto.mjs';

const kSecond = 1_000_000_000n;
const kHour = 3600n * kSecond;
const kYear = 365n * 24n * kHour;
const now = () => BigInt(Date.now()) * 1_000_000n;
const hex = (bytes) => Buffer.from(bytes).toString('hex');

function makeSpan(random, part, fields = {}) {
  const start = fields.start ?? now() - BigInt(random.below(1_000_000_000));
  const end = fields.end ?? start + BigInt(random.below(200_000_000));
  const { attributes = [], start: _s, end: _e, ...rest } = fields;
  return {
    traceId: random.id(16),
    spanId: random.id(8),
    name: part,
    kind: 1,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: [text('hostile', part), ...attributes],
    ...rest,
  };
}

function partOf(name, requests) {
  const traces = new Map();
  for (const { trace, text: form } of requests.flatMap((r) => flattenSpans(r))) {
    if (!traces.has(trace)) traces.set(trace, { spans: 0, texts: [] });
    const entry = traces.get(trace);
    ++entry.spans;
    entry.texts.push(form);
  }
  for (const entry of traces.values()) entry.texts.sort();
  return { name, requests, traces };
}

// One trace in 300 requests, as a batch job that never ends makes them; its texts would be too many
// to keep, so its spans are counted, and their ids summed up.
function giant(random, spans) {
  const traceId = random.id(16);
  const root = random.id(8);
  const kRequests = 300;
  const ids = new Set();
  const make = function* () {
    for (let i = 0; i < kRequests; i++) {
      const count = Math.floor((spans * (i + 1)) / kRequests) - Math.floor((spans * i) / kRequests);
      const list = [];
      for (let s = 0; s < count; s++) {
        const spanId = ids.size === 0 ? root : random.id(8);
        ids.add(hex(spanId));
        list.push(
          makeSpan(random, 'giant', {
            traceId,
            spanId,
            parentSpanId: spanId === root ? Buffer.alloc(0) : root,
            attributes: [int('item', ids.size), text('queue', `q${ids.size % 7}`)],
          }),
        );
      }
      yield around(list);
    }
  };
  return { name: 'giant', requests: make(), traces: new Map([[hex(traceId), { spans, ids }]]) };
}

function manyKeys(random, keys) {
  const kKeysInSpan = 20;
  const kSpansInRequest = 50;
  const requests = [];
  for (let key = 0; key < keys;) {
    const spans = [];
    while (spans.length < kSpansInRequest && key < keys) {
      const attributes = [];
      while (attributes.length < kKeysInSpan && key < keys) {
        attributes.push(text(`key.${key}`, `${key++ % 3}`));
      }
      spans.push(makeSpan(random, 'keys', { attributes }));
    }
    requests.push(around(spans));
  }
  return partOf('keys', requests);
}

function mixedTypes(random) {
  const values = [
    { stringValue: '7' },
    { intValue: '7' },
    { doubleValue: 7 },
    { boolValue: true },
  ];
  const traceId = random.id(16);
  const spans = [];
  for (let i = 0; i < 40; i++) {
    const attributes = [
      { key: 'mixed', value: values[i % 4] },
      { key: 'mixed', value: values[(i >> 2) % 4] },
    ];
    spans.push(makeSpan(random, 'mixed', { traceId, attributes }));
  }
  return partOf('mixed', [around(spans)]);
}

function oddClocks(random) {
  const at = now();
  const cases = {
    late: { start: at - 6n * kHour },
    future: { start: at + 10n * kYear },
    past: { start: at - 10n * kYear },
    epoch: { start: 0n, end: 0n },
    backwards: { start: at, end: at - 5n * kSecond },
    widest: { start: 0n, end: (1n << 64n) - 1n },
  };
  return Object.entries(cases).map(([name, fields]) => {
    const requests = [];
    for (let i = 0; i < 3; i++) {
      const traceId = random.id(16);
      requests.push(
        around(Array.from({ length: 5 }, () => makeSpan(random, name, { traceId, ...fields }))),
      );
    }
    return partOf(name, requests);
  });
}

// Client, server and internal span of one id, which some tracers do, and a span that is sent twice
// with other contents, of which the first counts. Their ids are changed on the way out, so they are
// counted.
function sharedIds(random) {
  const traceId = random.id(16);
  const spanId = random.id(8);
  const spans = [3, 2, 1].map((kind) => makeSpan(random, 'shared', { traceId, spanId, kind }));
  const again = makeSpan(random, 'shared', { traceId, spanId, kind: 3 });
  return {
    name: 'shared',
    requests: [around(spans), around([again])],
    traces: new Map([[hex(traceId), { spans: 3 }]]),
  };
}

function sizes(random) {
  const large = 'x'.repeat(2 << 20);
  const spans = [
    makeSpan(random, 'sizes', { attributes: [text('large', large)] }),
    makeSpan(random, 'sizes', { attributes: [{ key: 'bytes', value: { bytesValue: random.bytes(1 << 20) } }] }),
    makeSpan(random, 'sizes', { attributes: [text('', ''), text('empty', ''), { key: 'none' }] }),
    makeSpan(random, 'sizes', { name: '', attributes: [{ key: 'list', value: { arrayValue: {} } }] }),
    makeSpan(random, 'sizes', { name: 'n'.repeat(100_000), attributes: [text('k'.repeat(60_000), '1')] }),
  ];
  return partOf('sizes', spans.map((span) => around([span])));
}

// protobufjs writes good UTF-8 only: bytes are put in the place of a mark of the same length.
function notUtf8(random) {
  const mark = 'MARKMARKMARK';
  const bytes = Buffer.from('fffe80c0afeda0804180ff20', 'hex');
  const span = makeSpan(random, 'bytes', {
    name: mark,
    attributes: [text('bad', mark), text(mark, 'bad key')],
  });
  const body = encodeRequest(around([span]));
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark)) bytes.copy(body, at);
  return {
    name: 'bytes',
    requests: [body],
    traces: new Map([[hex(span.traceId), { spans: 1, raw: bytes }]]),
  };
}

export function* hostileParts(random, { giantSpans, keys }) {
  yield giant(random, giantSpans);
  yield manyKeys(random, keys);
  yield mixedTypes(random);
  yield* oddClocks(random);
  yield sharedIds(random);
  yield sizes(random);
  yield notUtf8(random);
}

// The spans of requests in another order and in other batches, as a client with a queue sends them
// again. Only of parts whose spans are all different.
export function* rebatched(random, parts) {
  const spans = [];
  for (const part of parts) {
    if (part.name === 'giant' || part.name === 'sizes') continue;
    for (const request of part.requests) {
      if (Buffer.isBuffer(request)) continue;
      for (const rs of request)
        for (const ss of rs.scopeSpans)
          for (const span of ss.spans) spans.push({ rs, ss, span });
    }
  }
  for (let i = spans.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [spans[i], spans[other]] = [spans[other], spans[i]];
  }
  for (let at = 0; at < spans.length;) {
    const batch = spans.slice(at, (at += 1 + random.below(400)));
    yield batch.map(({ rs, ss, span }) => ({ ...rs, scopeSpans: [{ ...ss, spans: [span] }] }));
  }
}
