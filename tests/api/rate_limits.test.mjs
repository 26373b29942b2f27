// Limits that the configuration sets on what comes in: the rate of a tenant, the size of a trace and
// the number of live ones. What is refused is told in the form that makes senders do the right thing,
// and counted; without the keys there is no limit.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { around, newTraceId, span } from './data.mjs';
import { Vivace, freePort } from './harness.mjs';
import { assertRefused, assertStored, assertSuccess, hexOf, one } from './ingest.mjs';
import { ExportResponse, RpcStatus, decode, encodeRequest } from './proto.mjs';

const kExport = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const kRetryInfo = 'type.googleapis.com/google.rpc.RetryInfo';
const kRateLimited = /^RATE_LIMITED: ingestion rate limit .* exceeded while adding \d+ bytes for user /;

async function start(defaults, distributor = {}) {
  const port = await freePort();
  const protocols = { grpc: { endpoint: `127.0.0.1:${port}` } };
  const server = await Vivace.start({
    config: {
      multitenancy_enabled: true,
      distributor: { ...distributor, receivers: { otlp: { protocols } } },
      overrides: { defaults },
    },
  });
  server.otlpGrpcPort = port;
  return server;
}

const of = (tenant) => ({ 'x-scope-orgid': tenant });
const discarded = async (server, reason, tenant) =>
  (await server.metrics())[`tempo_discarded_spans_total{reason="${reason}",tenant="${tenant}"}`] ?? 0;

// Of 1,000 bytes and more.
const large = () =>
  one({ attributes: [{ key: 'fill', value: { bytesValue: Buffer.alloc(1000, 1) } }] });

function exportOver(server, body, tenant) {
  const client = new grpc.Client(
    `127.0.0.1:${server.otlpGrpcPort}`,
    grpc.credentials.createInsecure(),
  );
  const metadata = new grpc.Metadata();
  metadata.set('x-scope-orgid', tenant);
  const raw = (bytes) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(kExport, raw, raw, body, metadata, (error) => {
      client.close();
      resolve(error);
    });
  });
}

// The seconds of the RetryInfo in a Status.
function retrySeconds(status) {
  assert.equal(status.details.length, 1);
  assert.equal(status.details[0].typeUrl, kRetryInfo);
  const value = status.details[0].value; // retry_delay 1: {seconds 1}
  assert.deepEqual([...value.subarray(0, 3)], [0x0a, 0x02, 0x08]);
  return value[3];
}

describe('the rate of a tenant', () => {
  let server;
  before(async () => {
    server = await start(
      { ingestion: { rate_limit_bytes: 1, burst_size_bytes: 2000 } },
      { retry_after_on_resource_exhausted: '5s' },
    );
  });
  after(async () => {
    await server?.close();
  });

  test('over HTTP: 429 with Retry-After and RetryInfo, counted, not stored', async () => {
    const passed = large();
    assertSuccess(await server.push(passed.body, { headers: of('http') }));
    const refused = large();
    for (const gzip of [false, true]) {
      const answer = await server.push(refused.body, { headers: of('http'), gzip });
      assertRefused(answer, { status: 429, code: 8, message: kRateLimited });
      assert.equal(answer.headers['retry-after'], '5');
      assert.equal(retrySeconds(decode(RpcStatus, answer.body)), 5);
    }
    assert.equal(await discarded(server, 'rate_limited', 'http'), 2);
    assert.equal(await server.trace(refused.id, { headers: of('http') }), null);
    assertSuccess(await server.push(passed.body, { headers: of('http') })); // acked before
    assertSuccess(await server.push(large().body, { headers: of('another') }));
    const metrics = await server.metrics();
    assert.equal(metrics['tempo_distributor_spans_received_total{tenant="http"}'], 1);
    const ingress = metrics['tempo_distributor_ingress_bytes_total{tenant="http"}'];
    assert.equal(ingress, passed.body.length + 2 * refused.body.length);
  });

  test('JSON is told in JSON', async () => {
    assertSuccess(await server.push(large().body, { headers: of('json') }));
    const id = '5b8efff798038103d269b633813fc60c';
    const spans = [{ traceId: id, spanId: 'eee19b7ec3c1b174', name: 'x'.repeat(1500) }];
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    const headers = { ...of('json'), 'content-type': 'application/json' };
    const answer = await server.push(Buffer.from(body), { headers });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], '5');
    const status = JSON.parse(answer.text);
    assert.equal(status.code, 8);
    assert.match(status.message, kRateLimited);
    assert.deepEqual(status.details, [{ '@type': kRetryInfo, retryDelay: '5s' }]);
  });

  test('over gRPC: RESOURCE_EXHAUSTED with RetryInfo', async () => {
    assert.equal(await exportOver(server, large().body, 'grpc'), null);
    const error = await exportOver(server, large().body, 'grpc');
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.match(error.details, kRateLimited);
    const [details] = error.metadata.get('grpc-status-details-bin');
    assert.equal(retrySeconds(decode(RpcStatus, details)), 5);
    assert.equal(await discarded(server, 'rate_limited', 'grpc'), 1);
  });

  test('a request larger than the burst names both', async () => {
    const huge = one({ attributes: [{ key: 'k', value: { bytesValue: Buffer.alloc(3000) } }] });
    assertRefused(await server.push(huge.body, { headers: of('huge') }), {
      status: 429,
      code: 8,
      message: /batch size \(\d+ bytes\) exceeds ingestion limit \(local: 1 bytes\/s, burst: 2000 bytes\)/,
    });
  });

  test('probes pass, and what is no request is told so', async () => {
    assertSuccess(await server.push(Buffer.alloc(0), { headers: of('huge') }));
    assertRefused(await server.push(Buffer.alloc(3000, 0xff), { headers: of('huge') }));
  });
});

