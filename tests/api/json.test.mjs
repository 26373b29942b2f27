// OTLP/JSON by HTTP: random requests come back equal, also after kill -9; every spelling of the
// contract; the answers, which are JSON too; and a request that is sent again is known again.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { Random, around, newTraceId, randomRequest, seedOf, span, text } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import { assertStored, hexOf, kMiB } from './ingest.mjs';
import { byTrace, difference, flatten } from './proto.mjs';

const kJson = 'application/json';
const kSpans = 3_000;

// A request as an OTLP/JSON sender writes it.
function jsonOf(resourceSpans) {
  return JSON.stringify({ resourceSpans }, function (key, value) {
    const it = this[key]; // before Buffer.toJSON
    if (Buffer.isBuffer(it)) return it.toString(key === 'bytesValue' ? 'base64' : 'hex');
    if (key === 'doubleValue' && !Number.isFinite(it)) return String(it);
    if (key === 'doubleValue' && Object.is(it, -0)) return '-0.0';
    return value;
  });
}

const post = (server, body, { gzip = false, headers = {} } = {}) =>
  server.push(typeof body === 'string' ? Buffer.from(body) : body, {
    gzip,
    headers: { 'content-type': kJson, ...headers },
  });

function assertSuccess(answer) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], kJson);
  assert.deepEqual(JSON.parse(answer.text), { partialSuccess: {} });
}

function assertRefused(answer, message, { status = 400, code = 3 } = {}) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers['content-type'], kJson);
  const error = JSON.parse(answer.text);
  assert.equal(error.code, code);
  assert.match(error.message, message);
}

function one(fields = {}) {
  const it = span(fields);
  const resourceSpans = around([it]);
  return { id: hexOf(it.traceId), resourceSpans, body: jsonOf(resourceSpans) };
}

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

test('random spans with everything come back equal, before and after kill -9', async (t) => {
  const seed = seedOf();
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const ids = Array.from({ length: 40 }, () => random.id(16));
  const requests = [];
  for (let left = kSpans; left > 0; left -= 100) {
    requests.push(randomRequest(random, 100, () => random.pick(ids)));
  }
  for (const resourceSpans of requests) {
    assertSuccess(await post(server, jsonOf(resourceSpans), { gzip: random.chance(0.4) }));
  }
  const expected = byTrace(requests);
  for (const round of ['at once', 'after kill -9']) {
    for (const [id, texts] of expected) {
      for (const view of kViews) {
        const stored = await server.trace(id, view);
        assert.ok(stored, `trace ${id}`);
        assert.equal(difference(texts, flatten(stored)), null, `${round} ${JSON.stringify(view)}`);
      }
    }
    await server.kill();
    await server.start();
  }
});

test('every spelling: snake_case, upper-case ids, names of enums, numbers, unknown members', async () => {
  const it = span({
    kind: 2,
    status: { code: 2, message: 'no' },
    startTimeUnixNano: '1700000000123456789',
    endTimeUnixNano: '1700000001000000000',
    attributes: [{ key: 'n', value: { intValue: '-9007199254740993' } }],
    droppedAttributesCount: 7,
  });
  const body = `{"unknown":{"resourceSpans":[1]},"resource_spans":[{"resource":{"attributes":[
    {"key":"service.name","value":{"string_value":"shop"}}]},"scope_spans":[{"scope":{"name":"lib",
    "version":"1"},"spans":[{"trace_id":"${hexOf(it.traceId).toUpperCase()}",
    "span_id":"${hexOf(it.spanId).toUpperCase()}","name":"work","kind":"SPAN_KIND_SERVER",
    "status":{"code":"STATUS_CODE_ERROR","message":"no"},"start_time_unix_nano":1700000000123456789,
    "end_time_unix_nano":1.700000001e18,"dropped_attributes_count":"7","parent_span_id":"",
    "events":null,"attributes":[{"key":"n","value":{"int_value":-9007199254740993}}]}]}]}]}`;
  assertSuccess(await post(server, body));
  await assertStored(server, { id: hexOf(it.traceId), resourceSpans: around([it]) });
});

test('what a browser cuts: half an emoji is replaced, the rest is kept', async () => {
  const sent = one({ name: 'cut \u{1f600}'.slice(0, -1) });
  assert.ok(sent.body.includes('\\ud83d'));
  assertSuccess(await post(server, sent.body));
  const stored = await server.trace(sent.id);
  assert.equal(stored[0].scopeSpans[0].spans[0].name, 'cut \ufffd');
});

