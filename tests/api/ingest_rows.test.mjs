// OTLP over HTTP: one test per row of the receive contract, exact where it is exact: status, type,
// bytes, and what is stored after it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { around, int, newSpanId, newTraceId, span, text } from './data.mjs';
import { Vivace, kProtobuf, kViews } from './harness.mjs';
import { keepAlive, request } from './http.mjs';
import { assertRefused, assertStored, assertSuccess, hexOf, one } from './ingest.mjs';
import { ExportResponse, decode, encodeRequest } from './proto.mjs';

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

describe('good requests', () => {
  test('protobuf: 200, its type back, an empty partial_success', async () => {
    const sent = one();
    assertSuccess(await server.push(sent.body));
    for (const view of kViews) await assertStored(server, sent, view);
  });

  test('gzip', async () => {
    const sent = one();
    assertSuccess(await server.push(sent.body, { gzip: true }));
    await assertStored(server, sent);
  });

  test('gzip of several members is one body', async () => {
    const sent = one();
    const half = sent.body.length >> 1;
    const body = Buffer.concat([
      zlib.gzipSync(sent.body.subarray(0, half)),
      zlib.gzipSync(sent.body.subarray(half)),
    ]);
    assertSuccess(await server.push(body, { headers: { 'content-encoding': 'gzip' } }));
    await assertStored(server, sent);
  });

  for (const encoding of ['', 'identity', 'GZIP', 'x-gzip']) {
    test(`Content-Encoding "${encoding}"`, async () => {
      const sent = one();
      const body = /gzip/i.test(encoding) ? zlib.gzipSync(sent.body) : sent.body;
      assertSuccess(await server.push(body, { headers: { 'content-encoding': encoding } }));
      await assertStored(server, sent);
    });
  }

  test('an empty body is a request of no spans', async () => {
    assertSuccess(await server.push(Buffer.alloc(0)));
    assertSuccess(await server.push(Buffer.alloc(0), { gzip: true }));
  });

  for (const type of [
    'application/x-protobuf; charset=x',
    'application/x-protobuf;charset=utf-8',
    'Application/X-ProtoBuf',
  ]) {
    test(`Content-Type ${type}`, async () => {
      const sent = one();
      assertSuccess(await server.push(sent.body, { headers: { 'content-type': type } }));
      await assertStored(server, sent);
    });
  }

  test('the same request again: 200, each span once', async () => {
    const spans = [span(), span()];
    spans[1].traceId = spans[0].traceId;
    const first = encodeRequest(around(spans.slice(0, 1)));
    const wider = encodeRequest(around(spans));
    for (const body of [first, first, wider, wider]) assertSuccess(await server.push(body));
    assertSuccess(await server.push(wider, { gzip: true }));
    await assertStored(server, { id: hexOf(spans[0].traceId), resourceSpans: around(spans) });
  });

  test('the same spans on many connections at once: each once', async () => {
    const traceId = newTraceId();
    const spans = Array.from({ length: 50 }, () => span({ traceId }));
    const bodies = Array.from({ length: 16 }, (_, i) => encodeRequest(around(spans.slice(i >> 1))));
    const agent = keepAlive(16);
    const answers = await Promise.all(bodies.map((body) => server.push(body, { agent })));
    agent.destroy();
    for (const answer of answers) assertSuccess(answer);
    await assertStored(server, { id: hexOf(traceId), resourceSpans: around(spans) });
  });

  test('a request of 15 MiB', async () => {
    const traceId = newTraceId();
    const fill = text('fill', 'f'.repeat(2000));
    const resourceSpans = around(
      Array.from({ length: 7500 }, () => span({ traceId, attributes: [fill] })),
    );
    assertSuccess(await server.push(encodeRequest(resourceSpans)));
    await assertStored(server, { id: hexOf(traceId), resourceSpans });
  });

  test('a span sent twice within one request is there once', async () => {
    const it = span();
    assertSuccess(await server.push(encodeRequest(around([it, it]))));
    await assertStored(server, { id: hexOf(it.traceId), resourceSpans: around([it]) });
  });

  test('unknown fields of every wire type are skipped', async () => {
    const sent = one();
    const unknown = Buffer.from(
      'a0fa0101' +
        'a1fa010102030405060708' +
        'a2fa0103616263' +
        'a3fa01a0fa0105a4fa01' +
        'a5fa0101020304',
      'hex',
    );
    assertSuccess(await server.push(Buffer.concat([unknown, sent.body, unknown])));
    await assertStored(server, sent);
  });

  test('spans in the old instrumentation_library_spans slot (field 1000)', async () => {
    const it = span();
    const [{ resource, scopeSpans }] = around([it]);
    assertSuccess(
      await server.push(encodeRequest([{ resource, deprecatedScopeSpans: scopeSpans }])),
    );
    await assertStored(server, {
      id: hexOf(it.traceId),
      resourceSpans: [{ resource, scopeSpans }],
    });
  });

  test('strings that are not UTF-8 come back as they were', async () => {
    const marker = 'INVALID-UTF8-MARK';
    const sent = one({ name: marker, attributes: [text('k', marker)] });
    const bad = Buffer.from('ff'.repeat(marker.length), 'hex');
    const spoil = (bytes) =>
      Buffer.from(bytes.toString('latin1').replaceAll(marker, bad.toString('latin1')), 'latin1');
    assertSuccess(await server.push(spoil(sent.body)));
    const answer = await server.get(`/api/traces/${sent.id}`, {
      headers: { accept: 'application/protobuf' },
    });
    assert.equal(answer.body.toString('latin1').split(bad.toString('latin1')).length - 1, 2);
    const json = await server.get(`/api/traces/${sent.id}`);
    assert.equal(json.status, 200);
    assert.doesNotThrow(() =>
      JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json.body)),
    );
  });

  test('X-Scope-OrgID is ignored while multitenancy is off', async () => {
    const sent = one();
    assertSuccess(await server.push(sent.body, { headers: { 'x-scope-orgid': 'other' } }));
    await assertStored(server, sent);
    await assertStored(server, sent, { headers: { 'x-scope-orgid': 'third' } });
  });

  test('received spans and bytes are counted', async () => {
    const name = (metric) => `${metric}{tenant="single-tenant"}`;
    const before = await server.metrics();
    const sent = one();
    assertSuccess(await server.push(sent.body, { gzip: true }));
    const after = await server.metrics();
    const rise = (key) => after[key] - before[key];
    assert.equal(rise(name('tempo_distributor_spans_received_total')), 1);
    assert.equal(rise(name('tempo_distributor_bytes_received_total')), sent.body.length);
    const accepted = Object.keys(after).find(
      (k) => k.startsWith('tempo_receiver_accepted_spans{') && k.includes('transport="http"'),
    );
    assert.ok(accepted, 'tempo_receiver_accepted_spans{transport="http"}');
    assert.equal(after[accepted] - (before[accepted] ?? 0), 1);
  });
});

