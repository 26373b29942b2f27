// Traces that come in twenty requests while heads become blocks, with spans sent again in other
// company: by id, in searches and with windows, the answers are those of a twin server that got each
// trace in one request. While they are torn, when all is in blocks, after a restart, after a kill.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Random, around, int, seedOf, span, text } from './data.mjs';
import { Vivace, pause } from './harness.mjs';
import { encodeRequest, flatten } from './proto.mjs';
import { ago, search } from './search.mjs';

const kTraces = 12;
const kRequests = 20;
const kSpansEach = 3; // of a trace in a request
const kServices = ['shop', 'cart', 'mail'];
const seed = seedOf();
const random = new Random(seed);

// Spans of one trace, over a minute or so; the root comes in any of the requests.
function spansOf(traceId, start) {
  const root = random.id(8);
  return Array.from({ length: kRequests * kSpansEach }, (_, i) => {
    const begin = start + BigInt(i === 0 ? 0 : random.below(60_000)) * 1_000_000n;
    return {
      service: random.pick(kServices),
      span: span({
        traceId,
        spanId: i === 0 ? root : random.id(8),
        parentSpanId: i === 0 ? undefined : root,
        name: i === 0 ? `root ${random.below(3)}` : `step ${i % 5}`,
        kind: 1 + random.below(5),
        startTimeUnixNano: String(begin),
        endTimeUnixNano: String(begin + BigInt(1 + random.below(4_000)) * 1_000_000n),
        status: random.chance(0.1) ? { code: 2 } : undefined,
        attributes: [int('step', i), text('path', `/p/${i % 7}`)],
      }),
    };
  });
}

const requestOf = (spans) =>
  encodeRequest(
    kServices.flatMap((service) => {
      const here = spans.filter((it) => it.service === service).map((it) => it.span);
      return here.length > 0 ? around(here, { service }) : [];
    }),
  );

async function push(server, spans) {
  const answer = await server.push(requestOf(spans));
  assert.equal(answer.status, 200, answer.text);
}

describe('traces in pieces', () => {
  const ids = Array.from({ length: kTraces }, () => random.id(16));
  const start = ago(600);
  const traces = ids.map((id, i) => spansOf(id, start + BigInt(i * 20) * 1_000_000_000n));
  let torn;
  let twin;
  before(async () => {
    torn = await Vivace.start({
      config: { ingester: { max_block_duration: '300ms', flush_check_period: '100ms' } },
    });
    twin = await Vivace.start({});
    for (const spans of traces) await push(twin, spans);
  });
  after(async () => {
    await torn?.close();
    await twin?.close();
  });

  const kQueries = [
    '{}',
    '{ rootName = "root 1" }',
    '{ rootServiceName = "cart" }',
    '{ traceDuration > 61s }',
    '{ name = "step 3" && status = error }',
    '{ span.step = 17 }',
    '{ resource.service.name = "mail" && kind = server } | select(span.path)',
  ];
  // The middle of one trace and parts of others; the end of all; between two spans, perhaps.
  const at = (seconds) => String(start / 1_000_000_000n + BigInt(seconds));
  const kWindows = [{}, { start: at(90), end: at(95) }, { start: at(270), end: at(900) }].concat({
    start: at(33),
    end: at(34),
  });

  async function assertSame(when) {
    for (const id of ids) {
      const hex = id.toString('hex');
      assert.deepEqual(
        flatten(await torn.trace(hex)),
        flatten(await twin.trace(hex)),
        `${when}: trace ${hex} (seed ${seed})`,
      );
    }
    for (const q of kQueries) {
      for (const window of kWindows) {
        const parameters = { q, limit: 100, spss: 100, ...window };
        const [got, wanted] = await Promise.all([torn, twin].map((it) => search(it, parameters)));
        assert.deepEqual(
          got.traces,
          wanted.traces,
          `${when}: ${JSON.stringify(parameters)} (seed ${seed})`,
        );
      }
    }
  }
  const metric = async (name) => (await torn.metrics())[name];
  const kBlocks = 'tempodb_blocklist_length{tenant="single-tenant"}';

  async function untilInBlocks() {
    for (const deadline = Date.now() + 30_000; ; await pause(50)) {
      if ((await metric('tempo_ingester_live_traces{tenant="single-tenant"}')) === 0) return;
      assert.ok(Date.now() < deadline, 'heads did not become blocks');
    }
  }

  test('as they come, with spans sent again', async (context) => {
    const sent = [];
    for (let request = 0; request < kRequests; request++) {
      const spans = traces.flatMap((it) =>
        it.slice(request * kSpansEach, (request + 1) * kSpansEach),
      );
      sent.push(...spans);
      await push(torn, spans);
      if (request % 3 === 2) await push(torn, Array.from({ length: 9 }, () => random.pick(sent)));
      await pause(150);
    }
    await assertSame('just sent');
    const cuts = await metric('tempo_ingester_blocks_cleared_total');
    context.diagnostic(`${cuts} cuts, seed ${seed}`);
    assert.ok(cuts >= 3, `${cuts} cuts`);
    assert.ok((await metric('vivace_cut_repeats_left_out_total')) > 0);
  });

  test('when all is in blocks', async (context) => {
    await untilInBlocks();
    await assertSame('in blocks');
    context.diagnostic(`${await metric(kBlocks)} blocks`);
    const spans = await metric('vivace_block_spans{tenant="single-tenant"}');
    assert.equal(spans, kTraces * kRequests * kSpansEach, 'each span is stored once');
  });

  test('a whole trace sent again, after a restart and after a kill', async () => {
    await torn.restart();
    await assertSame('after a restart');
    await push(torn, traces[3]);
    await assertSame('sent again');
    await torn.kill();
    await torn.start();
    await assertSame('after a kill');
    await untilInBlocks();
    await assertSame('in blocks again');
    const spans = await metric('vivace_block_spans{tenant="single-tenant"}');
    assert.equal(spans, kTraces * kRequests * kSpansEach, 'each span is stored once');
  });
});
