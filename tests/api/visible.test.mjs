// Acked is visible: with its 200 in hand a client asks for its trace on another connection, at
// once, and it is there and whole; 1,000 times, also while others write.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random, randomRequest, seedOf } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import { keepAlive } from './http.mjs';
import { difference, encodeRequest, flatten } from './proto.mjs';

const kTimes = 1000;
let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

async function writeThenRead(random, times) {
  const writing = keepAlive(1);
  const reading = keepAlive(1);
  for (let i = 0; i < times; i++) {
    const traceId = random.id(16);
    const sent = randomRequest(random, 1 + random.below(8), () => traceId);
    const answer = await server.push(encodeRequest(sent), { agent: writing, gzip: i % 3 === 0 });
    assert.equal(answer.status, 200, answer.text);
    const stored = await server.trace(traceId.toString('hex'), {
      ...kViews[i % kViews.length],
      agent: reading,
    });
    assert.ok(stored, `not there at the ack, round ${i}`);
    assert.equal(difference(flatten(sent), flatten(stored)), null, `round ${i}`);
  }
  writing.destroy();
  reading.destroy();
}

test('one client', async (context) => {
  const seed = seedOf();
  context.diagnostic(`seed ${seed}`);
  await writeThenRead(new Random(seed), kTimes / 2);
});

test('four clients at once', async (context) => {
  const seed = seedOf();
  context.diagnostic(`seed ${seed}`);
  await Promise.all([1, 2, 3, 4].map((n) => writeThenRead(new Random(seed + n), kTimes / 8)));
});
