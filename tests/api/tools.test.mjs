// The tools on what the server wrote: `vivace block list|show|verify|dump`, `vivace wal show`, and
// `vivace snapshot` under load, whose folder another server starts on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Random, randomRequest, seedOf } from './data.mjs';
import { Vivace, pause, removeFolder, run, temporaryFolder } from './harness.mjs';
import { LoadClient, judge } from './load.mjs';
import { byTrace, difference, encodeRequest, flatten } from './proto.mjs';

const seed = seedOf();
const random = new Random(seed);
const kBlocks = 'tempodb_blocklist_length{tenant="single-tenant"}';
const kSoon = { ingester: { max_block_duration: '300ms', flush_check_period: '100ms' } };

async function until(what, condition) {
  for (const deadline = Date.now() + 30_000; ; await pause(20)) {
    if (await condition()) return;
    assert.ok(Date.now() < deadline, what);
  }
}

async function tool(args, code = 0, options = {}) {
  const ended = await run(args, { timeoutMs: 60_000, ...options });
  assert.equal(ended.code, code, `${args.join(' ')}\n${ended.stdout.slice(-4000)}\n${ended.stderr}`);
  return ended;
}

const blocksFolder = (server) => path.join(server.folder, 'blocks', 'vivace', 'blocks');
const blockFiles = (server) => {
  const folder = path.join(blocksFolder(server), 'single-tenant');
  return fs.readdirSync(folder).map((name) => path.join(folder, name));
};

async function push(server, resourceSpans) {
  const answer = await server.push(encodeRequest(resourceSpans));
  assert.equal(answer.status, 200, answer.text);
  return resourceSpans;
}

describe(`what a server wrote (seed ${seed})`, () => {
  let server;
  const sent = [];
  before(async () => {
    server = await Vivace.start({ config: kSoon });
    for (let i = 0; i < 10; i++) {
      const id = random.id(16);
      sent.push(await push(server, randomRequest(random, 30, () => id)));
    }
    await until('no block came', async () => (await server.metrics())[kBlocks] >= 1);
    await until('heads stayed', async () => (await server.metrics()).vivace_head_bytes === 0);
  });
  after(() => server?.close());

  test('block list, beside the server and without it', async () => {
    const { stdout } = await tool(['block', 'list', server.folder]);
    assert.match(stdout, /^TENANT +NUMBER +SPANS +TRACES/);
    assert.match(stdout, /single-tenant +\d+ +\d+ .* live\n/);
    assert.match(stdout, /\d+ blocks, 300 spans, .* 0 damaged\n/);
    const byConfig = await tool(['block', 'list', `-config.file=${server.configFile}`]);
    assert.equal(byConfig.stdout, stdout);
    const fromHere = await tool(['block', 'list'], 1, { cwd: server.folder });
    assert.match(fromHere.stderr, /nothing of Vivace in \.\/data\/blocks/);
  });

  test('block show', async () => {
    for (const file of blockFiles(server)) {
      const { stdout } = await tool(['block', 'show', file]);
      for (const what of [/^block +\d+ of tenant single-tenant$/m, /^COLUMN +CHUNKS/m,
        /^span\.start /m, /^trace table /m, /^all /m]) {
        assert.match(stdout, what);
      }
      // All bytes of the file are told.
      const parts = [...stdout.matchAll(/^\S.* +(\d+) +(\d+) +[\d.]+%$/gm)]
        .filter(([, offset]) => offset !== undefined)
        .map(([, , bytes]) => Number(bytes));
      const total = parts.reduce((sum, n) => sum + n, 0);
      assert.equal(total + 8, fs.statSync(file).size, 'sections, footer and magic');
    }
  });

  test('block verify finds nothing', async () => {
    const { stdout } = await tool(['block', 'verify', server.folder]);
    assert.match(stdout, /\d+ blocks, 0 of them damaged, 0 places of damage\n$/);
  });

  test('block dump, sent to a fresh server, gives equal traces', async () => {
    const other = await Vivace.start();
    try {
      for (const file of blockFiles(server)) {
        const { stdout } = await tool(['block', 'dump', file]);
        for (const line of stdout.split('\n').filter(Boolean)) {
          const answer = await other.push(Buffer.from(line), {
            headers: { 'content-type': 'application/json' },
          });
          assert.equal(answer.status, 200, answer.text);
        }
      }
      for (const [id, texts] of byTrace(sent)) {
        assert.equal(difference(texts, flatten((await other.trace(id)) ?? [])), null);
      }
    } finally {
      await other.close();
    }
  });

  test('block dump --trace', async () => {
    const [id] = byTrace(sent).keys();
    let found = 0;
    for (const file of blockFiles(server)) {
      const ended = await run(['block', 'dump', file, '--trace', id]);
      if (ended.code === 1) assert.match(ended.stderr, /is not in this block/);
      else found++;
      for (const line of ended.stdout.split('\n').filter(Boolean)) {
        for (const rs of JSON.parse(line).resourceSpans)
          for (const ss of rs.scopeSpans) for (const s of ss.spans) assert.equal(s.traceId, id);
      }
    }
    assert.ok(found >= 1);
  });

  test('one damaged byte is found and named', async () => {
    const file = blockFiles(server)[0];
    const copy = path.join(server.folder, 'copy.block');
    const whole = fs.readFileSync(file);
    const names = new Set();
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(whole);
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
      fs.writeFileSync(copy, bytes);
      const { stdout } = await tool(['block', 'verify', copy], 1);
      const place = /: (magic|footer|directory|section [^:]+(:\w+)?[^:]*): .*\n/.exec(stdout);
      assert.ok(place, stdout);
      names.add(place[1]);
    }
    assert.ok([...names].some((name) => /^section columns, column .*, row group 0$/.test(name)));
    fs.rmSync(copy);
  });
});

