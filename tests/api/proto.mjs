// OTLP messages in JavaScript: encode and decode by tests/proto, and one canonical look at a trace.
//
// A trace here is plain data in protobufjs' form: camelCase names, ids and bytes as Buffers, 64-bit
// integers as decimal strings, enums as numbers. `flatten` turns such a trace (or a request) into
// canonical texts, one a span, each with its resource and scope: the multiset in which a stored
// trace must equal the sent one, whatever the grouping and the order.
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import protobuf from 'protobufjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'proto');
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => path.join(folder, path.basename(target));
root.loadSync('tempo.proto');

const type = (name) => root.lookupType(name);
export const ExportRequest = type('otlp.ExportTraceServiceRequest');
export const ExportResponse = type('otlp.ExportTraceServiceResponse');
export const TracesData = type('otlp.TracesData');
export const TraceByIdResponse = type('tempo.TraceByIDResponse');
export const RpcStatus = type('tempo.RpcStatus');
export const SearchResponse = type('tempo.SearchResponse');
export const SearchTagsResponse = type('tempo.SearchTagsResponse');
export const SearchTagsV2Response = type('tempo.SearchTagsV2Response');
export const SearchTagValuesResponse = type('tempo.SearchTagValuesResponse');
export const SearchTagValuesV2Response = type('tempo.SearchTagValuesV2Response');

export const encode = (messageType, object) =>
  Buffer.from(messageType.encode(messageType.fromObject(object)).finish());

export const decode = (messageType, bytes) =>
  messageType.toObject(messageType.decode(bytes), { longs: String, bytes: Buffer });

export const encodeRequest = (resourceSpans) => encode(ExportRequest, { resourceSpans });

// ---- the canonical form -------------------------------------------------------------------------

const hex = (bytes) => (bytes && bytes.length ? Buffer.from(bytes).toString('hex') : '');

function doubleText(number) {
  if (Number.isNaN(number)) return 'NaN';
  return Object.is(number, -0) ? '-0' : String(number);
}

// One text per value, the type in it: int 1, double 1 and string "1" differ.
export function valueText(value) {
  if (!value) return 'none';
  if (value.stringValue != null) return `s${JSON.stringify(value.stringValue)}`;
  if (value.boolValue != null) return `b${value.boolValue}`;
  if (value.intValue != null) return `i${value.intValue}`;
  if (value.doubleValue != null) return `d${doubleText(Number(value.doubleValue))}`;
  if (value.bytesValue != null) return `x${Buffer.from(value.bytesValue).toString('hex')}`;
  if (value.arrayValue) return `[${(value.arrayValue.values ?? []).map(valueText).join(',')}]`;
  if (value.kvlistValue) {
    return `{${(value.kvlistValue.values ?? []).map(keyValueText).join(',')}}`;
  }
  return 'none';
}
const keyValueText = (pair) => `${JSON.stringify(pair.key ?? '')}=${valueText(pair.value)}`;

// Attributes are ordered by key, repeats of a key by the order they were sent in: a store may move
// different keys about, but which of two equal keys comes first has a meaning.
export function attributeTexts(list) {
  return [...(list ?? [])]
    .map((pair, index) => ({ pair, index }))
    .sort((a, b) => {
      const [x, y] = [a.pair.key ?? '', b.pair.key ?? ''];
      return x < y ? -1 : x > y ? 1 : a.index - b.index;
    })
    .map(({ pair }) => keyValueText(pair));
}

const resourceForm = (r) => [attributeTexts(r?.attributes), r?.droppedAttributesCount ?? 0];
const scopeForm = (s) => [
  s?.name ?? '',
  s?.version ?? '',
  attributeTexts(s?.attributes),
  s?.droppedAttributesCount ?? 0,
];

export function spanForm(span) {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    traceState: span.traceState ?? '',
    parent: hex(span.parentSpanId),
    name: span.name ?? '',
    kind: span.kind ?? 0,
    start: span.startTimeUnixNano ?? '0',
    end: span.endTimeUnixNano ?? '0',
    attributes: attributeTexts(span.attributes),
    droppedAttributes: span.droppedAttributesCount ?? 0,
    events: (span.events ?? []).map((e) => [
      e.timeUnixNano ?? '0',
      e.name ?? '',
      attributeTexts(e.attributes),
      e.droppedAttributesCount ?? 0,
    ]),
    droppedEvents: span.droppedEventsCount ?? 0,
    links: (span.links ?? []).map((l) => [
      hex(l.traceId),
      hex(l.spanId),
      l.traceState ?? '',
      attributeTexts(l.attributes),
      l.droppedAttributesCount ?? 0,
      (l.flags ?? 0) >>> 0,
    ]),
    droppedLinks: span.droppedLinksCount ?? 0,
    status: [span.status?.message ?? '', span.status?.code ?? 0],
    flags: (span.flags ?? 0) >>> 0,
  };
}

