// OTLP over gRPC on the receiver's port: grpc-js, the OpenTelemetry exporter and h2load as clients,
// node's HTTP/2 for calls that no gRPC client would make, and frames by hand, cut anywhere.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { around, newTraceId, span, text } from './data.mjs';
import { Vivace, freePort, pause } from './harness.mjs';
import { RawConnection, request } from './http.mjs';
import { assertStored, hexOf, kMiB, kSuccess, one } from './ingest.mjs';
import { ExportResponse, decode, encodeRequest } from './proto.mjs';

const kExport = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

async function startServer(grpcKeys = {}, config = {}) {
  const port = await freePort();
  const protocols = { grpc: { endpoint: `127.0.0.1:${port}`, ...grpcKeys } };
  const server = await Vivace.start({
    config: { ...config, distributor: { receivers: { otlp: { protocols } } } },
  });
  server.otlpGrpcPort = port;
  return server;
}

const closing = [];
let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  for (const it of closing) (it.destroy ?? it.close).call(it);
  await server?.close();
});

// ---- grpc-js --------------------------------------------------------------------------------------

function clientOf(of = server, options = {}) {
  const client = new grpc.Client(`127.0.0.1:${of.otlpGrpcPort}`, grpc.credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    ...options,
  });
  closing.push(client);
  return client;
}
const gzipClient = (of = server) => clientOf(of, { 'grpc.default_compression_algorithm': 2 });

// {error, answer: Buffer}
function call(client, message, { method = kExport, metadata = {}, deadlineMs = 20_000 } = {}) {
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const raw = (bytes) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method,
      raw,
      raw,
      message,
      sent,
      { deadline: Date.now() + deadlineMs },
      (error, answer) => resolve({ error, answer }),
    );
  });
}
async function assertCall(client, message, options) {
  const { error, answer } = await call(client, message, options);
  assert.equal(error, null);
  assert.deepEqual(answer, kSuccess);
}
async function assertFails(client, message, { code, details, ...options }) {
  const { error } = await call(client, message, options);
  assert.ok(error, 'the call went through');
  assert.equal(error.code, code, error.message);
  assert.match(error.details, details);
  return error;
}

test('a trace sent over gRPC is there when the call returns, in all views', async () => {
  const sent = one();
  await assertCall(clientOf(), sent.body);
  await assertStored(server, sent);
});

test('with gzip', async () => {
  const sent = one({ attributes: [text('long', 'gzip '.repeat(300))] });
  await assertCall(gzipClient(), sent.body);
  await assertStored(server, sent);
});

test('many calls at once on one connection', async () => {
  const client = clientOf();
  const sent = Array.from({ length: 400 }, () => one());
  await Promise.all(sent.map(({ body }) => assertCall(client, body)));
  for (const it of sent.slice(0, 20)) await assertStored(server, it);
});

test('an empty message is a request of no spans', async () => {
  await assertCall(clientOf(), Buffer.alloc(0));
});

test('metrics, logs and other methods are unimplemented', async () => {
  for (const method of [
    '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
    '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    '/opentelemetry.proto.collector.trace.v1.TraceService/Import',
    '/grpc.health.v1.Health/Check',
    '/x',
  ]) {
    await assertFails(clientOf(), Buffer.alloc(0), { method, code: 12, details: /./ });
  }
});

test('what cannot be read is INTERNAL', async () => {
  const unreadable = { code: 13, details: /^grpc: error unmarshalling request: / };
  await assertFails(clientOf(), Buffer.from('garbage'), unreadable);
  for (const wrong of [{ traceId: Buffer.alloc(15, 1) }, { spanId: Buffer.alloc(9, 1) }]) {
    await assertFails(clientOf(), one(wrong).body, unreadable);
  }
});

test('empty ids: the span alone is refused, or all are', async () => {
  const traceId = newTraceId();
  const good = span({ traceId });
  const request = encodeRequest(around([good, span({ traceId, spanId: Buffer.alloc(8) })]));
  const { error, answer } = await call(clientOf(), request);
  assert.equal(error, null);
  const { partialSuccess } = decode(ExportResponse, answer);
  assert.equal(partialSuccess.rejectedSpans, '1');
  assert.match(partialSuccess.errorMessage, /span ids must be 64 bit and not all zero/);
  await assertStored(server, { id: hexOf(traceId), resourceSpans: around([good]) });
  await assertFails(clientOf(), one({ traceId: Buffer.alloc(16) }).body, {
    code: 3,
    details: /trace ids must be 128 bit/,
  });
});

const sized = (bytes) => one({ attributes: [text('fill', 'x'.repeat(bytes))] });

