// OTLP over HTTP/1.1: the ways a client may send (kept alive, pipelined, chunked, slow, cut off),
// and what is no HTTP at all.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { text } from './data.mjs';
import { Vivace, kProtobuf, pause } from './harness.mjs';
import { RawConnection, keepAlive, rawHead, rawPost } from './http.mjs';
import { assertRefused, assertStored, assertSuccess, kMiB, one } from './ingest.mjs';

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

describe('ways of sending', () => {
  const head = { 'Content-Type': kProtobuf };
  const withRaw = async (work) => {
    const connection = await RawConnection.open(server.otlpPort);
    try {
      await work(connection);
    } finally {
      connection.destroy();
    }
  };

  test('keep-alive: many requests on one connection', async () => {
    const agent = keepAlive(1);
    const sent = Array.from({ length: 200 }, () => one());
    for (const { body } of sent) assertSuccess(await server.push(body, { agent }));
    const sockets = Object.values(agent.freeSockets).flat();
    assert.equal(sockets.length, 1);
    agent.destroy();
    for (const it of sent) await assertStored(server, it);
  });

  test('keep-alive survives refusals', () =>
    withRaw(async (connection) => {
      const sent = one();
      await connection.write(
        rawPost('/v1/traces', { 'Content-Type': 'text/html' }, Buffer.from('abc')),
      );
      assert.equal((await connection.readAnswer()).status, 415);
      await connection.write(rawPost('/v1/traces', head, Buffer.from('no protobuf')));
      assertRefused(await connection.readAnswer());
      await connection.write(rawPost('/nope', head, sent.body));
      assert.equal((await connection.readAnswer()).status, 404);
      await connection.write(rawPost('/v1/traces', head, sent.body));
      assertSuccess(await connection.readAnswer());
      await assertStored(server, sent);
    }));

  test('pipelined requests are answered in their order', () =>
    withRaw(async (connection) => {
      const sent = Array.from({ length: 20 }, () => one());
      const parts = sent.flatMap(({ body }, i) => [
        rawPost('/v1/traces', head, body),
        ...(i % 3 === 1 ? [rawPost('/nope', head, body)] : []),
        ...(i % 3 === 2 ? [rawPost('/v1/traces', head, Buffer.from('bad'))] : []),
      ]);
      const expected = sent.flatMap((_, i) => [
        200,
        ...(i % 3 === 1 ? [404] : []),
        ...(i % 3 === 2 ? [400] : []),
      ]);
      await connection.write(Buffer.concat(parts));
      for (const [i, status] of expected.entries()) {
        assert.equal((await connection.readAnswer())?.status, status, `answer ${i}`);
      }
      for (const it of sent) await assertStored(server, it);
    }));

  test('chunked, in chunks of 1 to 1,000 bytes, with extensions and trailers', () =>
    withRaw(async (connection) => {
      const sent = one({ attributes: [text('fill', 'y'.repeat(2000))] });
      const chunks = [];
      for (let at = 0, n = 1; at < sent.body.length; at += n, n = Math.min(1000, n * 2)) {
        const chunk = sent.body.subarray(at, at + n);
        chunks.push(
          Buffer.from(`${chunk.length.toString(16)};x=1\r\n`),
          chunk,
          Buffer.from('\r\n'),
        );
      }
      await connection.write(rawHead({ ...head, 'Transfer-Encoding': 'chunked' }));
      await connection.write(Buffer.concat([...chunks, Buffer.from('0\r\nX-Trailer: 1\r\n\r\n')]));
      assertSuccess(await connection.readAnswer());
      await assertStored(server, sent);
    }));

  test('Expect: 100-continue', () =>
    withRaw(async (connection) => {
      const sent = one();
      const whole = rawPost('/v1/traces', { ...head, Expect: '100-continue' }, sent.body);
      await connection.write(whole.subarray(0, -sent.body.length));
      assert.equal((await connection.readAnswer()).status, 100);
      await connection.write(sent.body);
      assertSuccess(await connection.readAnswer());
      await assertStored(server, sent);
    }));

  test('byte by byte', () =>
    withRaw(async (connection) => {
      const sent = one();
      for (const byte of rawPost('/v1/traces', head, sent.body)) {
        await connection.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
      assertSuccess(await connection.readAnswer());
      await assertStored(server, sent);
    }));

  test('a connection that closes inside a body leaves nothing behind', async () => {
    const sent = one();
    const whole = rawPost('/v1/traces', head, sent.body);
    for (const at of [10, whole.length - sent.body.length + 5, whole.length - 1]) {
      await withRaw((connection) => connection.write(whole.subarray(0, at)));
    }
    await pause(50);
    assert.equal(await server.trace(sent.id), null);
    assertSuccess(await server.push(sent.body));
    await assertStored(server, sent);
  });

  test('a client that leaves before its answer: stored whole or not at all', async () => {
    for (let i = 0; i < 20; i++) {
      const sent = one();
      await withRaw((connection) => connection.write(rawPost('/v1/traces', head, sent.body)));
      if (await server.trace(sent.id)) await assertStored(server, sent);
    }
    assert.equal((await server.get('/ready')).status, 200);
  });

  test('a header of 2 MiB is refused', () =>
    withRaw(async (connection) => {
      connection.write(
        `POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Big: ${'b'.repeat(2 * kMiB)}\r\n\r\n`,
      );
      const answer = await connection.readAnswer();
      assert.ok([400, 413, 431].includes(answer?.status), `${answer?.status}`);
      assert.ok(await connection.closed());
      assert.equal((await server.get('/ready')).status, 200);
    }));

  test('what is not HTTP is refused', async () => {
    for (const noise of [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'hello\r\n\r\n',
      'POST /v1/traces HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef',
    ]) {
      await withRaw(async (connection) => {
        await connection.write(Buffer.from(noise, 'latin1'));
        const answer = await connection.readAnswer(2000);
        assert.ok(
          answer === null || answer.status === 400,
          `${JSON.stringify(noise)}: ${answer?.status}`,
        );
      });
    }
    assert.equal((await server.get('/ready')).status, 200);
  });
});
