// 10,000 random spans with every field and value type, over several connections, some of it gzip:
// each trace comes back equal, from memory, after a restart and after kill -9.
// The seed is printed; SEED=n repeats a run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random, randomRequest, seedOf } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import { keepAlive } from './http.mjs';
import { byTrace, difference, encodeRequest, flatten } from './proto.mjs';

const kSpans = 10_000;
const kConnections = 6;
const seed = seedOf();
let server;
let expected; // hex id -> texts

function makeRequests(random) {
  const requests = [];
  const open = Array.from({ length: 30 }, () => random.id(16));
  const traceId = () => {
    const i = random.below(open.length);
    if (random.chance(0.05)) open[i] = random.id(16);
    return open[i];
  };
  for (let left = kSpans; left > 0;) {
    const n = Math.min(left, 1 + random.below(200));
    requests.push(randomRequest(random, n, traceId));
    left -= n;
  }
  return requests;
}

before(async () => {
  server = await Vivace.start();
  const random = new Random(seed);
  const requests = makeRequests(random);
  expected = byTrace(requests);
  const queue = requests.map((resourceSpans) => ({
    body: encodeRequest(resourceSpans),
    gzip: random.chance(0.4),
  }));
  await Promise.all(
    Array.from({ length: kConnections }, async () => {
      const agent = keepAlive(1);
      for (let next = queue.shift(); next; next = queue.shift()) {
        const answer = await server.push(next.body, { gzip: next.gzip, agent });
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual(answer.body, Buffer.from([0x0a, 0x00]));
      }
      agent.destroy();
    }),
  );
});
after(async () => {
  await server?.close();
});

// Every trace by both versions in protobuf; each `jsonEvery`-th in JSON too.
async function readBack(context, jsonEvery) {
  context.diagnostic(`seed ${seed}, ${expected.size} traces`);
  let n = 0;
  for (const [id, texts] of expected) {
    for (const view of kViews) {
      if (view.format === 'json' && n % jsonEvery !== 0) continue;
      const stored = await server.trace(id, view);
      assert.ok(stored, `trace ${id} is not there (seed ${seed})`);
      const found = difference(texts, flatten(stored));
      assert.equal(found, null, `trace ${id} ${JSON.stringify(view)} (seed ${seed}): ${found}`);
    }
    n++;
  }
}

test('from memory', (context) => readBack(context, 3));

test('after SIGTERM and a restart', async (context) => {
  assert.deepEqual(await server.restart(), { code: 0, signal: null });
  await readBack(context, 10);
});

test('after kill -9 and a restart', async (context) => {
  await server.kill();
  await server.start();
  await readBack(context, 10);
});
