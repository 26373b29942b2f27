// The load generator knows what it sent: every trace of its truth file is found by id with exactly
// its spans, and by search, and searches count every span of a service and of a name; while heads
// become blocks, and the same after a restart and after kill -9.
// TRUTH_TRACES sets how many traces are sent (4000), HEAD_BYTES when heads are cut (2 MiB).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Vivace, pause } from './harness.mjs';
import { flatten } from './proto.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const tracegen =
  process.env.TRACEGEN_BIN ?? path.join(root, 'build', 'release', 'bench', 'tracegen');
const kTraces = Number(process.env.TRUTH_TRACES ?? 4000);
const kHeadBytes = Number(process.env.HEAD_BYTES ?? 2 << 20);
const kByIdMax = 100; // traces looked up by search on their id
const kServices = 4; // whose spans are counted by search

let server;
let truth;
before(async () => {
  server = await Vivace.start({
    config: {
      ingester: { max_block_bytes: kHeadBytes, flush_check_period: '200ms' },
      query_frontend: { search: { max_result_limit: 0 } },
    },
  });
  const file = path.join(server.folder, 'truth.json');
  const args = ['push', '--url', `127.0.0.1:${server.otlpPort}`, '--seconds', '600'];
  args.push('--conns', '4', '--templates', '200', '--traces', String(kTraces), '--retry');
  args.push('--truth', file);
  await promisify(execFile)(tracegen, args);
  truth = JSON.parse(fs.readFileSync(file, 'utf8'));
});
after(async () => {
  await server?.close();
});

async function search(q, parameters = {}) {
  const query = new URLSearchParams({ q, ...parameters });
  const answer = await server.get(`/api/search?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

async function assertFoundById() {
  for (const [id, spans] of truth.traces) {
    const found = flatten((await server.trace(id)) ?? []);
    assert.equal(found.length, spans, id);
    assert.equal(new Set(found).size, spans, id);
  }
}

async function assertFoundBySearch() {
  const step = Math.max(1, Math.floor(truth.traces.length / kByIdMax));
  for (let i = 0; i < truth.traces.length; i += step) {
    const [id, spans] = truth.traces[i];
    const { traces } = await search(`{ trace:id = "${id}" }`);
    assert.equal(traces.length, 1, id);
    assert.equal(traces[0].traceID, id.replace(/^0+/, ''));
    assert.equal(traces[0].spanSets[0].matched, spans, id);
  }
}

const matched = ({ traces }) => traces.reduce((sum, t) => sum + t.spanSets[0].matched, 0);
const all = { limit: String(kTraces + 1), spss: '1' };

async function assertCounted() {
  const services = Object.entries(truth.by_service).slice(0, kServices);
  for (const [service, spans] of services) {
    const found = await search(`{ resource.service.name = "${service}" }`, all);
    assert.equal(matched(found), spans, service);
    const errors = await search(`{ .service.name = "${service}" && status = error }`, all);
    assert.equal(matched(errors), truth.errors_by_service[service] ?? 0, service);
  }
  const slow = await search('{ duration > 100ms }', all);
  assert.equal(matched(slow), truth.slow_100ms);
}

async function assertTrue() {
  await assertFoundById();
  await assertFoundBySearch();
  await assertCounted();
}

test('what was sent is there, in heads and blocks', async (context) => {
  for (;;) {
    const metrics = await server.metrics();
    if (metrics.tempo_ingester_flush_queue_length === 0) break;
    await pause(20);
  }
  const metrics = await server.metrics();
  const blocks = metrics['tempodb_blocklist_length{tenant="single-tenant"}'];
  context.diagnostic(`${truth.acked_spans} spans, ${blocks} blocks`);
  assert.equal(truth.acked_traces, kTraces);
  assert.ok(blocks >= 2, `${blocks} blocks`);
  await assertTrue();
});

test('the same after a restart', async () => {
  assert.deepEqual(await server.restart(), { code: 0, signal: null });
  await assertTrue();
});

test('the same after kill -9', async () => {
  await server.kill();
  await server.start();
  await assertTrue();
});
