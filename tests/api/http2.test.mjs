// HTTP/2 without TLS on the query port: h2load, and node's client with many streams at once, large
// answers, and streams that are given up.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { around, newTraceId, span, text } from './data.mjs';
import { Vivace, pause } from './harness.mjs';
import { RawConnection } from './http.mjs';
import { TraceByIdResponse, decode, difference, encodeRequest, flatten } from './proto.mjs';

let server;
let small; // {id, sent}
let large; // the same, some 2 MiB
const h2load = promisify(execFile).bind(null, 'h2load');

async function store(spans) {
  const sent = around(spans);
  assert.equal((await server.push(encodeRequest(sent))).status, 200);
  return { id: spans[0].traceId.toString('hex'), sent };
}

before(async () => {
  server = await Vivace.start({ config: { stream_over_http_enabled: true } });
  small = await store([span()]);
  const traceId = newTraceId();
  large = await store(
    Array.from({ length: 1000 }, (_, i) =>
      span({ traceId, attributes: [text('n', String(i).padEnd(2000, '.'))] }),
    ),
  );
});
after(async () => {
  for (const it of [...sessions, ...connections]) it.destroy();
  await server?.close();
});

const sessions = new Set();
const connections = new Set();
function open() {
  const session = http2.connect(`http://127.0.0.1:${server.httpPort}`);
  sessions.add(session);
  session.on('error', () => {});
  return session;
}

function get(session, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path, ...headers });
    const parts = [];
    let head;
    stream.on('response', (h) => {
      head = h;
    });
    stream.on('data', (d) => parts.push(d));
    stream.on('error', reject);
    stream.on('end', () =>
      resolve({ status: head?.[':status'], headers: head, body: Buffer.concat(parts) }),
    );
    stream.setTimeout(20_000, () => reject(new Error(`no answer: ${path}`)));
    stream.end();
  });
}

const assertTrace = ({ sent }, { body }) =>
  assert.equal(
    difference(flatten(sent), flatten(decode(TraceByIdResponse, body).trace.resourceSpans)),
    null,
  );

for (const [name, flags] of Object.entries({
  'HTTP/2, 32 streams a connection': ['-m', '32'],
  'HTTP/1.1': ['--h1'],
})) {
  test(`h2load, ${name}`, async () => {
    const { stdout } = await h2load([
      '-n',
      '20000',
      '-c',
      '4',
      ...flags,
      `http://127.0.0.1:${server.httpPort}/api/echo`,
    ]);
    assert.match(stdout, /status codes: 20000 2xx, 0 3xx, 0 4xx, 0 5xx/, stdout);
    assert.match(stdout, /20000 succeeded, 0 failed, 0 errored, 0 timeout/, stdout);
  });
}

test('h2load, a trace by id', async () => {
  const { stdout } = await h2load([
    '-n',
    '5000',
    '-c',
    '4',
    '-m',
    '16',
    `http://127.0.0.1:${server.httpPort}/api/v2/traces/${small.id}`,
  ]);
  assert.match(stdout, /5000 succeeded, 0 failed, 0 errored, 0 timeout/, stdout);
});

test('many streams on one connection', async () => {
  const session = open();
  const accept = { accept: 'application/protobuf' };
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      get(
        session,
        i % 50 === 0 ? `/api/v2/traces/${large.id}` : `/api/v2/traces/${small.id}`,
        accept,
      ),
    ),
  );
  for (const [i, answer] of answers.entries()) {
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/protobuf');
    assertTrace(i % 50 === 0 ? large : small, answer);
  }
  session.close();
});

test('refusals by stream, not by connection', async () => {
  const session = open();
  assert.equal((await get(session, '/api/traces/xyz')).status, 400);
  assert.equal((await get(session, '/nope')).status, 404);
  assert.equal((await get(session, '/api/traces/ffff')).status, 404);
  assert.equal((await get(session, '/api/status/buildinfo', { ':method': 'POST' })).status, 405);
  assert.equal((await get(session, '/api/echo')).body.toString(), 'echo\n');
  session.close();
});

test('streams that the client gives up take nobody with them', async () => {
  const session = open();
  for (let i = 0; i < 100; i++) {
    const stream = session.request({ ':path': `/api/v2/traces/${large.id}` });
    stream.on('error', () => {});
    stream.resume(); // node resets no stream whose data waits to be read
    stream.end();
    const cancel = () => stream.close(http2.constants.NGHTTP2_CANCEL);
    if (i % 2) stream.once('response', cancel);
    else setTimeout(cancel, i % 5);
    if (i % 10 === 9) await get(session, '/api/echo');
  }
  assertTrace(
    large,
    await get(session, `/api/v2/traces/${large.id}`, { accept: 'application/protobuf' }),
  );
  session.close();
  for (let i = 0; i < 20; i++) {
    const gone = open();
    gone
      .request({ ':path': `/api/v2/traces/${large.id}` })
      .on('error', () => {})
      .end();
    await new Promise((resolve) => gone.once('connect', resolve));
    gone.destroy();
  }
  assert.equal((await server.get('/ready')).status, 200);
});

test('a slow reader gets all of a large answer', async () => {
  const session = open();
  const stream = session.request({
    ':path': `/api/v2/traces/${large.id}`,
    accept: 'application/protobuf',
  });
  stream.end();
  const parts = [];
  for await (const part of stream) {
    // the window opens only as parts are taken
    parts.push(part);
    await new Promise(setImmediate);
  }
  assertTrace(large, { body: Buffer.concat(parts) });
  session.close();
});

test('clients that do not read hold nobody else up', async () => {
  const where = `/api/v2/traces/${large.id}`;
  for (let i = 0; i < 4; i++) {
    open()
      .request({ ':path': where })
      .on('error', () => {})
      .end();
    const connection = await RawConnection.open(server.httpPort);
    connections.add(connection);
    connection.socket.pause();
    await connection.write(`GET ${where} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(20));
  }
  await pause(200); // until whoever can be held up is
  assert.ok(await server.trace(small.id));
  assert.equal((await server.stop()).code, 0);
});
