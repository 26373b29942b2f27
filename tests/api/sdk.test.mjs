// A real service under the OpenTelemetry SDK sends its traces with gzip; what comes back by id, in
// both versions and both encodings, is attribute for attribute what the SDK says it sent.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { Vivace, kViews } from './harness.mjs';
import { ExportRequest, byTrace, decode, difference, flatten } from './proto.mjs';

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'sdk_app.mjs');

// Runs the service against the receiver at `port`, and at `jsonPort` in JSON; the expected texts of
// each of its traces.
async function runService(port, jsonPort) {
  const url = (p) => `http://127.0.0.1:${p}/v1/traces`;
  const { stdout } = await promisify(execFile)(process.execPath, [app], {
    env: {
      ...process.env,
      OTLP_URL: url(port),
      ...(jsonPort ? { OTLP_JSON_URL: url(jsonPort) } : {}),
    },
    timeout: 60_000,
    maxBuffer: 64 << 20,
  });
  const { failures, sent } = JSON.parse(stdout);
  assert.deepEqual(failures, [], 'the exporter saw failures');
  const ids = (it) => ({
    ...it,
    traceId: Buffer.from(it.traceId, 'hex'),
    spanId: Buffer.from(it.spanId, 'hex'),
  });
  for (const {
    scopeSpans: [scope],
  } of sent) {
    scope.spans = scope.spans.map((s) => ({
      ...ids(s),
      parentSpanId: Buffer.from(s.parentSpanId, 'hex'),
      links: s.links.map(ids),
    }));
  }
  assert.ok(sent.length > 300, `${sent.length} spans`);
  return byTrace([sent]);
}

test('this is what the SDK sends', async () => {
  const received = [];
  const collector = http.createServer((ask, answer) => {
    const parts = [];
    ask.on('data', (d) => parts.push(d));
    ask.on('end', () => {
      assert.equal(ask.headers['content-encoding'], 'gzip');
      received.push(...decode(ExportRequest, zlib.gunzipSync(Buffer.concat(parts))).resourceSpans);
      answer.setHeader('content-type', 'application/x-protobuf').end(Buffer.from([0x0a, 0x00]));
    });
  });
  await new Promise((resolve) => collector.listen(0, '127.0.0.1', resolve));
  try {
    const expected = await runService(collector.address().port);
    assert.equal(difference([...expected.values()].flat().sort(), flatten(received)), null);
  } finally {
    collector.closeAllConnections();
    collector.close();
  }
});

test('and this is what Vivace gives back', async () => {
  const server = await Vivace.start();
  try {
    const expected = await runService(server.otlpPort);
    for (const [id, texts] of expected) {
      for (const view of kViews) {
        const stored = await server.trace(id, view);
        assert.ok(stored, `trace ${id}`);
        assert.equal(difference(texts, flatten(stored)), null, JSON.stringify(view));
      }
    }
  } finally {
    await server.close();
  }
});

test('the same by JSON: two servers, one told in protobuf and one in JSON, hold the same', async () => {
  const servers = [await Vivace.start(), await Vivace.start()];
  try {
    const expected = await runService(servers[0].otlpPort, servers[1].otlpPort);
    for (const [id, texts] of expected) {
      for (const server of servers) {
        const stored = await server.trace(id);
        assert.ok(stored, `trace ${id}`);
        assert.equal(difference(texts, flatten(stored)), null);
      }
      const [protobuf, json] = await Promise.all(servers.map((s) => s.get(`/api/v2/traces/${id}`)));
      assert.equal(json.text, protobuf.text);
    }
  } finally {
    for (const server of servers) await server.close();
  }
});
