// Spans for tests: a seeded random source, plain spans in a line, and spans with every field and
// value type filled at random.
import crypto from 'node:crypto';

// A small fast generator (splitmix-like, 32 bits); the same seed gives the same data everywhere.
// Chris Doty-Humphrey's sfc32 (PractRand): 128 bits of state, so that the streams of two seeds do not
// meet, and no two clients ever send the same span.
export class Random {
  constructor(seed) {
    this.state = [seed >>> 0, 0x9e3779b9, (seed ^ 0x243f6a88) >>> 0];
    this.counter = 1;
    for (let i = 0; i < 15; i++) this.next();
  }
  next() {
    const [a, b, c] = this.state;
    const out = (a + b + this.counter) >>> 0;
    this.counter = (this.counter + 1) >>> 0;
    this.state = [
      (b ^ (b >>> 9)) >>> 0,
      (c + (c << 3)) >>> 0,
      (((c << 21) | (c >>> 11)) + out) >>> 0,
    ];
    return out;
  }
  below(n) {
    return this.next() % n;
  }
  chance(p) {
    return this.next() / 2 ** 32 < p;
  }
  pick(list) {
    return list[this.below(list.length)];
  }
  bytes(n) {
    const out = Buffer.alloc(n);
    for (let i = 0; i < n; i++) out[i] = this.below(256);
    return out;
  }
  id(n) {
    // never all zero
    const out = this.bytes(n);
    if (out.every((b) => b === 0)) out[0] = 1;
    return out;
  }
  u64() {
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }
}

// The seed of a random test: SEED from the environment to repeat a run. Print it.
export const seedOf = () => Number(process.env.SEED ?? crypto.randomBytes(4).readUInt32LE());

// ---- plain spans --------------------------------------------------------------------------------

export const text = (key, value) => ({ key, value: { stringValue: value } });
export const int = (key, value) => ({ key, value: { intValue: String(value) } });
export const newTraceId = () => crypto.randomBytes(16);
export const newSpanId = () => crypto.randomBytes(8);

export const span = (fields = {}) => ({
  traceId: newTraceId(),
  spanId: newSpanId(),
  name: 'work',
  kind: 1,
  startTimeUnixNano: '1700000000000000000',
  endTimeUnixNano: '1700000000150000000',
  ...fields,
});

// One resource, one scope around `spans`.
export const around = (
  spans,
  { service = 'shop', resource, scope = { name: 'lib', version: '1' } } = {},
) => [
  {
    resource: resource ?? { attributes: [text('service.name', service)] },
    scopeSpans: [{ scope, spans }],
  },
];

// ---- spans with everything ----------------------------------------------------------------------

const kWords = [
  '',
  'a',
  'GET /',
  'größe',
  '名前',
  '🚀 up',
  'line\nbreak',
  'tab\t"quote"\\',
  '<b>&amp;</b>',
  'nul\u0000byte',
  '\u2028 \u2029',
  '\ufffd',
  'service.name',
  'http.status_code',
  'e\u0301',
  ' ',
  '{}',
  '$.x',
];
const kInts = [
  '0',
  '1',
  '-1',
  '127',
  '-128',
  '2147483648',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
];
const kDoubles = [
  0,
  -0,
  1,
  -1.5,
  0.1,
  1e-320,
  5e-324,
  1.7976931348623157e308,
  1e21,
  123456789.125,
  NaN,
  Infinity,
  -Infinity,
];
const kTimes = ['0', '1', '1700000000000000000', '9223372036854775807', '18446744073709551615'];
const kKeys = [
  'service.name',
  'http.method',
  'http.status_code',
  'k',
  'größe',
  '',
  'a b',
  'dup',
  'x.y.z',
];

function word(random) {
  if (random.chance(0.6)) return random.pick(kWords);
  if (random.chance(0.05)) return 'x'.repeat(2047);
  if (random.chance(0.05)) return '€'.repeat(682); // 2046 bytes
  return `w${random.next().toString(36)}`;
}

