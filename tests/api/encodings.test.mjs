// Content-Encodings by HTTP, sent by curl: what node packs is packed here, what node 20 cannot pack
// was packed by the zstd, lz4 and snappy tools. All of it is there again after kill -9, when the
// bodies come out of the log. Then CORS and the keys of the config around them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { around, span } from './data.mjs';
import { Vivace, kProtobuf } from './harness.mjs';
import { request } from './http.mjs';
import { assertRefused, assertStored, assertSuccess, hexOf, kMiB, one } from './ingest.mjs';
import { encodeRequest } from './proto.mjs';

const curl = promisify(execFile).bind(null, 'curl');

// The request that is in the fixture with this number.
function fixed(number) {
  const id = (digits) => Buffer.from(`${number}`.padStart(digits, '0'), 'hex');
  const resourceSpans = around([span({ traceId: id(32), spanId: id(16) })]);
  return {
    id: hexOf(id(32)),
    resourceSpans,
    body: encodeRequest(resourceSpans),
  };
}

const fixtures = [
  {
    encoding: 'zstd',
    sent: fixed(1), // zstd -19: the size of the content is not told, a checksum is
    packed:
      'KLUv/QRonQIApAQKXgoYChYKDHNlcnZpY2UubmFtZRIGCgRzaG9wEkIKCAoDbGliEgExEjYKEAABEggqBHdvcmswATkAA' +
      'Co2/pyXF0GA0Ro//pyXFwIALcSoDMp7JwIO',
  },
  {
    encoding: 'lz4',
    sent: fixed(2), // lz4 -9
    packed:
      'BCJNGGRAp1MAAAD6HgpeChgKFgoMc2VydmljZS5uYW1lEgYKBHNob3ASQgoICgNsaWISATESNgoQAAEANAISCAoA8Asq' +
      'BHdvcmswATkAACo2/pyXF0GA0Ro//pyXFwAAAAAbz0EU',
  },
  {
    encoding: 'snappy',
    sent: fixed(3), // framed
    packed:
      '/wYAAHNOYVBwWQBaAABky4iGYLgKXgoYChYKDHNlcnZpY2UubmFtZRIGCgRzaG9wEkIKCAoDbGliEgExEjYKEAAAAC4C' +
      'AAgDEggND2gDKgR3b3JrMAE5AAAqNv6clxdBgNEaP/6clxc=',
  },
  {
    encoding: 'snappy',
    sent: fixed(4), // a block
    packed:
      'YLgKXgoYChYKDHNlcnZpY2UubmFtZRIGCgRzaG9wEkIKCAoDbGliEgExEjYKEAAAAC4CAAgEEggND2gEKgR3b3JrMAE5' +
      'AAAqNv6clxdBgNEaP/6clxc=',
  },
].map((it) => ({ ...it, packed: Buffer.from(it.packed, 'base64') }));

const packedHere = [
  ['gzip', zlib.gzipSync],
  ['x-gzip', zlib.gzipSync],
  ['GZIP', zlib.gzipSync],
  ['zlib', zlib.deflateSync],
  ['deflate', zlib.deflateSync],
  ['deflate', zlib.deflateRawSync],
  ['Deflate', (body) => zlib.deflateRawSync(body, { level: 0 })],
  ['identity', (body) => body],
].map(([encoding, pack]) => {
  const sent = one();
  return { encoding, sent, packed: pack(sent.body) };
});

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

async function send(encoding, packed) {
  const file = path.join(server.folder, 'body');
  const out = path.join(server.folder, 'answer');
  fs.writeFileSync(file, packed);
  const { stdout } = await curl([
    ...['-sS', '-o', out, '-w', '%{http_code} %{content_type}', '--data-binary', `@${file}`],
    ...['-H', `Content-Type: ${kProtobuf}`, '-H', `Content-Encoding: ${encoding}`],
    `http://127.0.0.1:${server.otlpPort}/v1/traces`,
  ]);
  const [status, type] = stdout.split(' ');
  const body = fs.readFileSync(out);
  return { status: Number(status), headers: { 'content-type': type }, body, text: String(body) };
}