describe('refused requests', () => {
  const kNotAllowed = '405 method not allowed, supported: [POST]';
  const kUnsupported =
    '415 unsupported media type, supported: [application/json, application/x-protobuf]';

  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    test(`${method}: 405`, async () => {
      const answer = await request({ port: server.otlpPort, path: '/v1/traces', method });
      assert.equal(answer.status, 405);
      assert.match(answer.headers['content-type'], /^text\/plain/);
      assert.equal(answer.text, kNotAllowed);
    });
  }

  for (const type of [
    undefined,
    'text/html',
    'application/protobuf',
    'application/x-protobuffer',
    ';',
    'x-protobuf',
  ]) {
    test(`Content-Type ${type}: 415`, async () => {
      const answer = await request({
        port: server.otlpPort,
        path: '/v1/traces',
        body: one().body,
        headers: type === undefined ? {} : { 'content-type': type },
      });
      assert.equal(answer.status, 415);
      assert.match(answer.headers['content-type'], /^text\/plain/);
      assert.equal(answer.text, kUnsupported);
    });
  }

  test('unknown Content-Encoding: 400, named', async () => {
    const answer = await server.push(one().body, { headers: { 'content-encoding': 'br2' } });
    assertRefused(answer, { message: 'unsupported Content-Encoding: br2' });
  });

  test('not gzip at all', async () => {
    const sent = one();
    assertRefused(await server.push(sent.body, { headers: { 'content-encoding': 'gzip' } }));
    assertRefused(await server.push(Buffer.from('x'), { headers: { 'content-encoding': 'gzip' } }));
    assert.equal(await server.trace(sent.id), null);
  });

  test('damaged gzip: in the middle, cut off, wrong checksum, bytes after the end', async () => {
    const { id, body } = one({
      attributes: [
        {
          key: 'noise',
          value: {
            bytesValue: Buffer.from(
              Array.from({ length: 5000 }, (_, i) => ((i * 7919) >> 3) & 255),
            ),
          },
        },
      ],
    });
    const whole = zlib.gzipSync(body);
    const flipped = (at) => {
      const copy = Buffer.from(whole);
      copy[at] ^= 0x55;
      return copy;
    };
    const cases = {
      middle: flipped(whole.length >> 1),
      truncated: whole.subarray(0, whole.length >> 1),
      'no trailer': whole.subarray(0, -8),
      crc: flipped(whole.length - 8),
      length: flipped(whole.length - 1),
      garbage: Buffer.concat([whole, Buffer.from('garbage')]),
      header: whole.subarray(0, 5),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const answer = await server.push(bytes, { headers: { 'content-encoding': 'gzip' } });
      assert.equal(answer.status, 400, name);
      assertRefused(answer);
    }
    assert.equal(await server.trace(id), null);
  });

  test('undecodable payloads', async () => {
    const { id, body } = one();
    const cases = {
      text: Buffer.from('this is no protobuf'),
      cut: body.subarray(0, -3),
      'field 0': Buffer.from([0x00, 0x01]),
      'endless varint': Buffer.alloc(11, 0xff),
      'length past the end': Buffer.from([0x0a, 0x7f, 0x00]),
      'length of 2^63': Buffer.concat([
        Buffer.from([0x0a]),
        Buffer.alloc(9, 0xff),
        Buffer.from([0x01]),
      ]),
      'open group': Buffer.from('a3fa01', 'hex'),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const answer = await server.push(bytes);
      assert.equal(answer.status, 400, name);
      assertRefused(answer);
      assertRefused(await server.push(bytes, { gzip: true }));
    }
    assert.equal(await server.trace(id), null);
  });

  const wrongIds = {
    'trace id of 15 bytes': { traceId: Buffer.alloc(15, 1) },
    'trace id of 17 bytes': { traceId: Buffer.alloc(17, 1) },
    'trace id of 8 bytes': { traceId: Buffer.alloc(8, 1) },
    'span id of 7 bytes': { spanId: Buffer.alloc(7, 1) },
    'span id of 16 bytes': { spanId: Buffer.alloc(16, 1) },
    'parent of 3 bytes': { parentSpanId: Buffer.alloc(3, 1) },
    'link to a trace id of 5 bytes': {
      links: [{ traceId: Buffer.alloc(5, 1), spanId: newSpanId() }],
    },
    'link to a span id of 9 bytes': {
      links: [{ traceId: newTraceId(), spanId: Buffer.alloc(9, 1) }],
    },
  };
  for (const [name, fields] of Object.entries(wrongIds)) {
    test(`${name}: the whole request is refused`, async () => {
      const good = span();
      assertRefused(await server.push(encodeRequest(around([good, span(fields)]))));
      assert.equal(await server.trace(hexOf(good.traceId)), null);
    });
  }

  test('values nested 20 deep are kept, 200 and 20,000 deep refused', async () => {
    const nested = (depth) => {
      let value = Buffer.from([0x0a, 0x01, 0x78]); // AnyValue "x"
      const wrap = (bytes, tag) => {
        const length = [];
        for (let n = bytes.length; ; n >>= 7) {
          length.push(n > 127 ? (n & 127) | 128 : n);
          if (n <= 127) break;
        }
        return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
      };
      for (let i = 0; i < depth; i++) value = wrap(wrap(value, 0x0a), 0x2a); // array_value{values}
      const it = span();
      const bytes = Buffer.concat([
        wrap(it.traceId, 0x0a),
        wrap(it.spanId, 0x12),
        wrap(Buffer.concat([wrap(Buffer.from('k'), 0x0a), wrap(value, 0x12)]), 0x4a),
      ]);
      return { id: hexOf(it.traceId), body: wrap(wrap(wrap(bytes, 0x12), 0x12), 0x0a) };
    };
    const shallow = nested(20);
    assertSuccess(await server.push(shallow.body));
    assert.ok(await server.trace(shallow.id));
    for (const depth of [200, 20_000]) assertRefused(await server.push(nested(depth).body));
    assert.equal((await server.get('/ready')).status, 200);
  });

  for (const where of ['/v1/metrics', '/v1/logs', '/', '/v1/traces/', '/v2/traces', '/api/echo']) {
    test(`${where}: 404`, async () => {
      const answer = await server.push(one().body, { path: where });
      assert.equal(answer.status, 404);
      assert.match(answer.headers['content-type'], /^text\/plain/);
      assert.equal(answer.text, '404 page not found\n');
    });
  }

  test('order of checks: path, encoding, method, type, body', async () => {
    const to = (options) => request({ port: server.otlpPort, path: '/v1/traces', ...options });
    const bad = { 'content-encoding': 'nope' };
    const wrongPath = await to({ path: '/nope', method: 'GET', headers: bad });
    assert.equal(wrongPath.status, 404);
    const encodingFirst = await to({
      method: 'GET',
      headers: { ...bad, 'content-type': kProtobuf },
    });
    assertRefused(encodingFirst, { message: 'unsupported Content-Encoding: nope' });
    const noEncodingForTheError = await to({
      body: 'x',
      headers: { ...bad, 'content-type': 'text/html' },
    });
    assert.equal(noEncodingForTheError.status, 500);
    assert.equal(noEncodingForTheError.headers['content-type'], 'application/json');
    assert.equal(
      noEncodingForTheError.text,
      '{"code": 13, "message": "failed to marshal error message"}',
    );
    const methodBeforeType = await to({ method: 'GET', headers: { 'content-type': 'text/html' } });
    assert.equal(methodBeforeType.status, 405);
    const typeBeforeBody = await to({
      body: 'not protobuf',
      headers: { 'content-type': 'text/html' },
    });
    assert.equal(typeBeforeBody.status, 415);
  });
});