function value(random, depth) {
  const kind = random.below(depth > 0 ? 9 : 6);
  switch (kind) {
    case 0:
      return { boolValue: random.chance(0.5) };
    case 1:
      return {
        intValue: random.chance(0.5)
          ? random.pick(kInts)
          : BigInt.asIntN(64, random.u64()).toString(),
      };
    case 2:
      return {
        doubleValue: random.chance(0.5) ? random.pick(kDoubles) : (random.next() - 2 ** 31) / 1000,
      };
    case 3:
      return { bytesValue: random.bytes(random.pick([0, 1, 8, 40])) };
    case 4:
      return {};
    case 6:
      return { arrayValue: { values: several(random, 4, () => value(random, depth - 1)) } };
    case 7:
      return { kvlistValue: { values: attributes(random, depth - 1) } };
    case 8:
      return { arrayValue: { values: several(random, 3, () => ({ stringValue: word(random) })) } };
    default:
      return { stringValue: word(random) };
  }
}

const several = (random, most, make) => Array.from({ length: random.below(most + 1) }, make);

function attributes(random, depth = 3) {
  const list = several(random, 6, () => ({
    key: random.chance(0.7) ? random.pick(kKeys) : word(random),
    ...(random.chance(0.95) ? { value: value(random, depth) } : {}),
  }));
  if (list.length && random.chance(0.2))
    list.push({ key: list[0].key, value: value(random, depth) });
  return list;
}

const count = (random) => (random.chance(0.7) ? 0 : random.pick([1, 7, 4294967295]));
const state = (random) =>
  random.chance(0.6) ? '' : random.pick(['a=1', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE']);
const flags = (random) => random.pick([0, 1, 0x101, 0x301, 0xffffffff]);
const time = (random) => (random.chance(0.3) ? random.pick(kTimes) : random.u64().toString());
const schema = (random) =>
  random.chance(0.6) ? '' : random.pick(['https://opentelemetry.io/schemas/1.21.0', 'urn:x']);

function randomEvent(random) {
  return {
    timeUnixNano: time(random),
    name: word(random),
    attributes: attributes(random, 2),
    droppedAttributesCount: count(random),
  };
}

function randomLink(random) {
  const known = random.chance(0.9);
  return {
    traceId: known ? random.id(16) : Buffer.alloc(0),
    spanId: known ? random.id(8) : Buffer.alloc(0),
    traceState: state(random),
    attributes: attributes(random, 2),
    droppedAttributesCount: count(random),
    flags: flags(random),
  };
}

export function randomSpan(random, traceId) {
  return {
    traceId,
    spanId: random.id(8),
    traceState: state(random),
    parentSpanId: random.chance(0.5) ? random.id(8) : Buffer.alloc(0),
    name: word(random),
    kind: random.pick([0, 1, 2, 3, 4, 5, 1, 2, 77, -3, 2147483647]),
    startTimeUnixNano: time(random),
    endTimeUnixNano: time(random),
    attributes: attributes(random),
    droppedAttributesCount: count(random),
    events: several(random, 3, () => randomEvent(random)),
    droppedEventsCount: count(random),
    links: several(random, 3, () => randomLink(random)),
    droppedLinksCount: count(random),
    ...(random.chance(0.9)
      ? { status: { message: word(random), code: random.pick([0, 1, 2, 2, 9, -1]) } }
      : {}),
    flags: flags(random),
  };
}

// One request: a few resources, a few scopes each, spans of the traces that `traceId()` names.
export function randomRequest(random, spanCount, traceId) {
  const out = [];
  for (let left = spanCount; left > 0;) {
    const scopes = [];
    for (let s = 1 + random.below(3); s > 0 && left > 0; s--) {
      const n = Math.min(left, 1 + random.below(30));
      left -= n;
      scopes.push({
        ...(random.chance(0.9)
          ? {
              scope: {
                name: word(random),
                version: random.pick(['', '1', '2.0']),
                attributes: attributes(random, 2),
                droppedAttributesCount: count(random),
              },
            }
          : {}),
        spans: Array.from({ length: n }, () => randomSpan(random, traceId())),
        schemaUrl: schema(random),
      });
    }
    out.push({
      ...(random.chance(0.9)
        ? { resource: { attributes: attributes(random, 2), droppedAttributesCount: count(random) } }
        : {}),
      scopeSpans: scopes,
      schemaUrl: schema(random),
    });
  }
  return out;
}
