// What the tests of search and tags share: a question, its answer checked member by member (clients
// decode it strictly), and spans placed in the last minutes.
import assert from 'node:assert/strict';
import { pause } from './harness.mjs';

export const kSecond = 1_000_000_000n;

// Unix nanoseconds, `secondsAgo` ago, whole seconds.
export const ago = (secondsAgo) =>
  BigInt(Math.floor(Date.now() / 1000) - secondsAgo) * kSecond;

// Start and end of a span, as OTLP has them.
export const times = (start, durationNs = 150_000_000n) => ({
  startTimeUnixNano: String(start),
  endTimeUnixNano: String(BigInt(start) + BigInt(durationNs)),
});

const only = (object, members, where) => {
  for (const name of Object.keys(object)) {
    assert.ok(members.includes(name), `${where} has the unknown member ${name}`);
  }
};
const kAnyValue = [
  'stringValue',
  'boolValue',
  'intValue',
  'doubleValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
];

function checkAttributes(list, where) {
  for (const pair of list ?? []) {
    only(pair, ['key', 'value'], where);
    only(pair.value, kAnyValue, where);
    assert.equal(Object.keys(pair.value).length, 1, `${where}: ${JSON.stringify(pair)}`);
    if (pair.value.intValue !== undefined) assert.equal(typeof pair.value.intValue, 'string');
  }
}

function checkSpanSet(set) {
  only(set, ['spans', 'matched', 'attributes'], 'spanSet');
  checkAttributes(set.attributes, 'spanSet');
  assert.ok(set.matched >= set.spans.length);
  for (const span of set.spans) {
    only(span, ['spanID', 'name', 'startTimeUnixNano', 'durationNanos', 'attributes'], 'span');
    assert.match(span.spanID, /^[0-9a-f]{16}$/);
    assert.match(span.startTimeUnixNano, /^\d+$/);
    if (span.durationNanos !== undefined) assert.match(span.durationNanos, /^\d+$/);
    checkAttributes(span.attributes, 'span');
  }
}

// The members, types and order that every JSON answer of a search has.
export function checkSearchAnswer(answer) {
  only(answer, ['traces', 'metrics'], 'the answer');
  assert.ok(Array.isArray(answer.traces));
  only(
    answer.metrics,
    [
      'inspectedTraces',
      'inspectedBytes',
      'totalBlocks',
      'completedJobs',
      'totalJobs',
      'totalBlockBytes',
      'inspectedSpans',
    ],
    'metrics',
  );
  for (const name of ['inspectedBytes', 'totalBlockBytes', 'inspectedSpans']) {
    if (answer.metrics[name] !== undefined) assert.match(answer.metrics[name], /^[1-9]\d*$/);
  }
  let last;
  for (const trace of answer.traces) {
    only(
      trace,
      [
        'traceID',
        'rootServiceName',
        'rootTraceName',
        'startTimeUnixNano',
        'durationMs',
        'spanSet',
        'spanSets',
        'serviceStats',
      ],
      'trace',
    );
    assert.match(trace.traceID, /^[1-9a-f][0-9a-f]{0,31}$/, 'no zeros in front');
    assert.equal(typeof trace.startTimeUnixNano, 'string');
    assert.ok(trace.rootServiceName, 'a name, or the placeholder');
    if (trace.durationMs !== undefined) assert.ok(trace.durationMs > 0);
    for (const set of trace.spanSets ?? []) checkSpanSet(set);
    if (trace.spanSets) assert.deepEqual(trace.spanSet, trace.spanSets[0]);
    for (const stats of Object.values(trace.serviceStats ?? {})) {
      only(stats, ['spanCount', 'errorCount'], 'serviceStats');
    }
    const start = BigInt(trace.startTimeUnixNano);
    if (last !== undefined) assert.ok(last >= start, 'newest first');
    last = start;
  }
}

const withQuery = (where, parameters) => {
  const query = new URLSearchParams(parameters).toString();
  return query ? `${where}?${query}` : where;
};

// GET /api/search; parameters as they are. The raw answer.
export const askSearch = (server, parameters, options) =>
  server.get(withQuery('/api/search', parameters), options);

// The same, which must succeed: the checked JSON.
export async function search(server, parameters, options) {
  const answer = await askSearch(server, parameters, options);
  assert.equal(answer.status, 200, `${JSON.stringify(parameters)}: ${answer.text}`);
  assert.equal(answer.headers['content-type'], 'application/json');
  const out = JSON.parse(answer.text);
  checkSearchAnswer(out);
  return out;
}

// The trace ids that a TraceQL query finds, as stored: 32 digits.
export async function found(server, q, parameters = {}) {
  const { traces } = await search(server, { q, ...parameters });
  return traces.map((it) => it.traceID.padStart(32, '0'));
}

// GET on one of the four paths of tags, which must succeed.
export async function tags(server, where, parameters = {}, options = {}) {
  const answer = await server.get(withQuery(where, parameters), options);
  assert.equal(answer.status, 200, `${where}: ${answer.text}`);
  assert.equal(answer.headers['content-type'], 'application/json');
  const out = JSON.parse(answer.text);
  const list = ['tagNames', 'scopes', 'tagValues'].find((name) => name in out);
  assert.deepEqual(Object.keys(out).sort(), [list, 'metrics'].sort());
  only(
    out.metrics,
    ['inspectedBytes', 'totalJobs', 'completedJobs', 'totalBlocks', 'totalBlockBytes'],
    'metrics',
  );
  return out;
}

export const names = async (server, parameters) =>
  (await tags(server, '/api/search/tags', parameters)).tagNames;

// {resource: [...], span: [...], ...}
export async function scopes(server, parameters) {
  const answer = await tags(server, '/api/v2/search/tags', parameters);
  for (const scope of answer.scopes) {
    assert.deepEqual(Object.keys(scope), ['name', 'tags']);
    assert.ok(scope.tags.length > 0, 'empty scopes are absent');
    assert.deepEqual(scope.tags, [...scope.tags].sort());
  }
  return Object.fromEntries(answer.scopes.map(({ name, tags: list }) => [name, list]));
}

const pathOf = (version, name) =>
  `/api/${version === 2 ? 'v2/' : ''}search/tag/${encodeURIComponent(name)}/values`;

// v1: texts.
export const texts = async (server, name, parameters) =>
  (await tags(server, pathOf(1, name), parameters)).tagValues;

// v2: sorted ["int 200", ...].
export async function values(server, name, parameters, options) {
  const answer = await tags(server, pathOf(2, name), parameters, options);
  for (const value of answer.tagValues) {
    assert.deepEqual(Object.keys(value), ['type', 'value']);
    assert.equal(typeof value.value, 'string');
  }
  return answer.tagValues.map((it) => `${it.type} ${it.value}`).sort();
}

// For servers whose heads become blocks within seconds.
export const kBlocksSoon = {
  ingester: { max_block_duration: '1s', flush_check_period: '100ms' },
};

// Waits until heads became blocks; of servers with kBlocksSoon.
export async function untilBlocks(server, ms = 30_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const blocks = (await server.metrics())['tempodb_blocklist_length{tenant="single-tenant"}'];
    if (blocks > 0) return;
    assert.ok(Date.now() < deadline, 'no block was made');
    await pause(50);
  }
}