describe('zero ids', () => {
  const zero = (n) => Buffer.alloc(n);
  const bad = {
    'trace id of zeros': { traceId: zero(16) },
    'no trace id': { traceId: zero(0) },
    'span id of zeros': { spanId: zero(8) },
    'no span id': { spanId: zero(0) },
  };
  for (const [name, fields] of Object.entries(bad)) {
    test(`${name}: that span alone is refused, and said so`, async () => {
      const good = [span(), span()];
      const answer = await server.push(encodeRequest(around([good[0], span(fields), good[1]])));
      assert.equal(answer.status, 200);
      const partial = decode(ExportResponse, answer.body).partialSuccess;
      assert.equal(partial.rejectedSpans, '1');
      assert.ok(partial.errorMessage);
      for (const it of good)
        await assertStored(server, { id: hexOf(it.traceId), resourceSpans: around([it]) });
    });

    test(`${name}, and nothing else: 400`, async () => {
      const before = await server.metrics();
      const reason = name.includes('trace') ? 'invalid_trace_id' : 'invalid_span_id';
      const message = name.includes('trace')
        ? /trace ids? must be 128 bit/
        : /span ids? must be 64 bit/;
      assertRefused(await server.push(encodeRequest(around([span(fields), span(fields)]))), {
        message,
      });
      const key = `tempo_discarded_spans_total{reason="${reason}",tenant="single-tenant"}`;
      assert.equal((await server.metrics())[key] - (before[key] ?? 0), 2, key);
    });
  }

  test('a parent id of zeros is no parent', async () => {
    const it = span({ parentSpanId: zero(8) });
    assertSuccess(await server.push(encodeRequest(around([it]))));
    const answer = await server.get(`/api/traces/${hexOf(it.traceId)}`);
    assert.equal(JSON.parse(answer.text).batches[0].scopeSpans[0].spans[0].parentSpanId, undefined);
  });
});

