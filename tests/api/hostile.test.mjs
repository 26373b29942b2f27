// The hostile dataset (hostile.mjs) against a server whose heads become blocks all the time: every
// span comes back by id exactly once, searches find each part, and memory stays inside 256 MiB: while
// it comes in, from blocks, after all of it was sent again in other batches, and after a restart. What
// questions about other traces take before and after stands in the output; it fails nothing.
// HOSTILE_SPANS sets the size of the giant trace (60,000; 1,000,000 is the full one), HOSTILE_KEYS
// the number of distinct keys (100,000).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random, around, seedOf, text } from './data.mjs';
import { Vivace, pause } from './harness.mjs';
import { hostileParts, rebatched } from './hostile.mjs';
import { difference, encodeRequest, flatten, flattenSpans } from './proto.mjs';

const kMemoryMax = 256 << 20;
const seed = seedOf();
const random = new Random(seed);
const sizes = {
  giantSpans: Number(process.env.HOSTILE_SPANS ?? 60_000),
  keys: Number(process.env.HOSTILE_KEYS ?? 100_000),
};

const kOrdinary = 200;  // traces that have nothing to do with it

let server;
const parts = [];
let before_ms;
before(async () => {
  server = await Vivace.start({
    config: {
      distributor: {
        max_attribute_bytes: 0,
        receivers: {
          otlp: { protocols: { http: { max_request_body_size: 20 << 20 } } },
        },
      },
      ingester: {
        max_block_bytes: 8 << 20,
        max_block_duration: '500ms',
        flush_check_period: '100ms',
      },
    },
  });
});
after(() => server?.close());

async function send(request) {
  const body = Buffer.isBuffer(request) ? request : encodeRequest(request);
  for (const deadline = Date.now() + 120_000; ; await pause(100)) {
    const answer = await server.push(body);
    if (answer.status === 200) return;
    assert.equal(answer.status, 429, answer.text);
    assert.ok(Date.now() < deadline, 'refused for two minutes');
  }
}

function checkMemory(context, when) {
  const peak = server.peakMemory();
  context.diagnostic(`${when}: peak memory ${(peak / 2 ** 20).toFixed(0)} MiB`);
  assert.ok(peak <= kMemoryMax, `${when}: ${peak} bytes`);
}

async function checkTrace(id, expected, where) {
  if (expected.raw) {
    const answer = await server.get(`/api/v2/traces/${id}`, {
      headers: { accept: 'application/protobuf' },
    });
    assert.equal(answer.status, 200, where);
    assert.ok(answer.body.includes(expected.raw), `${where}: its bytes are others`);
  }
  const stored = (await server.trace(id)) ?? [];
  if (expected.texts) {
    assert.equal(difference(expected.texts, flatten(stored)), null, where);
    return;
  }
  const spans = stored.flatMap((rs) => rs.scopeSpans.flatMap((ss) => ss.spans));
  assert.equal(spans.length, expected.spans, where);
  if (!expected.ids) return;
  const ids = new Set(spans.map((s) => s.spanId.toString('hex')));
  assert.equal(ids.size, expected.spans, `${where}: ids repeat`);
  assert.ok([...ids].every((spanId) => expected.ids.has(spanId)), `${where}: an id nobody sent`);
}

// Each trace; of parts with very many, a sample of 400.
async function checkAll(context, when) {
  for (const part of parts) {
    let ids = [...part.traces.keys()];
    if (ids.length > 400) ids = Array.from({ length: 400 }, () => random.pick(ids));
    for (const id of ids) {
      await checkTrace(id, part.traces.get(id), `${when}: ${part.name} ${id} (seed ${seed})`);
    }
  }
  for (const part of parts) {
    const q = encodeURIComponent(`{ span.hostile = "${part.name}" }`);
    const answer = await server.get(`/api/search?limit=10&q=${q}`);
    assert.equal(answer.status, 200, answer.text);
    const found = JSON.parse(answer.text).traces.map((t) => t.traceID.padStart(32, '0'));
    assert.equal(found.length, Math.min(10, part.traces.size), `${when}: search of ${part.name}`);
    for (const id of found) assert.ok(part.traces.has(id), `${when}: ${part.name}: ${id}`);
  }
  for (const path of ['/api/v2/search/tags', '/api/v2/search/tag/span.mixed/values']) {
    const answer = await server.get(path);
    assert.equal(answer.status, 200, answer.text);
  }
  checkMemory(context, when);
}