test('a message of 5 MiB is refused for good, as sent and unpacked', async () => {
  const { body } = sized(5 * kMiB);
  const error = await assertFails(clientOf(), body, {
    code: 8,
    details: new RegExp(
      `^grpc: received message larger than max \\(${body.length} vs\\. 4194304\\).*max_recv_msg_size_mib`,
    ),
  });
  assert.deepEqual(error.metadata.get('grpc-status-details-bin'), [], 'no RetryInfo');
  await assertFails(gzipClient(), body, {
    code: 8,
    details: /^grpc: received message after decompression larger than max .*max_recv_msg_size_mib/,
  });
  const sent = sized(4 * kMiB - 1000);
  await assertCall(clientOf(), sent.body);
});

test('max_recv_msg_size_mib moves the limit', async () => {
  const larger = await startServer({ max_recv_msg_size_mib: 6 });
  try {
    await assertCall(clientOf(larger), sized(5 * kMiB).body);
    await assertCall(gzipClient(larger), sized(5 * kMiB).body);
    await assertFails(clientOf(larger), sized(6 * kMiB).body, { code: 8, details: /vs\. 6291456\)/ });
  } finally {
    await larger.close();
  }
});

test('tenants by metadata', async () => {
  const tenants = await startServer({}, { multitenancy_enabled: true });
  try {
    const client = clientOf(tenants);
    const sent = one();
    await assertFails(client, sent.body, { code: 3, details: /no org id/ });
    await assertCall(client, sent.body, { metadata: { 'x-scope-orgid': 'team-a' } });
    const read = (name) => tenants.trace(sent.id, { headers: { 'x-scope-orgid': name } });
    assert.ok(await read('team-a'));
    assert.equal(await read('team-b'), null);
  } finally {
    await tenants.close();
  }
});

test('counters carry the transport', async () => {
  const name = 'tempo_receiver_accepted_spans{receiver="otlp/otlp_receiver",transport="grpc"}';
  const before = (await server.metrics())[name];
  await assertCall(clientOf(), one().body);
  assert.equal((await server.metrics())[name], before + 1);
});

// ---- node's HTTP/2 --------------------------------------------------------------------------------

const frame = (message, packed = 0) => {
  const head = Buffer.from([packed, 0, 0, 0, 0]);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

// A frame of one raw block (RFC 8878, 3.1).
function zstd(bytes) {
  const head = Buffer.from('28b52ffda000000000000000', 'hex');
  head.writeUInt32LE(bytes.length, 5);
  head.writeUIntLE((bytes.length << 3) | 1, 9, 3);
  return Buffer.concat([head, bytes]);
}

// The framing format with one chunk that is not compressed.
function snappy(bytes) {
  let crc = 0xffffffff; // CRC-32C
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  const head = Buffer.from('ff060000734e615070590100000000000000', 'hex');
  head.writeUIntLE(bytes.length + 4, 11, 3);
  head.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 14);
  return Buffer.concat([head, bytes]);
}

function connect(of = server) {
  const session = http2.connect(`http://127.0.0.1:${of.otlpGrpcPort}`);
  session.on('error', () => {});
  closing.push(session);
  return session;
}

// {headers, trailers, body}; the body is written in the given parts.
function post(session, parts, headers = {}) {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': kExport,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const got = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
    stream.on('response', (h) => (got.headers = h));
    stream.on('trailers', (h) => (got.trailers = h));
    stream.on('data', (part) => (got.body = Buffer.concat([got.body, part])));
    stream.on('error', reject);
    stream.on('end', () => resolve(got));
    stream.setTimeout(20_000, () => reject(new Error('no answer')));
    (async () => {
      for (const part of parts) {
        stream.write(part);
        await pause(1);
      }
      stream.end();
    })();
  });
}