describe('long attributes', () => {
  const long = 'x'.repeat(5000);
  const wide = `x${'€'.repeat(1500)}`; // 2,048 is inside a character
  const cutWide = `x${'€'.repeat(682)}`;

  test('keys and values of spans, resources and scopes end at 2,048 bytes, no others', async () => {
    const before = await server.metrics();
    const make = (value, wideValue, key) => {
      const kept = { bytesValue: Buffer.alloc(5000, 7) };
      const list = { arrayValue: { values: [{ stringValue: long }] } };
      return around(
        [
          {
            ...base,
            attributes: [
              text('long', value),
              text('wide', wideValue),
              text(key, 'v'),
              { key: 'bytes', value: kept },
              { key: 'list', value: list },
              int('n', 1),
            ],
            events: [
              {
                name: 'exception',
                timeUnixNano: '1700000000000000001',
                attributes: [text('exception.stacktrace', long)],
              },
            ],
          },
        ],
        {
          resource: { attributes: [text('service.name', 'shop'), text('r', value)] },
          scope: { name: 'lib', attributes: [text('s', wideValue)] },
        },
      );
    };
    const base = span({ name: long });
    assertSuccess(await server.push(encodeRequest(make(long, wide, `k${long}`))));
    const expected = make(long.slice(0, 2048), cutWide, `k${long}`.slice(0, 2048));
    for (const view of kViews)
      await assertStored(server, { id: hexOf(base.traceId), resourceSpans: expected }, view);
    const after = await server.metrics();
    const cut = (m) =>
      Object.entries(m)
        .filter(([k]) => k.startsWith('tempo_distributor_attributes_truncated_total'))
        .reduce((sum, [, v]) => sum + v, 0);
    assert.equal(cut(after) - cut(before), 5);
  });
});
