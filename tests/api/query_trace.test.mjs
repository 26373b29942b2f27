// A trace by id: absent and present, JSON byte for byte, protobuf, order, repeats, shared span ids,
// and compression of the answer.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { newSpanId, newTraceId, span, text } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import {
  TraceByIdResponse,
  TracesData,
  decode,
  difference,
  encodeRequest,
  flatten,
} from './proto.mjs';
import { hexOf, kProto, store } from './query.mjs';

let server;
before(async () => {
  server = await Vivace.start({ config: { stream_over_http_enabled: true } });
});
after(async () => {
  await server?.close();
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
    assert.deepEqual(
      Object.keys(message).filter((k) => !['trace', 'metrics'].includes(k)),
      [],
    );
  });

  const accepts = {
    'application/protobuf': true,
    'application/json, application/protobuf;q=0.9': true,
    'text/html,application/protobuf': true,
    'application/json': false,
    '*/*': false,
    'application/x-protobuf': false,
    '': false,
  };
  for (const [accept, protobuf] of Object.entries(accepts)) {
    test(`Accept "${accept}": ${protobuf ? 'protobuf' : 'JSON'}`, async () => {
      const it = span();
      const sent = await store(server, [it]);
      for (const version of [1, 2]) {
        const where = `/api/${version === 2 ? 'v2/' : ''}traces/${hexOf(it.traceId)}`;
        const answer = await server.get(where, { headers: { accept } });
        assert.equal(
          answer.headers['content-type'],
          protobuf ? 'application/protobuf' : 'application/json',
        );
        if (!protobuf) {
          assert.ok(JSON.parse(answer.text));
        } else if (version === 1) {
          assert.equal(
            difference(flatten(sent), flatten(decode(TracesData, answer.body).resourceSpans)),
            null,
          );
        } else {
          assert.equal(
            difference(
              flatten(sent),
              flatten(decode(TraceByIdResponse, answer.body).trace.resourceSpans),
            ),
            null,
          );
        }
      }
    });
  }

  test('protobuf has resource, scope and status even when they are empty', async () => {
    const it = { traceId: newTraceId(), spanId: newSpanId() };
    assert.equal(
      (await server.push(encodeRequest([{ scopeSpans: [{ spans: [it] }] }]))).status,
      200,
    );
    for (const version of [1, 2]) {
      const [rs] = await server.trace(hexOf(it.traceId), { version });
      assert.ok(rs.resource, 'resource');
      assert.ok(rs.scopeSpans[0].scope, 'scope');
      assert.ok(rs.scopeSpans[0].spans[0].status, 'status');
    }
  });

  test('the smallest span as JSON, byte for byte', async () => {
    const it = { traceId: newTraceId(), spanId: newSpanId() };
    assert.equal(
      (await server.push(encodeRequest([{ scopeSpans: [{ spans: [it] }] }]))).status,
      200,
    );
    const ids = { traceId: it.traceId.toString('base64'), spanId: it.spanId.toString('base64') };
    const spans = [{ ...ids, status: {} }];
    const body = JSON.stringify([{ resource: {}, scopeSpans: [{ scope: {}, spans }] }]);
    assert.equal(
      (await server.get(`/api/traces/${hexOf(it.traceId)}`)).text,
      `{"batches":${body}}`,
    );
    const v2 = (await server.get(`/api/v2/traces/${hexOf(it.traceId)}`)).text;
    assert.match(
      v2.slice(`{"trace":{"resourceSpans":${body}}`.length),
      /^,"metrics":\{("inspectedBytes":"\d+")?\}\}$/,
    );
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
    const at = (start, id) => ({
      ...span({ traceId, startTimeUnixNano: start }),
      spanId: Buffer.from(id, 'hex'),
    });
    const [a, b, c, d] = [
      at('100', '0000000000000009'),
      at('200', '0000000000000001'),
      at('200', '0000000000000002'),
      at('300', '00000000000000aa'),
    ];
    await store(server, [d, b]);
    await store(server, [c]);
    await store(server, [a]);
    for (const view of kViews) {
      const got = await server.trace(hexOf(traceId), view);
      const order = got.flatMap((rs) =>
        rs.scopeSpans.flatMap((ss) => ss.spans.map((s) => hexOf(s.spanId))),
      );
      assert.deepEqual(
        order,
        [a, b, c, d].map((s) => hexOf(s.spanId)),
      );
    }
  });

  test('a span pushed twice, the second time with another name: the first stays', async () => {
    const it = span({ name: 'first' });
    const sent = await store(server, [it]);
    await store(server, [{ ...it, name: 'second' }]);
    for (const view of kViews) {
      assert.equal(
        difference(flatten(sent), flatten(await server.trace(hexOf(it.traceId), view))),
        null,
      );
    }
  });

  test('the same span id with another kind is another span', async () => {
    const it = span({ kind: 4 });
    await store(server, [it, { ...it, kind: 5 }]);
    const got = await server.trace(hexOf(it.traceId));
    assert.equal(flatten(got).length, 2);
  });

  test('client and server share a span id: the server span gets a fresh one', async () => {
    const traceId = newTraceId();
    const shared = newSpanId();
    const root = span({ traceId, name: 'root' });
    const client = span({
      traceId,
      spanId: shared,
      parentSpanId: root.spanId,
      kind: 3,
      name: 'client',
    });
    const serverSpan = span({
      traceId,
      spanId: shared,
      parentSpanId: root.spanId,
      kind: 2,
      name: 'server',
      startTimeUnixNano: '1700000000010000000',
    });
    const child = span({
      traceId,
      parentSpanId: shared,
      name: 'child',
      startTimeUnixNano: '1700000000020000000',
    });
    await store(server, [client, root], { service: 'front' });
    await store(server, [serverSpan, child], { service: 'back' });
    for (const view of kViews) {
      const got = await server.trace(hexOf(traceId), view);
      const spans = Object.fromEntries(
        got.flatMap((rs) => rs.scopeSpans.flatMap((ss) => ss.spans)).map((s) => [s.name, s]),
      );
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

// The compact text of Go's JSON encoder: what JSON.stringify gives, but < > & escaped.
const goJson = (object) =>
  JSON.stringify(object).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);

// A span with every member that JSON has, and the JSON of its resourceSpans, members in order. One
// attribute a list: their order is free. Values of all types stand in one array.
function fullSpan() {
  const [traceId, otherTrace] = [newTraceId(), newTraceId()];
  const [spanId, parentSpanId, otherSpan] = [newSpanId(), newSpanId(), newSpanId()];
  const b64 = (bytes) => bytes.toString('base64');
  const kSpecial = [NaN, Infinity, -Infinity];
  const values = [
    { stringValue: '' },
    { stringValue: '<a>&"\\/é' },
    { boolValue: false },
    { intValue: '0' },
    { intValue: '-9223372036854775808' },
    { doubleValue: 0 },
    { doubleValue: 1.5 },
    {},
    { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } },
    { arrayValue: { values: [{ intValue: '7' }] } },
    ...kSpecial.map((doubleValue) => ({ doubleValue })),
    { bytesValue: Buffer.from([1, 2, 3, 255]) },
    { bytesValue: Buffer.alloc(0) },
  ];
  const valuesJson = [
    ...values.slice(0, -5),
    ...kSpecial.map((v) => ({ doubleValue: String(v) })),
    { bytesValue: 'AQID/w==' },
    { bytesValue: '' },
  ];
  const times = {
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '18446744073709551615',
  };
  const event = {
    timeUnixNano: '1700000000000000001',
    name: 'e',
    attributes: [text('x', 'y')],
    droppedAttributesCount: 4,
  };
  const linkRest = { traceState: 'b=2', attributes: [text('l', 'm')], droppedAttributesCount: 6 };
  const build = (id, kind, code, all) => ({
    resource: { attributes: [text('service.name', 'a<b')], droppedAttributesCount: 1 },
    scopeSpans: [
      {
        scope: {
          name: 'lib',
          version: '1.2',
          attributes: [text('s', 'v')],
          droppedAttributesCount: 2,
        },
        spans: [
          {
            traceId: id(traceId),
            spanId: id(spanId),
            traceState: 'a=1',
            parentSpanId: id(parentSpanId),
            name: 'GET /',
            kind,
            ...times,
            attributes: [{ key: 'all', value: { arrayValue: { values: all } } }],
            droppedAttributesCount: 3,
            events: [event, {}],
            droppedEventsCount: 5,
            links: [{ traceId: id(otherTrace), spanId: id(otherSpan), ...linkRest }],
            droppedLinksCount: 4294967295,
            status: { message: 'boom', code },
          },
        ],
      },
    ],
  });
  return {
    sent: [build((bytes) => bytes, 2, 2, values)],
    json: goJson(build(b64, 'SPAN_KIND_SERVER', 'STATUS_CODE_ERROR', valuesJson)),
  };
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

  test('megabytes too', async () => {
    const traceId = newTraceId();
    const fill = text('fill', 'z'.repeat(2000));
    const sent = await store(
      server,
      Array.from({ length: 1500 }, () => span({ traceId, attributes: [fill] })),
    );
    for (const view of kViews) {
      const got = await server.trace(hexOf(traceId), view);
      assert.equal(difference(flatten(sent), flatten(got)), null, JSON.stringify(view));
    }
    const where = `/api/traces/${hexOf(traceId)}`;
    const plain = await server.get(where);
    const packed = await server.get(where, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
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