describe('on the wire', () => {
  test('success: a frame, then the status in trailers', async () => {
    const answer = await post(connect(), [frame(one().body)]);
    assert.equal(answer.headers[':status'], 200);
    assert.equal(answer.headers['content-type'], 'application/grpc');
    assert.deepEqual(answer.body, frame(kSuccess));
    assert.equal(answer.trailers['grpc-status'], '0');
  });

  test('errors are headers alone', async () => {
    const row = async (parts, headers, status, message) => {
      const answer = await post(connect(), parts, headers);
      assert.equal(answer.headers[':status'], 200);
      assert.equal(answer.headers['grpc-status'], status, answer.headers['grpc-message']);
      assert.equal(answer.headers['grpc-message'], message);
      assert.equal(answer.body.length, 0);
    };
    const { body } = one();
    await row(
      [frame(body)],
      { 'grpc-encoding': 'br' },
      '12',
      'grpc: Decompressor is not installed for grpc-encoding "br"',
    );
    const flag = 'grpc: compressed flag set with identity or empty encoding';
    await row([frame(body, 1)], {}, '13', flag);
    await row([frame(body, 1)], { 'grpc-encoding': 'identity' }, '13', flag);
    await row([], {}, '13', 'grpc: the call has no message');
    await row([frame(body).subarray(0, -1)], {}, '13', 'unexpected EOF');
    await row([frame(body), 'x'], {}, '13', 'grpc: a unary call carries one message, more came');
    await row([frame(body)], { 'grpc-timeout': '0m' }, '4', 'the deadline had passed on arrival');
    await row([frame(body)], { 'grpc-timeout': 'x' }, '13', 'malformed grpc-timeout: "x"');
  });

  test('the message of an error is percent-encoded', async () => {
    const answer = await post(connect(), [frame(Buffer.alloc(0))], { ':path': '/pkg.S/%25é' });
    assert.match(answer.headers['grpc-message'], / %2525%E9$/); // node sends é as one byte
  });

  test('a message in parts as small as they get', async () => {
    const sent = one();
    const parts = Array.from(frame(sent.body), (byte) => Buffer.from([byte]));
    assert.equal((await post(connect(), parts)).trailers['grpc-status'], '0');
    await assertStored(server, sent);
  });

  test('zipped or not is said by each frame', async () => {
    for (const [message, packed] of [
      [one().body, 0],
      [zlib.gzipSync(one().body), 1],
    ]) {
      const answer = await post(connect(), [frame(message, packed)], { 'grpc-encoding': 'gzip' });
      assert.equal(answer.trailers['grpc-status'], '0');
    }
  });

  test('zstd, and snappy in frames', async () => {
    for (const [encoding, pack] of [
      ['zstd', zstd],
      ['snappy', snappy],
    ]) {
      const sent = one();
      const call = post(connect(), [frame(pack(sent.body), 1)], { 'grpc-encoding': encoding });
      assert.equal((await call).trailers['grpc-status'], '0', encoding);
      await assertStored(server, sent);
      const broken = await post(connect(), [frame(pack(sent.body).subarray(0, -3), 1)], {
        'grpc-encoding': encoding,
      });
      assert.equal(broken.headers['grpc-status'], '13', encoding);
    }
  });

  test('what is not gRPC is told so', async () => {
    const foreign = await post(connect(), ['{}'], { 'content-type': 'application/json' });
    assert.equal(foreign.headers[':status'], 415);
    const http1 = await request({
      port: server.otlpGrpcPort,
      path: '/v1/traces',
      body: 'x',
      headers: { 'content-type': 'application/x-protobuf' },
    });
    assert.equal(http1.status, 400);
    assert.match(http1.text, /gRPC/);
  });

  test('keepalive pings are answered, and never too many for an idle client', async () => {
    const session = connect();
    let goaway = false;
    session.on('goaway', () => (goaway = true));
    await new Promise((resolve) => session.once('connect', resolve));
    for (let i = 0; i < 100; i++) {
      await new Promise((resolve, reject) =>
        session.ping((error) => (error ? reject(error) : resolve())),
      );
    }
    assert.equal((await post(session, [frame(one().body)])).trailers['grpc-status'], '0');
    assert.equal(goaway, false);
  });

  test('rapid resets end the connection that makes them, and no other', async () => {
    const other = clientOf();
    await assertCall(other, one().body);
    const session = connect();
    const ended = new Promise((resolve) => session.once('close', resolve));
    const flood = async () => {
      for (let i = 0; i < 5000 && !session.closed && !session.destroyed; i++) {
        const stream = session.request({ ':method': 'POST', ':path': kExport });
        stream.on('error', () => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
        if (i % 50 === 0) await new Promise(setImmediate);
      }
    };
    await flood().catch(() => {});
    session.destroy();
    await ended;
    await assertCall(other, one().body);
  });

  test('a slow client holds nobody up', async () => {
    const sent = one();
    const slow = post(
      connect(),
      Array.from(frame(sent.body), (byte) => Buffer.from([byte])),
    );
    for (let i = 0; i < 20; i++) await assertCall(clientOf(), one().body);
    assert.equal((await slow).trailers['grpc-status'], '0');
    await assertStored(server, sent);
  });
});

// ---- by hand --------------------------------------------------------------------------------------

const h2Frame = (type, flags, stream, payload) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
// HPACK without indexing or Huffman.
const literal = (name, value) =>
  Buffer.concat(
    [name, value].map((s, i) =>
      Buffer.concat([Buffer.from(i ? [s.length] : [0, s.length]), Buffer.from(s)]),
    ),
  );
const conversation = (message) =>
  Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    h2Frame(4, 0, 0, Buffer.alloc(0)),
    h2Frame(
      1,
      4,
      1,
      Buffer.concat([
        literal(':method', 'POST'),
        literal(':scheme', 'http'),
        literal(':authority', 'x'),
        literal(':path', kExport),
        literal('te', 'trailers'),
        literal('content-type', 'application/grpc'),
      ]),
    ),
    h2Frame(0, 1, 1, frame(message)),
  ]);
