// The story of the durability tests: clients push, the server ends in the middle of it, and after each
// restart every acked span is there once and whole, every request that was not acked is there whole
// or not at all, and a client that sends again changes nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random, seedOf } from './data.mjs';
import { Vivace, pause } from './harness.mjs';
import { LoadClient, judge } from './load.mjs';
import { flatten } from './proto.mjs';

const kClients = 6;

// {config: of the server, milliseconds(random): until the kill, prepared: requests made ahead by a
// client, rounds, checkLoad(server, context): just before the kill}
export function durableStory({ config, milliseconds, prepared, rounds, checkLoad }) {
  const seed = seedOf();
  const random = new Random(seed);

  let server;
  const everything = []; // the requests of all rounds, in no order
  before(async () => {
    server = await Vivace.start({ config });
  });
  after(async () => {
    await server?.close();
  });

  const read = async (id) => flatten((await server.trace(id)) ?? []);
  const tracesOf = (requests) => new Set(requests.flatMap((r) => r.spans.map((s) => s.trace)));

  // Load from several clients, `end()` in the middle of it; the clients.
  async function loadUntil(end, wait) {
    const clients = Array.from({ length: kClients }, () =>
      new LoadClient(server, random.next()).prepare(prepared),
    );
    let stopped = false;
    const running = Promise.all(clients.map((c) => c.run(() => stopped)));
    await Promise.race([pause(wait), running]);
    const how = await end();
    stopped = true;
    await running;
    for (const client of clients) everything.push(...client.requests);
    return { clients, how };
  }

  async function assertNothingLost(requests, when) {
    const wrong = await judge(requests, read, { traces: tracesOf(requests) });
    assert.equal(wrong, null, `${when} (seed ${seed}): ${wrong}`);
  }

  async function resend(clients) {
    for (const client of clients) {
      for (const request of [client.lastAcked(), client.lastUnacked()]) {
        if (!request) continue;
        const answer = await client.send(request);
        assert.equal(answer.status, 200, answer.text);
        request.acked = true;
      }
    }
  }

  for (let round = 1; round <= rounds; round++) {
    test(`kill -9 during load, round ${round} of ${rounds}`, async (context) => {
      const kill = async () => {
        await checkLoad?.(server, context);
        return server.kill();
      };
      const { clients } = await loadUntil(kill, milliseconds(random));
      const requests = clients.flatMap((c) => c.requests);
      const acked = requests.filter((r) => r.acked).length;
      context.diagnostic(`seed ${seed}: ${acked} of ${requests.length} requests acked`);
      await server.start();
      await assertNothingLost(requests, 'after the restart');
      await resend(clients);
      await assertNothingLost(requests, 'after sending again');
    });
  }

  test('SIGTERM during load: ends with 0 within 10 s, nothing acked is lost', async (context) => {
    const start = Date.now();
    const { clients, how } = await loadUntil(() => server.stop(), milliseconds(random));
    const took = Date.now() - start;
    assert.deepEqual(how, { code: 0, signal: null }, server.stderr);
    assert.ok(took < 10_200, `took ${took} ms`);
    await server.start();
    const requests = clients.flatMap((c) => c.requests);
    context.diagnostic(
      `${requests.filter((r) => r.acked).length} of ${requests.length} requests acked`,
    );
    await assertNothingLost(requests, 'after the restart');
    await resend(clients);
    await assertNothingLost(requests, 'after sending again');
  });

  test('after all that, everything of all rounds is there', async () => {
    assert.ok(
      everything.some((r) => r.acked),
      'nothing was ever acked',
    );
    await assertNothingLost(everything, 'at the end');
  });
}