describe('answers', () => {
  test('no spans at all', async () => {
    for (const body of ['{}', '{"resourceSpans":[]}', '{"resourceSpans":null}', '{} and more']) {
      assertSuccess(await post(server, body));
    }
  });

  test('Content-Type with parameters, in any case', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      const sent = one();
      assertSuccess(await post(server, sent.body, { headers: { 'content-type': type } }));
      await assertStored(server, sent);
    }
  });

  const bad = {
    'an empty body': ['', /JSON/],
    'no JSON': ['traces', /JSON/],
    'a list': ['[]', /expected an object/],
    'cut off': [one().body.slice(0, -9), /JSON/],
    'a short trace id': [
      one().body.replace(/"traceId":"../, '"traceId":"'),
      /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.traceId: /,
    ],
    'base64 ids': [
      one().body.replace(/"spanId":"[^"]*"/, '"spanId":"AAECAwQFBgc="'),
      /spans\[0\]\.spanId: /,
    ],
    'an unknown kind': [one().body.replace('"kind":1', '"kind":"SPAN_KIND_NEW"'), /kind: /],
    'a fraction': [one({ startTimeUnixNano: '1.5' }).body, /startTimeUnixNano: "1\.5" is not/],
    'a number as text': [one({ name: 5 }).body, /name: expected a string/],
  };
  for (const [name, [body, message]] of Object.entries(bad)) {
    test(`${name}: 400`, async () => {
      assertRefused(await post(server, body), message);
      assertRefused(await post(server, body, { gzip: true }), message);
    });
  }

  test('an unknown Content-Encoding', async () => {
    const answer = await post(server, '{}', { headers: { 'content-encoding': 'br' } });
    assertRefused(answer, /^unsupported Content-Encoding: br$/);
  });

  test('no gzip at all', async () => {
    assertRefused(await post(server, '{}', { headers: { 'content-encoding': 'gzip' } }), /gzip/);
  });

  test('values nested 100 deep are kept, 101 deep refused', async () => {
    const nested = (depth) => {
      const [open, close] = ['{"arrayValue":{"values":['.repeat(depth), ']}}'.repeat(depth)];
      const sent = one({ attributes: [{ key: 'k', value: 'HERE' }] });
      return { ...sent, body: sent.body.replace('"HERE"', `${open}{"intValue":1}${close}`) };
    };
    const deep = nested(100);
    assertSuccess(await post(server, deep.body));
    const { text: stored } = await server.get(`/api/traces/${deep.id}`);
    assert.equal(stored.split('"arrayValue"').length - 1, 100);
    assertRefused(await post(server, nested(101).body), /nested more than 100 deep/);
    assertRefused(await post(server, `{"x":${'['.repeat(100_000)}`), /too deep/);
  });

  test('spans with zero ids are refused alone, and said so', async () => {
    const good = span();
    const list = around([good, span({ traceId: Buffer.alloc(16) }), span({ spanId: '' })]);
    const answer = await post(server, jsonOf(list));
    assert.equal(answer.status, 200);
    const { partialSuccess } = JSON.parse(answer.text);
    assert.equal(partialSuccess.rejectedSpans, '2');
    assert.match(partialSuccess.errorMessage, /trace ids must be 128 bit.*span ids must be 64 bit/);
    await assertStored(server, { id: hexOf(good.traceId), resourceSpans: around([good]) });
  });

  test('21 MiB of JSON in a small body: 400, and memory stays flat', async () => {
    const before = server.peakMemory();
    const bomb = zlib.gzipSync(Buffer.alloc(21 * kMiB, ' '));
    for (let i = 0; i < 5; i++) {
      const answer = await post(server, bomb, { headers: { 'content-encoding': 'gzip' } });
      assertRefused(answer, /^http: request body too large$/);
    }
    assert.ok(server.peakMemory() - before < 100 * kMiB);
  });

  test('a request of 15 MiB', async () => {
    const traceId = newTraceId();
    const fill = text('fill', 'f'.repeat(2000));
    const resourceSpans = around(
      Array.from({ length: 7000 }, () => span({ traceId, attributes: [fill] })),
    );
    assertSuccess(await post(server, jsonOf(resourceSpans)));
    await assertStored(server, { id: hexOf(traceId), resourceSpans });
  });
});

test('sent again, also after a restart: known, and stored once', async () => {
  const sent = one();
  const repeats = async () => (await server.metrics()).vivace_repeated_spans_total ?? 0;
  const before = await repeats();
  assertSuccess(await post(server, sent.body));
  assertSuccess(await post(server, sent.body));
  assertSuccess(await post(server, sent.body, { gzip: true }));
  assert.equal(await repeats(), before, 'known before its spans are looked at');
  await server.kill();
  await server.start();
  assertSuccess(await post(server, sent.body, { gzip: true }));
  assert.equal(await repeats(), 0);
  await assertStored(server, sent);
});

test('bytes are counted as the protobuf that the request is', async () => {
  const name = 'tempo_distributor_bytes_received_total{tenant="single-tenant"}';
  const before = (await server.metrics())[name];
  const sent = one();
  assertSuccess(await post(server, sent.body));
  const rise = (await server.metrics())[name] - before;
  assert.ok(rise > 50 && rise < sent.body.length, `${rise} of ${sent.body.length}`);
});