// The last frame of the answer: HEADERS that end the stream, grpc-status 0 as a literal.
const answered = (bytes) => bytes.subarray(-2).equals(Buffer.from([1, 0x30]));

async function inBatches(count, run) {
  for (let i = 0; i < count; i += 32) {
    await Promise.all(Array.from({ length: Math.min(32, count - i) }, (_, j) => run(i + j)));
  }
}

test('a call cut at every byte into two packets', async () => {
  const sent = one();
  const bytes = conversation(sent.body);
  await inBatches(bytes.length, async (cut) => {
    const connection = await RawConnection.open(server.otlpGrpcPort);
    await connection.write(bytes.subarray(0, cut));
    await pause(2);
    await connection.write(bytes.subarray(cut));
    assert.ok(await connection.until(() => answered(connection.data)), `cut at ${cut}`);
    connection.destroy();
  });
  await assertStored(server, sent);
});

test('a client that leaves after any byte', async () => {
  const bytes = conversation(one().body);
  await inBatches(bytes.length, async (cut) => {
    const connection = await RawConnection.open(server.otlpGrpcPort);
    await connection.write(bytes.subarray(0, cut));
    connection.destroy();
  });
  await assertCall(clientOf(), one().body);
});

// ---- other clients --------------------------------------------------------------------------------

test('h2load', async () => {
  const file = path.join(server.folder, 'message');
  fs.writeFileSync(file, frame(one().body));
  const { stdout } = await promisify(execFile)('h2load', [
    ...['-n', '5000', '-c', '4', '-m', '32', '-d', file],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    `http://127.0.0.1:${server.otlpGrpcPort}${kExport}`,
  ]);
  assert.match(stdout, /5000 succeeded, 0 failed, 0 errored, 0 timeout/, stdout);
});

function sdkSpans() {
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'both-ways', 'process.pid': 7 }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracer = provider.getTracer('lib', '1.0');
  for (let i = 0; i < 50; i++) {
    const root = tracer.startSpan(`GET /${i}`, {
      kind: SpanKind.SERVER,
      attributes: { n: i, half: i + 0.5, list: ['a', 'ü'], on: true },
      links: i ? [{ context: memory.getFinishedSpans()[0].spanContext() }] : [],
    });
    root.addEvent('event', { at: i });
    if (i % 3 === 0) root.setStatus({ code: SpanStatusCode.ERROR, message: 'no' });
    root.end();
  }
  return memory.getFinishedSpans();
}

test('the OpenTelemetry SDK: the same spans by HTTP and by gRPC with gzip are the same', async () => {
  const overHttp = await startServer();
  try {
    const spans = sdkSpans();
    const exported = (exporter) =>
      new Promise((resolve, reject) =>
        exporter.export(spans, (result) =>
          result.code === 0 ? resolve(exporter.shutdown()) : reject(result.error),
        ),
      );
    await exported(
      new GrpcExporter({ url: `http://127.0.0.1:${server.otlpGrpcPort}`, compression: 'gzip' }),
    );
    await exported(
      new HttpExporter({
        url: `http://127.0.0.1:${overHttp.otlpPort}/v1/traces`,
        compression: 'gzip',
      }),
    );
    for (const it of spans) {
      const where = `/api/v2/traces/${it.spanContext().traceId}`;
      const [grpcText, httpText] = [(await server.get(where)).text, (await overHttp.get(where)).text];
      assert.equal(grpcText, httpText);
      assert.ok(httpText.includes(it.name), httpText);
    }
  } finally {
    await overHttp.close();
  }
});

test('a stop answers what is under way, and tells clients to go', async () => {
  const stopping = await startServer();
  const client = clientOf(stopping);
  await assertCall(client, one().body);
  const session = connect(stopping);
  let goaway;
  session.on('goaway', (code) => (goaway = code));
  assert.equal((await post(session, [frame(one().body)])).trailers['grpc-status'], '0');
  const under = Array.from({ length: 20 }, () => call(client, one().body));
  await stopping.close();
  for (const { error } of await Promise.all(under)) {
    if (error) assert.equal(error.code, 14, error.message);
  }
  assert.equal(goaway, 0);
});
