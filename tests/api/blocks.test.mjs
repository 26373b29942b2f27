// Blocks from outside: where their files are, what becomes of them by age, that Tempo's own files stay
// as they are, and that damage is told and contained.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Random, randomRequest, seedOf } from './data.mjs';
import { Vivace, pause } from './harness.mjs';
import { encodeRequest, flatten, flattenSpans } from './proto.mjs';

const kBlocks = 'tempodb_blocklist_length{tenant="single-tenant"}';
const random = new Random(seedOf());

// Pushes one trace; {id, texts of its spans}.
async function pushTrace(server) {
  const id = random.id(16);
  const resourceSpans = randomRequest(random, 20, () => id);
  const answer = await server.push(encodeRequest(resourceSpans));
  assert.equal(answer.status, 200, answer.text);
  const spans = flattenSpans(resourceSpans);
  return { id: spans[0].trace, texts: spans.map((s) => s.text).sort() };
}

async function until(what, condition) {
  for (const deadline = Date.now() + 30_000; ; await pause(20)) {
    if (await condition()) return;
    assert.ok(Date.now() < deadline, what);
  }
}

const blocksOf = async (server) => (await server.metrics())[kBlocks];
const folderOf = (server) => path.join(server.folder, 'blocks', 'vivace', 'blocks');
const filesOf = (server) => {
  const folder = path.join(folderOf(server), 'single-tenant');
  return fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
};

describe('retention', () => {
  let server;
  const foreign = {};
  before(async () => {
    server = await Vivace.start({
      config: {
        ingester: { max_block_duration: '300ms', flush_check_period: '100ms' },
        compactor: { compaction: { block_retention: '3s' } },
      },
    });
    // As Tempo leaves them.
    const block = path.join(server.folder, 'blocks', 'single-tenant', 'f1b2c3d4-aaaa-bbbb-cccc-1');
    fs.mkdirSync(block, { recursive: true });
    for (const name of ['meta.json', 'data.parquet']) {
      foreign[path.join(block, name)] = name;
      fs.writeFileSync(path.join(block, name), name);
    }
  });
  after(async () => {
    await server?.close();
  });

  test('a trace lives in a block, and is gone when its time is over', async () => {
    const sent = await pushTrace(server);
    await until('no block came', async () => (await blocksOf(server)) === 1);
    assert.match(filesOf(server).join(), /^[0-9a-f]{16}\.block$/);
    assert.deepEqual(flatten(await server.trace(sent.id)), sent.texts);
    await until('the block stayed', async () => (await blocksOf(server)) === 0);
    assert.equal(await server.trace(sent.id), null);
    assert.deepEqual(filesOf(server), []);
    const search = await server.get('/api/search');
    assert.deepEqual(JSON.parse(search.text).traces, []);
  });

  test("Tempo's own files are as they were", async () => {
    await server.restart();
    for (const [file, text] of Object.entries(foreign)) {
      assert.equal(fs.readFileSync(file, 'utf8'), text);
    }
  });
});

describe('damage', () => {
  let server;
  const sent = [];
  before(async () => {
    server = await Vivace.start({
      config: { ingester: { max_block_duration: '200ms', flush_check_period: '100ms' } },
    });
    for (let blocks = 1; blocks <= 2; blocks++) {
      sent.push(await pushTrace(server));
      await until('no block came', async () => (await blocksOf(server)) === blocks);
    }
  });
  after(async () => {
    await server?.close();
  });

  const answerOf = async (id) => {
    const headers = { accept: 'application/json' };
    const answer = await server.get(`/api/v2/traces/${id}`, { headers });
    return { status: answer.status, ...JSON.parse(answer.text) };
  };

  test('a block whose end is gone is reported, kept, and the others serve', async () => {
    await server.stop();
    const file = path.join(folderOf(server), 'single-tenant', filesOf(server)[0]);
    const bytes = fs.readFileSync(file);
    fs.writeFileSync(file, bytes.subarray(0, bytes.length - 9));
    await server.start();
    assert.match(server.stderr, /a block cannot be opened/);
    const metrics = await server.metrics();
    assert.equal(metrics['vivace_damaged_blocks{tenant="single-tenant"}'], 1);
    assert.deepEqual(flatten(await server.trace(sent[1].id)), sent[1].texts);
    const lost = await answerOf(sent[0].id);
    assert.equal(lost.status, 'PARTIAL');
    assert.ok(lost.message);
    assert.equal(filesOf(server).length, 2);
  });
});
