// OTLP over HTTP: the size of a body, on the wire and unpacked, with memory that stays flat; and
// tenants.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { around, newSpanId, newTraceId, span } from './data.mjs';
import { Vivace, kProtobuf } from './harness.mjs';
import { RawConnection, rawPost } from './http.mjs';
import { assertRefused, assertStored, assertSuccess, hexOf, kMiB, one } from './ingest.mjs';
import { encodeRequest } from './proto.mjs';

describe('limits', () => {
  let small;
  before(async () => {
    small = await Vivace.start({
      config: {
        multitenancy_enabled: true,
        distributor: {
          receivers: { otlp: { protocols: { http: { max_request_body_size: 65536 } } } },
        },
      },
    });
  });
  after(async () => {
    await small?.close();
  });
  const tenant = { 'x-scope-orgid': 'team-a' };
  const kTooLarge = { message: 'http: request body too large' };

  // A request body of exactly `size` bytes.
  function sized(size) {
    const build = (n) =>
      one({ attributes: [{ key: 'fill', value: { bytesValue: Buffer.alloc(n, 1) } }] });
    let sent = build(size - 200);
    sent = build(size - 200 + size - sent.body.length);
    assert.equal(sent.body.length, size);
    return sent;
  }

  test('max_request_body_size on the wire: so much passes, one byte more does not', async () => {
    assertSuccess(await small.push(sized(65536).body, { headers: tenant }));
    const refused = sized(65537);
    const answer = await small.push(refused.body, { headers: tenant });
    assertRefused(answer, kTooLarge);
    assert.equal(answer.headers.connection, 'close');
    assert.equal(await small.trace(refused.id, { headers: tenant }), null);
  });

  test('and on the decompressed body', async () => {
    assertSuccess(await small.push(sized(65536).body, { headers: tenant, gzip: true }));
    assertRefused(await small.push(sized(65537).body, { headers: tenant, gzip: true }), kTooLarge);
  });

  test('a chunked body over the limit', async () => {
    const connection = await RawConnection.open(small.otlpPort);
    await connection.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: team-a\r\n' +
        `Content-Type: ${kProtobuf}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let i = 0; i < 80; i++) await connection.write(`400\r\n${'x'.repeat(1024)}\r\n`);
    assertRefused(await connection.readAnswer(), kTooLarge);
    assert.ok(await connection.closed());
    connection.destroy();
  });

  test('20 MiB is the default; memory stays flat', async () => {
    const fresh = await Vivace.start();
    try {
      const zeros = zlib.gzipSync(Buffer.alloc(21 * kMiB));
      const bomb = zlib.gzipSync(Buffer.alloc(400 * kMiB));
      const start = fresh.peakMemory();
      for (const body of [zeros, bomb, zeros, bomb, zeros, bomb]) {
        assertRefused(
          await fresh.push(body, { headers: { 'content-encoding': 'gzip' } }),
          kTooLarge,
        );
      }
      const connection = await RawConnection.open(fresh.otlpPort);
      connection.write(
        rawPost('/v1/traces', { 'Content-Type': kProtobuf }, Buffer.alloc(20 * kMiB + 1)),
      );
      assertRefused(await connection.readAnswer(), kTooLarge);
      assert.ok(await connection.closed());
      connection.destroy();
      const rise = fresh.peakMemory() - start;
      assert.ok(rise < 64 * kMiB, `peak memory rose by ${rise >> 20} MiB`);
    } finally {
      await fresh.close();
    }
  });

  test('multitenancy: no tenant is 400 "no org id"', async () => {
    const { id, body } = one();
    assertRefused(await small.push(body), { message: 'no org id' });
    assertRefused(await small.push(body, { headers: { 'x-scope-orgid': '' } }), {
      message: 'no org id',
    });
    assert.equal(await small.trace(id, { headers: tenant }), null);
  });

  test('multitenancy: tenants do not see each other, not even with the same ids', async () => {
    const ids = { traceId: newTraceId(), spanId: newSpanId() };
    const id = hexOf(ids.traceId);
    const sent = {};
    for (const name of ['team-b', 'team-c']) {
      sent[name] = around([span({ ...ids, name })]);
      assertSuccess(
        await small.push(encodeRequest(sent[name]), { headers: { 'x-scope-orgid': name } }),
      );
    }
    for (const name of ['team-b', 'team-c']) {
      await assertStored(
        small,
        { id, resourceSpans: sent[name] },
        { headers: { 'x-scope-orgid': name } },
      );
    }
    assert.equal(await small.trace(id, { headers: tenant }), null);
  });

  test('multitenancy: a tenant name that is a path is refused', async () => {
    for (const name of ['../x', '..', '.', 'a/b', 'a\\b', 'x'.repeat(151)]) {
      assert.equal(
        (await small.push(one().body, { headers: { 'x-scope-orgid': name } })).status,
        400,
        name,
      );
    }
  });
});