// [{trace, text}] for each span of the resourceSpans.
export function flattenSpans(resourceSpans) {
  const out = [];
  for (const rs of resourceSpans ?? []) {
    const resource = resourceForm(rs.resource);
    for (const ss of rs.scopeSpans ?? []) {
      const around = [resource, rs.schemaUrl ?? '', scopeForm(ss.scope), ss.schemaUrl ?? ''];
      for (const span of ss.spans ?? []) {
        const form = spanForm(span);
        out.push({ trace: form.traceId, text: JSON.stringify([form, ...around]) });
      }
    }
  }
  return out;
}

export const flatten = (resourceSpans) =>
  flattenSpans(resourceSpans)
    .map((s) => s.text)
    .sort();

// The expected texts of each trace of a list of requests: Map of hex id to sorted texts.
export function byTrace(requests) {
  const map = new Map();
  for (const resourceSpans of requests) {
    for (const { trace, text } of flattenSpans(resourceSpans)) {
      if (!map.has(trace)) map.set(trace, []);
      map.get(trace).push(text);
    }
  }
  for (const texts of map.values()) texts.sort();
  return map;
}

// Null when both lists hold the same texts equally often, else a short description.
export function difference(expected, actual) {
  const count = new Map();
  for (const text of expected) count.set(text, (count.get(text) ?? 0) + 1);
  for (const text of actual) count.set(text, (count.get(text) ?? 0) - 1);
  const missing = [...count].filter(([, n]) => n > 0);
  const extra = [...count].filter(([, n]) => n < 0);
  if (!missing.length && !extra.length) return null;
  const lines = [`${expected.length} spans expected, ${actual.length} found`];
  for (const [text, n] of missing.slice(0, 2)) lines.push(`missing ${n}x: ${excerpt(text, extra)}`);
  for (const [text, n] of extra.slice(0, 2)) lines.push(`extra ${-n}x: ${excerpt(text, missing)}`);
  return lines.join('\n');
}

// The part of `text` where it parts from its nearest relative among `others`.
function excerpt(text, others) {
  if (text.length <= 600) return text;
  let same = 0;
  for (const [other] of others) {
    let i = 0;
    while (i < text.length && text[i] === other[i]) i++;
    same = Math.max(same, i);
  }
  return `...${text.slice(Math.max(0, same - 200), same + 300)}...`;
}

// ---- the JSON form of the query side ------------------------------------------------------------

const kKinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const kCodes = ['UNSET', 'OK', 'ERROR'];
const kSpecialDoubles = { NaN, Infinity, '-Infinity': -Infinity };
const bytesOf = (text) => (text ? Buffer.from(text, 'base64') : undefined);

function enumOf(value, prefix, names) {
  if (typeof value !== 'string') return value ?? 0;
  const index = names.indexOf(value.slice(prefix.length));
  if (index < 0 || !value.startsWith(prefix)) throw new Error(`unknown enum name ${value}`);
  return index;
}

function valueOfJson(value) {
  if (value === undefined) return undefined;
  const members = Object.keys(value);
  if (members.length > 1) throw new Error(`a value with several members: ${members}`);
  if (typeof value.intValue === 'number') throw new Error('intValue must be a string');
  if ('doubleValue' in value) {
    const v = value.doubleValue;
    if (typeof v === 'string' && !(v in kSpecialDoubles)) throw new Error(`doubleValue "${v}"`);
    return { doubleValue: typeof v === 'string' ? kSpecialDoubles[v] : v };
  }
  if ('bytesValue' in value) return { bytesValue: Buffer.from(value.bytesValue, 'base64') };
  if (value.arrayValue) {
    return { arrayValue: { values: (value.arrayValue.values ?? []).map(valueOfJson) } };
  }
  if (value.kvlistValue) {
    return { kvlistValue: { values: attributesOfJson(value.kvlistValue.values) } };
  }
  return value;
}
const attributesOfJson = (list) =>
  (list ?? []).map(({ key, value }) => ({ key: key ?? '', value: valueOfJson(value) }));

// The resourceSpans (v1: `batches`) of a JSON answer in the form that decode() gives. Throws when a
// resource, scope or status is absent: Grafana's plugin dies on that.
export function fromJson(resourceSpans) {
  return (resourceSpans ?? []).map((rs) => ({
    ...rs,
    resource: { ...rs.resource, attributes: attributesOfJson(rs.resource.attributes) },
    scopeSpans: rs.scopeSpans.map((ss) => ({
      ...ss,
      scope: { ...ss.scope, attributes: attributesOfJson(ss.scope.attributes) },
      spans: ss.spans.map(spanOfJson),
    })),
  }));
}

function spanOfJson(span) {
  return {
    ...span,
    traceId: bytesOf(span.traceId),
    spanId: bytesOf(span.spanId),
    parentSpanId: bytesOf(span.parentSpanId),
    kind: enumOf(span.kind, 'SPAN_KIND_', kKinds),
    attributes: attributesOfJson(span.attributes),
    events: (span.events ?? []).map((e) => ({ ...e, attributes: attributesOfJson(e.attributes) })),
    links: (span.links ?? []).map((l) => ({
      ...l,
      traceId: bytesOf(l.traceId),
      spanId: bytesOf(l.spanId),
      attributes: attributesOfJson(l.attributes),
    })),
    status: { ...span.status, code: enumOf(span.status.code, 'STATUS_CODE_', kCodes) },
  };
}