test('every encoding is unpacked, at once and by replay', async () => {
  for (const { encoding, packed } of [...fixtures, ...packedHere]) {
    assertSuccess(await send(encoding, packed));
  }
  for (let round = 0; round < 2; round++) {
    for (const { sent } of [...fixtures, ...packedHere]) await assertStored(server, sent);
    await server.kill();
    await server.start();
  }
});

test('cut off, damaged, or another format: 400 with a Status', async () => {
  for (const { encoding, packed } of [...fixtures, ...packedHere]) {
    if (encoding === 'identity') continue;
    assertRefused(await send(encoding, packed.subarray(0, -3)));
    assertRefused(await send(encoding, Buffer.concat([packed, Buffer.from('and more')])));
  }
  for (const encoding of ['gzip', 'zstd', 'zlib', 'deflate', 'snappy', 'lz4']) {
    const message = /^(gzip|zstd|zlib|deflate|snappy|lz4): /;
    assertRefused(await send(encoding, one().body), { message });
  }
});

test('bombs end at the limit, and memory stays flat', async () => {
  const zeros = Buffer.alloc(64 * kMiB);
  const before = server.peakMemory();
  for (const [encoding, pack] of [
    ['gzip', zlib.gzipSync],
    ['zlib', zlib.deflateSync],
    ['deflate', zlib.deflateRawSync],
  ]) {
    const bomb = pack(zeros);
    for (let i = 0; i < 3; i++) {
      assertRefused(await send(encoding, bomb), { message: 'http: request body too large' });
    }
  }
  assert.ok(server.peakMemory() - before < 100 * kMiB);
});

describe('keys of the receiver', () => {
  let other;
  before(async () => {
    const http = {
      compression_algorithms: ['', 'gzip', 'zstd'],
      response_headers: { 'X-Served-By': 'traces' },
      cors: { allowed_origins: ['https://*.shop.io'], max_age: 600 },
    };
    other = await Vivace.start({
      config: { distributor: { receivers: { otlp: { protocols: { http } } } } },
    });
  });
  after(async () => {
    await other?.close();
  });
  const ask = (method, headers, options = {}) =>
    request({ port: other.otlpPort, path: '/v1/traces', method, headers, ...options });

  test('they are not named as without effect', () => {
    for (const key of ['cors', 'compression_algorithms', 'response_headers']) {
      assert.ok(!new RegExp(`not active.*http\\.${key}`).test(other.stderr), key);
    }
  });

  test('compression_algorithms narrows what is taken', async () => {
    const [sent, refused] = [one(), one()];
    assertSuccess(await other.push(sent.body, { gzip: true }));
    assertSuccess(await other.push(one().body));
    const answer = await other.push(zlib.deflateSync(refused.body), {
      headers: { 'content-encoding': 'deflate' },
    });
    assertRefused(answer, { message: 'unsupported Content-Encoding: deflate' });
    await assertStored(other, sent);
    assert.equal(await other.trace(refused.id), null);
  });

  test('response_headers go with every answer', async () => {
    for (const answer of [
      await other.push(one().body),
      await other.push(Buffer.from('bad')),
      await ask('GET', {}),
      await ask('GET', {}, { path: '/nope' }),
    ]) {
      assert.equal(answer.headers['x-served-by'], 'traces', String(answer.status));
    }
  });

  test('a browser may ask and send', async () => {
    const origin = 'https://www.shop.io';
    const preflight = await ask('OPTIONS', {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.body.length, 0);
    assert.equal(preflight.headers['access-control-allow-origin'], origin);
    assert.equal(preflight.headers['access-control-allow-methods'], 'POST');
    assert.equal(preflight.headers['access-control-allow-headers'], 'content-type');
    assert.equal(preflight.headers['access-control-allow-credentials'], 'true');
    assert.equal(preflight.headers['access-control-max-age'], '600');

    const answer = await ask(
      'POST',
      { origin, 'content-type': 'application/json' },
      { body: '{}' },
    );
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], origin);
    assert.equal(answer.headers.vary, 'Origin');
  });

  test('a page of another origin may not', async () => {
    const preflight = await ask('OPTIONS', {
      origin: 'https://evil.io',
      'access-control-request-method': 'POST',
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], undefined);
  });
});