test('retry_info_enabled: false tells nobody when to come again', async () => {
  const server = await start({
    ingestion: { rate_limit_bytes: 1, burst_size_bytes: 10, retry_info_enabled: false },
  });
  try {
    const answer = await server.push(large().body, { headers: of('t') });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], undefined);
    assert.deepEqual(decode(RpcStatus, answer.body).details ?? [], []);
    const error = await exportOver(server, large().body, 't');
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.deepEqual(error.metadata.get('grpc-status-details-bin'), []);
  } finally {
    await server.close();
  }
});

describe('limits of traces', () => {
  let server;
  before(async () => {
    server = await start({
      global: { max_bytes_per_trace: 5000 },
      ingestion: { max_traces_per_user: 3 },
    });
  });
  after(async () => {
    await server?.close();
  });

  const filled = (traceId, bytes) =>
    span({ traceId, attributes: [{ key: 'k', value: { bytesValue: Buffer.alloc(bytes) } }] });
  const push = async (spans, tenant) => {
    const answer = await server.push(encodeRequest(around(spans)), { headers: of(tenant) });
    assert.equal(answer.status, 200, answer.text);
    return decode(ExportResponse, answer.body).partialSuccess ?? {};
  };

  test('spans of a trace past max_bytes_per_trace are refused and told, the others stay', async () => {
    const traceId = newTraceId();
    const early = filled(traceId, 3000);
    assert.ok(!(await push([early], 'size')).rejectedSpans);
    const other = filled(newTraceId(), 100);
    const partial = await push([filled(traceId, 3000), other, filled(traceId, 10)], 'size');
    assert.equal(partial.rejectedSpans, '2');
    assert.match(partial.errorMessage, /^2 spans refused: TRACE_TOO_LARGE: .*5000 bytes/);
    assert.equal(await discarded(server, 'trace_too_large', 'size'), 2);
    for (const version of [1, 2]) {
      for (const it of [early, other]) {
        const stored = { id: hexOf(it.traceId), resourceSpans: around([it]) };
        await assertStored(server, stored, { version, headers: of('size') });
      }
    }
    const get = (id, version) =>
      server.get(version === 1 ? `/api/traces/${id}` : `/api/v2/traces/${id}`, {
        headers: of('size'),
      });
    const message = 'Trace exceeds maximum size of 5000 bytes, a partial trace is returned';
    const cut = JSON.parse((await get(hexOf(traceId), 2)).text);
    assert.deepEqual([cut.status, cut.message], ['PARTIAL', message]);
    assert.equal(JSON.parse((await get(hexOf(other.traceId), 2)).text).status, undefined);
    const whole = newTraceId();
    assert.equal((await push([filled(whole, 6000)], 'size')).rejectedSpans, '1');
    const refused = await get(hexOf(whole), 1);
    assert.equal(refused.status, 422);
    assert.match(refused.text, /trace exceeds max size \(max bytes: 5000\)/);
    assert.equal(JSON.parse((await get(hexOf(whole), 2)).text).message, message);
  });

  test('new traces past max_traces_per_user are refused and told, live ones may grow', async () => {
    const ids = Array.from({ length: 5 }, newTraceId);
    const partial = await push(ids.map((id) => filled(id, 1)), 'live');
    assert.equal(partial.rejectedSpans, '2');
    assert.match(partial.errorMessage, /^2 spans refused: LIVE_TRACES_EXCEEDED: .*\(3\)/);
    assert.ok(!(await push([filled(ids[0], 1)], 'live')).rejectedSpans);
    assert.equal(await discarded(server, 'live_traces_exceeded', 'live'), 2);
  });
});