// One part of traces as they should be.
function ordinary() {
  const request = Array.from({ length: kOrdinary }, (_, i) => {
    const traceId = random.id(16);
    const start = BigInt(Date.now()) * 1_000_000n;
    const spans = Array.from({ length: 8 }, () => ({
      traceId,
      spanId: random.id(8),
      name: `GET /${i % 20}`,
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + BigInt(1 + random.below(50_000_000))),
      attributes: [text('hostile', 'ordinary'), text('user', `u${i}`)],
    }));
    return around(spans);
  }).flat();
  const traces = new Map();
  for (const { trace, text: form } of flattenSpans(request)) {
    if (!traces.has(trace)) traces.set(trace, { spans: 0, texts: [] });
    traces.get(trace).spans++;
    traces.get(trace).texts.push(form);
  }
  for (const entry of traces.values()) entry.texts.sort();
  return { name: 'ordinary', requests: [request], traces };
}

// Medians of questions about the ordinary traces, in ms.
async function questions_ms() {
  const ids = [...parts[0].traces.keys()];
  const median = async (ask, traces) => {
    const times = [];
    for (let i = 0; i < 60; i++) {
      const start = performance.now();
      const answer = await server.get(ask(i));
      times.push(performance.now() - start);
      assert.equal(answer.status, 200, answer.text);
      if (traces) assert.equal(JSON.parse(answer.text).traces?.length, traces, ask(i));
    }
    return times.sort((a, b) => a - b)[30];
  };
  const search = (q) => `/api/search?limit=500&q=${encodeURIComponent(q)}`;
  return {
    'trace by id': await median((i) => `/api/v2/traces/${ids[(i * 7) % ids.length]}`),
    'search by attribute': await median(
      (i) => search(`{ span.user = "u${(i * 7) % kOrdinary}" }`),
      1,
    ),
    'search by name': await median((i) => search(`{ name = "GET /${i % 20}" }`), kOrdinary / 20),
    'search and count': await median(
      (i) => search(`{ name = "GET /${i % 20}" } | count() > 2`),
      kOrdinary / 20,
    ),
  };
}

const cuts = async () => (await server.metrics()).tempo_ingester_blocks_cleared_total ?? 0;
async function untilAllIsInBlocks() {
  for (const deadline = Date.now() + 60_000; ; await pause(50)) {
    if ((await server.metrics()).vivace_head_bytes === 0) return;
    assert.ok(Date.now() < deadline, 'heads stay');
  }
}

test('ordinary traces come first', async () => {
  parts.push(ordinary());
  await send(parts[0].requests[0]);
  await untilAllIsInBlocks();
  before_ms = await questions_ms();
});

test(`it is taken in (seed ${seed})`, async (context) => {
  for (const part of hostileParts(random, sizes)) {
    parts.push(part);
    for (const request of part.requests) await send(request);
    checkMemory(context, `after ${part.name}`);
  }
  context.diagnostic(`${await cuts()} cuts meanwhile`);
});

test('all is there while it comes in', (context) => checkAll(context, 'at once'));

test('all is there in blocks', async (context) => {
  await untilAllIsInBlocks();
  assert.ok((await cuts()) >= 1);
  await checkAll(context, 'in blocks');
  for (const [name, ms] of Object.entries(await questions_ms())) {
    const was = before_ms[name];
    context.diagnostic(
      `${name}: ${was.toFixed(2)} ms before, ${ms.toFixed(2)} ms now, ${(ms / was).toFixed(1)} times`,
    );
  }
});

test('sent again in other batches, all is there once', async (context) => {
  let spans = 0;
  for (const request of rebatched(random, parts)) {
    await send(request);
    spans += flattenSpans(request).length;
  }
  context.diagnostic(`${spans} spans sent again`);
  await checkAll(context, 'sent again');
  await untilAllIsInBlocks();
  await checkAll(context, 'sent again, in blocks');
});

test('all is there after a restart', async (context) => {
  await server.restart();
  await checkAll(context, 'restarted');
});

test('all is there after a kill', async (context) => {
  await send(parts.find((part) => part.name === 'late').requests[0]);
  await server.kill();
  await server.start();
  await checkAll(context, 'killed');
});
