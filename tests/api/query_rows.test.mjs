// The query side of a trace: one test per row of the query contract that this version has (paths,
// ids, parameters, negotiation, exact JSON, compression, tenants, HTTP/2).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { around, newSpanId, newTraceId, span, text } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import { TraceByIdResponse, TracesData, decode, difference, encodeRequest, flatten } from './proto.mjs';

const hexOf = (bytes) => bytes.toString('hex');
const kProto = { accept: 'application/protobuf' };

async function store(server, spans, options, headers) {
  const resourceSpans = around(spans, options);
  const answer = await server.push(encodeRequest(resourceSpans), { headers });
  assert.equal(answer.status, 200, answer.text);
  return resourceSpans;
}

function assertPlainError(answer, status, body) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^text\/plain; charset=utf-8$/);
  if (body instanceof RegExp) assert.match(answer.text, body);
  else assert.equal(answer.text.replace(/\n$/, ''), body);
}

let server;
before(async () => { server = await Vivace.start({ config: { stream_over_http_enabled: true } }); });
after(async () => { await server?.close(); });

describe('operational paths', () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`${method} /ready, /api/echo`, async () => {
      const ready = await server.get('/ready', { method });
      assert.equal(ready.status, 200);
      assert.equal(ready.text, 'ready\n');
      assert.equal(ready.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(ready.headers['x-content-type-options'], 'nosniff');
      const echo = await server.get('/api/echo', { method });
      assert.equal(echo.status, 200);
      assert.equal(echo.text, 'echo\n');
      assert.match(echo.headers['content-type'], /^text\/plain/);
    });
  }

  test('HEAD has the headers of GET and no body', async () => {
    const answer = await server.get('/api/echo', { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
  });

  test('buildinfo: six members, version 2.10.8 with build metadata', async () => {
    const answer = await server.get('/api/status/buildinfo');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.ok(answer.text.endsWith('}\n'));
    const info = JSON.parse(answer.text);
    assert.deepEqual(Object.keys(info), ['version', 'revision', 'branch', 'buildUser', 'buildDate', 'goVersion']);
    for (const value of Object.values(info)) assert.equal(typeof value, 'string');
    assert.match(info.version, /^v?2\.10\.8\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$/);
    assert.match(info.version, /vivace/);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`${method} buildinfo: 405, empty`, async () => {
      const answer = await server.get('/api/status/buildinfo', { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.body.length, 0);
    });
  }

  for (const where of ['/nope', '/', '/api', '/api/', '/api/nope', '/api/traces', '/api/traces/', '/api/traces/ff/',
    '/api/v2/traces/', '/api/v2/traces/ff/x', '/ready/', '/api/echo/', '/API/echo', '/v1/traces']) {
    test(`${where}: 404`, async () => {
      const answer = await server.get(where);
      assert.equal(answer.status, 404);
      assert.equal(answer.text, '404 page not found\n');
      assert.match(answer.headers['content-type'], /^text\/plain/);
    });
  }

  const redirects = { '//api/echo': '/api/echo', '/api//echo': '/api/echo', '/api/x/../echo': '/api/echo',
    '/../api/echo': '/api/echo', '/api/./echo': '/api/echo' };
  for (const [where, to] of Object.entries(redirects)) {
    test(`${where}: 301 to ${to}`, async () => {
      const answer = await server.get(where);
      assert.equal(answer.status, 301);
      assert.equal(new URL(answer.headers.location, 'http://x').pathname, to);
      assert.ok(!answer.headers.location.startsWith('//'), 'not to another host');
    });
  }

  test('a query string changes no path', async () => {
    assert.equal((await server.get('/api/echo?x=//y/../z')).status, 200);
  });

  test('/metrics is text format 0.0.4, also when OpenMetrics is asked for', async () => {
    for (const accept of ['*/*', 'application/openmetrics-text; version=1.0.0']) {
      const answer = await server.get('/metrics', { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'], /^text\/plain; ?version=0\.0\.4/);
      assert.match(answer.text, /^# TYPE tempo_distributor_spans_received_total counter$/m);
    }
  });
});

describe('trace ids', () => {
  const id = '00000000000000000abcdef012345678';
  let sent;
  before(async () => { sent = await store(server, [span({ traceId: Buffer.from(id, 'hex') })]); });

  const spellings = { full: id, 'upper case': id.toUpperCase(), 'no leading zeros': 'abcdef012345678',
    'one leading zero': '0abcdef012345678', 'odd digits': '000abcdef012345678', mixed: 'AbCdEf012345678' };
  for (const [name, spelling] of Object.entries(spellings)) {
    test(`${name}: ${spelling}`, async () => {
      for (const view of kViews) {
        assert.equal(difference(flatten(sent), flatten(await server.trace(spelling, view))), null);
      }
    });
  }

  test('one digit', async () => {
    const one = await store(server, [span({ traceId: Buffer.from('1'.padStart(32, '0'), 'hex') })]);
    for (const spelling of ['1', '01', '001', '1'.padStart(31, '0')]) {
      assert.equal(difference(flatten(one), flatten(await server.trace(spelling))), null, spelling);
    }
  });

  const wrong = {
    xyz: "trace IDs can only contain hex characters: invalid character 'x' at position 1",
    '12z4': "trace IDs can only contain hex characters: invalid character 'z' at position 3",
    '0x1': "trace IDs can only contain hex characters: invalid character 'x' at position 2",
    'abc-': "trace IDs can only contain hex characters: invalid character '-' at position 4",
    ['1'.repeat(33)]: "trace IDs can't be larger than 128 bits",
    ['0'.repeat(40)]: "trace IDs can't be larger than 128 bits",
  };
  for (const [bad, body] of Object.entries(wrong)) {
    test(`${bad}: 400`, async () => {
      for (const version of ['', 'v2/']) {
        assertPlainError(await server.get(`/api/${version}traces/${bad}`), 400, body);
        assertPlainError(await server.get(`/api/${version}traces/${bad}`, { headers: kProto }), 400, body);
      }
    });
  }
});

describe('parameters', () => {
  const kRefused = {
    'start=x': 'invalid start: strconv.ParseInt: parsing "x": invalid syntax',
    'end=x': 'invalid end: strconv.ParseInt: parsing "x": invalid syntax',
    'start=1.5': 'invalid start: strconv.ParseInt: parsing "1.5": invalid syntax',
    'start=20&end=10': 'http parameter start must be before end. received start=20 end=10',
    'start=10&end=10': 'http parameter start must be before end. received start=10 end=10',
    'mode=X': 'invalid value for mode X',
    'blockStart=zz': /^invalid value for blockstart: /i,
    'blockEnd=zz': /^invalid value for blockend: /i,
  };
  for (const [query, body] of Object.entries(kRefused)) {
    test(`?${query}: 400`, async () => {
      for (const where of ['/api/traces/ff', '/api/v2/traces/ff']) {
        assertPlainError(await server.get(`${where}?${query}`), 400, body);
      }
    });
  }

  test('good values, in any number, change nothing', async () => {
    const it = span();
    const sent = await store(server, [it]);
    for (const query of ['start=1&end=2', 'start=0&end=10', 'start=20', 'end=20', 'start=1700000000&end=1700000001', 'mode=all',
      'mode=ingesters', 'mode=', 'start=', 'whatever=1', 'q=%7B%7D', '&&=&x']) {
      const got = await server.trace(`${hexOf(it.traceId)}?${query}`);
      assert.ok(got, query);
      assert.equal(difference(flatten(sent), flatten(got)), null, query);
    }
  });

  test('any method reads a trace; a body is no parameter', async () => {
    const it = span();
    await store(server, [it]);
    for (const method of ['POST', 'PUT', 'OPTIONS', 'DELETE']) {
      const answer = await server.get(`/api/v2/traces/${hexOf(it.traceId)}`, { method, body: 'start=x' });
      assert.equal(answer.status, 200, method);
    }
  });
});

describe('answers', () => {
  test('absent: v1 is 404 and empty', async () => {
    for (const headers of [{}, kProto]) {
      const answer = await server.get('/api/traces/ffff', { headers });
      assert.equal(answer.status, 404);
      assert.equal(answer.body.length, 0);
    }
  });

  test('absent: v2 is 200 with an empty trace', async () => {
    const answer = await server.get('/api/v2/traces/ffff');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.match(answer.text, /^\{"trace":\{\},"metrics":\{("inspectedBytes":"\d+")?\}\}$/);
  });

  test('absent: v2 protobuf has field 1, of length 0', async () => {
    const answer = await server.get('/api/v2/traces/ffff', { headers: kProto });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/protobuf');
    assert.deepEqual(answer.body.subarray(0, 2), Buffer.from([0x0a, 0x00]));
    const message = decode(TraceByIdResponse, answer.body);
    assert.deepEqual(Object.keys(message).filter((k) => !['trace', 'metrics'].includes(k)), []);
  });

  const accepts = {
    'application/protobuf': true, 'application/json, application/protobuf;q=0.9': true,
    'text/html,application/protobuf': true, 'application/json': false, '*/*': false, 'application/x-protobuf': false, '': false,
  };
  for (const [accept, protobuf] of Object.entries(accepts)) {
    test(`Accept "${accept}": ${protobuf ? 'protobuf' : 'JSON'}`, async () => {
      const it = span();
      const sent = await store(server, [it]);
      for (const version of [1, 2]) {
        const where = `/api/${version === 2 ? 'v2/' : ''}traces/${hexOf(it.traceId)}`;
        const answer = await server.get(where, { headers: { accept } });
        assert.equal(answer.headers['content-type'], protobuf ? 'application/protobuf' : 'application/json');
        if (!protobuf) {
          assert.ok(JSON.parse(answer.text));
        } else if (version === 1) {
          assert.equal(difference(flatten(sent), flatten(decode(TracesData, answer.body).resourceSpans)), null);
        } else {
          assert.equal(difference(flatten(sent), flatten(decode(TraceByIdResponse, answer.body).trace.resourceSpans)), null);
        }
      }
    });
  }

  test('protobuf has resource, scope and status even when they are empty', async () => {
    const it = { traceId: newTraceId(), spanId: newSpanId() };
    assert.equal((await server.push(encodeRequest([{ scopeSpans: [{ spans: [it] }] }]))).status, 200);
    for (const version of [1, 2]) {
      const [rs] = await server.trace(hexOf(it.traceId), { version });
      assert.ok(rs.resource, 'resource');
      assert.ok(rs.scopeSpans[0].scope, 'scope');
      assert.ok(rs.scopeSpans[0].spans[0].status, 'status');
    }
  });

  test('the smallest span as JSON, byte for byte', async () => {
    const it = { traceId: newTraceId(), spanId: newSpanId() };
    assert.equal((await server.push(encodeRequest([{ scopeSpans: [{ spans: [it] }] }]))).status, 200);
    const body = '[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{' +
      `"traceId":"${it.traceId.toString('base64')}","spanId":"${it.spanId.toString('base64')}","status":{}}]}]}]`;
    assert.equal((await server.get(`/api/traces/${hexOf(it.traceId)}`)).text, `{"batches":${body}}`);
    const v2 = (await server.get(`/api/v2/traces/${hexOf(it.traceId)}`)).text;
    assert.match(v2.slice(`{"trace":{"resourceSpans":${body}}`.length), /^,"metrics":\{("inspectedBytes":"\d+")?\}\}$/);
    assert.ok(v2.startsWith(`{"trace":{"resourceSpans":${body}},`), v2);
  });

  test('a full span as JSON, byte for byte', async () => {
    const { sent, json } = fullSpan();
    assert.equal((await server.push(encodeRequest(sent))).status, 200);
    const id = hexOf(sent[0].scopeSpans[0].spans[0].traceId);
    assert.equal((await server.get(`/api/traces/${id}`)).text, `{"batches":[${json}]}`);
    const v2 = (await server.get(`/api/v2/traces/${id}`)).text;
    assert.ok(v2.startsWith(`{"trace":{"resourceSpans":[${json}]},"metrics":{`), v2);
  });

  test('spans are sorted by start, then span id', async () => {
    const traceId = newTraceId();
    const at = (start, id) => ({ ...span({ traceId, startTimeUnixNano: start }), spanId: Buffer.from(id, 'hex') });
    const [a, b, c, d] = [at('100', '0000000000000009'), at('200', '0000000000000001'), at('200', '0000000000000002'), at('300', '00000000000000aa')];
    await store(server, [d, b]);
    await store(server, [c]);
    await store(server, [a]);
    for (const view of kViews) {
      const got = await server.trace(hexOf(traceId), view);
      const order = got.flatMap((rs) => rs.scopeSpans.flatMap((ss) => ss.spans.map((s) => hexOf(s.spanId))));
      assert.deepEqual(order, [a, b, c, d].map((s) => hexOf(s.spanId)));
    }
  });

  test('a span pushed twice, the second time with another name: the first stays', async () => {
    const it = span({ name: 'first' });
    const sent = await store(server, [it]);
    await store(server, [{ ...it, name: 'second' }]);
    for (const view of kViews) {
      assert.equal(difference(flatten(sent), flatten(await server.trace(hexOf(it.traceId), view))), null);
    }
  });

  test('the same span id with another kind is another span', async () => {
    const it = span({ kind: 4 });
    await store(server, [it, { ...it, kind: 5 }]);
    const got = await server.trace(hexOf(it.traceId));
    assert.equal(flatten(got).length, 2);
  });

  test('a client and a server span that share an id: the server span gets a fresh one', async () => {
    const traceId = newTraceId();
    const shared = newSpanId();
    const root = span({ traceId, name: 'root' });
    const client = span({ traceId, spanId: shared, parentSpanId: root.spanId, kind: 3, name: 'client' });
    const serverSpan = span({ traceId, spanId: shared, parentSpanId: root.spanId, kind: 2, name: 'server', startTimeUnixNano: '1700000000010000000' });
    const child = span({ traceId, parentSpanId: shared, name: 'child', startTimeUnixNano: '1700000000020000000' });
    await store(server, [client, root], { service: 'front' });
    await store(server, [serverSpan, child], { service: 'back' });
    for (const view of kViews) {
      const got = await server.trace(hexOf(traceId), view);
      const spans = Object.fromEntries(got.flatMap((rs) => rs.scopeSpans.flatMap((ss) => ss.spans)).map((s) => [s.name, s]));
      assert.deepEqual(Object.keys(spans).sort(), ['child', 'client', 'root', 'server']);
      const fresh = hexOf(spans.server.spanId);
      assert.equal(hexOf(spans.client.spanId), hexOf(shared));
      assert.equal(hexOf(spans.client.parentSpanId), hexOf(root.spanId));
      assert.equal(fresh, '0000000000000001');
      assert.equal(hexOf(spans.server.parentSpanId), hexOf(shared));
      assert.equal(hexOf(spans.child.parentSpanId), fresh);
    }
  });
});

// A span with every member that JSON has, and the exact text of its resourceSpans. One attribute a
// list: their order is free. Values of all types stand in one array.
function fullSpan() {
  const [traceId, spanId, parentSpanId, otherTrace, otherSpan] = [newTraceId(), newSpanId(), newSpanId(), newTraceId(), newSpanId()];
  const values = [
    { stringValue: '' }, { stringValue: '<a>&"\\/é' }, { boolValue: false }, { intValue: '0' }, { intValue: '-9223372036854775808' },
    { doubleValue: 0 }, { doubleValue: 1.5 }, { doubleValue: NaN }, { doubleValue: Infinity }, { doubleValue: -Infinity },
    { bytesValue: Buffer.from([1, 2, 3, 255]) }, { bytesValue: Buffer.alloc(0) }, {},
    { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } }, { arrayValue: { values: [{ intValue: '7' }] } }];
  const valuesJson = '{"stringValue":""},{"stringValue":"\\u003ca\\u003e\\u0026\\"\\\\/é"},{"boolValue":false},{"intValue":"0"},' +
    '{"intValue":"-9223372036854775808"},{"doubleValue":0},{"doubleValue":1.5},{"doubleValue":"NaN"},{"doubleValue":"Infinity"},' +
    '{"doubleValue":"-Infinity"},{"bytesValue":"AQID/w=="},{"bytesValue":""},{},' +
    '{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}},{"arrayValue":{"values":[{"intValue":"7"}]}}';
  const b64 = (bytes) => bytes.toString('base64');
  const sent = [{
    resource: { attributes: [text('service.name', 'a<b')], droppedAttributesCount: 1 },
    scopeSpans: [{
      scope: { name: 'lib', version: '1.2', attributes: [text('s', 'v')], droppedAttributesCount: 2 },
      spans: [{
        traceId, spanId, traceState: 'a=1', parentSpanId, name: 'GET /', kind: 2,
        startTimeUnixNano: '1700000000000000000', endTimeUnixNano: '18446744073709551615',
        attributes: [{ key: 'all', value: { arrayValue: { values } } }], droppedAttributesCount: 3,
        events: [{ timeUnixNano: '1700000000000000001', name: 'e', attributes: [text('x', 'y')], droppedAttributesCount: 4 }, {}],
        droppedEventsCount: 5,
        links: [{ traceId: otherTrace, spanId: otherSpan, traceState: 'b=2', attributes: [text('l', 'm')], droppedAttributesCount: 6 }],
        droppedLinksCount: 4294967295, status: { message: 'boom', code: 2 },
      }],
    }],
  }];
  const json = '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a\\u003cb"}}],"droppedAttributesCount":1},' +
    '"scopeSpans":[{"scope":{"name":"lib","version":"1.2","attributes":[{"key":"s","value":{"stringValue":"v"}}],"droppedAttributesCount":2},' +
    `"spans":[{"traceId":"${b64(traceId)}","spanId":"${b64(spanId)}","traceState":"a=1","parentSpanId":"${b64(parentSpanId)}",` +
    '"name":"GET /","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"18446744073709551615",' +
    `"attributes":[{"key":"all","value":{"arrayValue":{"values":[${valuesJson}]}}}],"droppedAttributesCount":3,` +
    '"events":[{"timeUnixNano":"1700000000000000001","name":"e","attributes":[{"key":"x","value":{"stringValue":"y"}}],"droppedAttributesCount":4},{}],' +
    `"droppedEventsCount":5,"links":[{"traceId":"${b64(otherTrace)}","spanId":"${b64(otherSpan)}","traceState":"b=2",` +
    '"attributes":[{"key":"l","value":{"stringValue":"m"}}],"droppedAttributesCount":6}],"droppedLinksCount":4294967295,' +
    '"status":{"message":"boom","code":"STATUS_CODE_ERROR"}}]}]}';
  return { sent, json };
}

describe('gzip answers', () => {
  // A trace whose v1 JSON is exactly `size` bytes.
  async function traceOfSize(size) {
    const build = (n) => span({ name: 'x'.repeat(n) });
    const probe = build(10);
    await store(server, [probe]);
    const length = (await server.get(`/api/traces/${hexOf(probe.traceId)}`)).body.length;
    const it = build(10 + size - length);
    await store(server, [it]);
    const where = `/api/traces/${hexOf(it.traceId)}`;
    const plain = await server.get(where);
    assert.equal(plain.body.length, size);
    return { where, plain };
  }

  test('1,024 bytes and more are compressed for who asks', async () => {
    for (const size of [1024, 5000]) {
      const { where, plain } = await traceOfSize(size);
      assert.equal(plain.headers['content-encoding'], undefined);
      for (const asked of ['gzip', 'gzip, deflate, br', 'br;q=1.0, gzip;q=0.8']) {
        const packed = await server.get(where, { headers: { 'accept-encoding': asked } });
        assert.equal(packed.headers['content-encoding'], 'gzip', asked);
        assert.match(packed.headers.vary ?? '', /Accept-Encoding/i);
        assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
      }
    }
  });

  test('1,023 bytes are not, nor for who does not ask', async () => {
    const small = await traceOfSize(1023);
    const answer = await server.get(small.where, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(answer.headers['content-encoding'], undefined);
    assert.deepEqual(answer.body, small.plain.body);
    const large = await traceOfSize(5000);
    for (const asked of ['deflate, br', 'gzip;q=0', 'identity', '']) {
      const plain = await server.get(large.where, { headers: { 'accept-encoding': asked } });
      assert.equal(plain.headers['content-encoding'], undefined, asked);
    }
  });

  test('protobuf too', async () => {
    const { where } = await traceOfSize(5000);
    for (const path of [where, where.replace('/api/', '/api/v2/')]) {
      const plain = await server.get(path, { headers: kProto });
      const packed = await server.get(path, { headers: { ...kProto, 'accept-encoding': 'gzip' } });
      assert.equal(packed.headers['content-encoding'], 'gzip');
      assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
    }
  });
});

describe('tenants', () => {
  let many;
  before(async () => { many = await Vivace.start({ config: { multitenancy_enabled: true } }); });
  after(async () => { await many?.close(); });
  const as = (name) => ({ 'x-scope-orgid': name });

  test('no tenant: 401', async () => {
    for (const headers of [{}, as('')]) {
      for (const where of ['/api/traces/ff', '/api/v2/traces/ff']) {
        const answer = await many.get(where, { headers });
        assert.equal(answer.status, 401);
        assert.equal(answer.text, 'no org id\n');
      }
    }
  });

  test('paths that need none', async () => {
    for (const where of ['/ready', '/api/echo', '/api/status/buildinfo', '/metrics']) {
      assert.equal((await many.get(where)).status, 200, where);
    }
  });

  test('a|b reads both', async () => {
    const traceId = newTraceId();
    const a = await store(many, [span({ traceId })], { service: 'a' }, as('a'));
    const b = await store(many, [span({ traceId })], { service: 'b' }, as('b'));
    const only = await store(many, [span()], { service: 'b' }, as('b'));
    for (const view of kViews) {
      const read = async (id, tenant) => flatten(await many.trace(id, { ...view, headers: as(tenant) }) ?? []);
      const id = hexOf(traceId);
      assert.equal(difference([...flatten(a), ...flatten(b)], await read(id, 'a|b')), null);
      assert.equal(difference(flatten(a), await read(id, 'a')), null);
      assert.equal(difference(flatten(b), await read(id, 'b')), null);
      assert.equal(difference(flatten(a), await read(id, 'a|none')), null);
      const onlyId = hexOf(only[0].scopeSpans[0].spans[0].traceId);
      assert.equal(difference(flatten(only), await read(onlyId, 'a|b')), null);
      assert.deepEqual(await read(onlyId, 'a'), []);
    }
  });

  test('a tenant name that is a path: 400', async () => {
    for (const name of ['../x', 'a/b', '..']) {
      assert.equal((await many.get('/api/v2/traces/ff', { headers: as(name) })).status, 400, name);
    }
  });
});

test('http_api_prefix is put before /api alone', async () => {
  const prefixed = await Vivace.start({ config: { http_api_prefix: '/tempo' } });
  try {
    const it = span();
    await store(prefixed, [it]);
    const id = hexOf(it.traceId);
    const expected = { '/tempo/api/echo': 200, '/api/echo': 404, '/ready': 200, '/metrics': 200, '/tempo/ready': 404,
      [`/tempo/api/traces/${id}`]: 200, [`/tempo/api/v2/traces/${id}`]: 200, [`/api/traces/${id}`]: 404,
      '/tempo/api/status/buildinfo': 200 };
    for (const [where, status] of Object.entries(expected)) {
      assert.equal((await prefixed.get(where)).status, status, where);
    }
  } finally {
    await prefixed.close();
  }
});

describe('HTTP/2 without TLS, by curl', () => {
  const curl = promisify(execFile).bind(null, 'curl');

  for (const flag of ['--http2-prior-knowledge', '--http2', '--http1.1']) {
    test(flag, async () => {
      const it = span();
      await store(server, [it]);
      const base = `http://127.0.0.1:${server.httpPort}`;
      const echo = await curl(['-sS', flag, '-w', '%{http_version} %{http_code}', `${base}/api/echo`]);
      assert.equal(echo.stdout, `echo\n${flag === '--http1.1' ? '1.1' : '2'} 200`);
      const where = `/api/v2/traces/${hexOf(it.traceId)}`;
      const viaCurl = await curl(['-sS', flag, base + where]);
      const plain = await server.get(where);
      assert.deepEqual(JSON.parse(viaCurl.stdout).trace, JSON.parse(plain.text).trace);
      const absent = await curl(['-sS', flag, '-w', '%{http_code}', `${base}/nope`]);
      assert.equal(absent.stdout, '404 page not found\n404');
      const form = await curl(['-sS', flag, '-d', 'a=b', '-w', '%{http_code}', `${base}/api/status/buildinfo`]);
      assert.equal(form.stdout, '405');
    });
  }
});