describe('the log', () => {
  let server;
  before(async () => {
    server = await Vivace.start();
  });
  after(() => server?.close());

  test('wal show names records, and damage', async () => {
    const requests = [];
    for (let i = 0; i < 5; i++) {
      requests.push(await push(server, randomRequest(random, 7, () => random.id(16))));
    }
    const { stdout } = await tool(['wal', 'show', server.folder]);
    assert.match(stdout, /wal-000001\.seg: LSN 0 to \d+/);
    assert.equal([...stdout.matchAll(/ single-tenant .* identity, 7 spans/g)].length, 5, stdout);
    assert.match(stdout, /5 records, \d+ bytes, 35 spans; 0 places of damage/);
    await server.kill();
    const file = path.join(server.folder, 'wal', 'vivace', 'wal-000001.seg');
    const bytes = fs.readFileSync(file);
    const third = Number([...stdout.matchAll(/^ {2}(\d+) 20/gm)][2][1]);
    bytes[third + 200] ^= 1;
    fs.writeFileSync(file, bytes);
    const damaged = await tool(['wal', 'show', file], 1);
    assert.match(damaged.stdout, new RegExp(`DAMAGED: LSN ${third} to \\d+, \\d+ bytes`));
    assert.match(damaged.stdout, /4 records, .* 28 spans; 1 places of damage/);
    await server.start();
  });
});

describe(`snapshot (seed ${seed})`, () => {
  // A server on what was taken; judged, then stopped.
  async function startOn(folder, check) {
    const server = await Vivace.start({
      config: {
        storage: {
          trace: {
            wal: { path: path.join(folder, 'wal') },
            local: { path: path.join(folder, 'blocks') },
          },
        },
      },
    });
    try {
      await check(server);
    } finally {
      await server.close();
    }
  }

  test('under load: everything acked before is there once, nothing torn', async (context) => {
    const server = await Vivace.start({
      config: {
        ingester: { max_block_bytes: 1 << 20, flush_check_period: '100ms' },
        compactor: { compaction: { block_retention: '1h' } },
      },
    });
    const folder = temporaryFolder();
    try {
      const clients = Array.from({ length: 4 }, () =>
        new LoadClient(server, random.next()).prepare(400),
      );
      let stopped = false;
      const running = Promise.all(clients.map((c) => c.run(() => stopped)));
      const taken = [];
      for (let i = 0; i < 3; i++) {
        await until('no block came', async () => (await server.metrics())[kBlocks] > i);
        const acked = clients.flatMap((c) => c.requests.filter((r) => r.acked));
        const to = path.join(folder, `snapshot-${i}`);
        const { stdout } = await tool(['snapshot', to, '--from', server.folder]);
        context.diagnostic(`${acked.length} requests acked before; ${stdout.trim()}`);
        taken.push({ to, acked });
      }
      stopped = true;
      await running;
      const all = clients.flatMap((c) => c.requests);
      for (const { to, acked } of taken) {
        assert.deepEqual(fs.readdirSync(to).sort(), ['blocks', 'wal']);
        const before = new Set(acked);
        await tool(['block', 'verify', to]);
        await tool(['wal', 'show', to]);
        await startOn(to, async (other) => {
          const read = async (id) => flatten((await other.trace(id)) ?? []);
          const requests = all.map((r) => ({ ...r, acked: before.has(r) }));
          assert.equal(await judge(requests, read), null);
          const metrics = await other.metrics();
          assert.equal(metrics.vivace_wal_damaged_bytes_total ?? 0, 0);
          assert.equal(metrics['vivace_damaged_blocks{tenant="single-tenant"}'] ?? 0, 0);
        });
      }
    } finally {
      await server.close();
      removeFolder(folder);
    }
  });

  test('of a server that is not running; not twice into one folder', async () => {
    const server = await Vivace.start({ config: kSoon });
    const folder = temporaryFolder();
    try {
      const sent = [await push(server, randomRequest(random, 20, () => random.id(16)))];
      await until('no block came', async () => (await server.metrics())[kBlocks] === 1);
      await server.stop();
      const to = path.join(folder, 'backup');
      await tool(['snapshot', to, `-config.file=${server.configFile}`]);
      const again = await tool(['snapshot', to, `-config.file=${server.configFile}`], 1);
      assert.match(again.stderr, /backup is there already/);
      const [file] = blockFiles(server);
      const linked = path.join(to, 'blocks', 'vivace', 'blocks', 'single-tenant',
        path.basename(file));
      assert.equal(fs.statSync(linked).ino, fs.statSync(file).ino, 'a hard link');
      await startOn(to, async (other) => {
        for (const [id, texts] of byTrace(sent)) {
          assert.equal(difference(texts, flatten((await other.trace(id)) ?? [])), null);
        }
      });
    } finally {
      await server.close();
      removeFolder(folder);
    }
  });
});
