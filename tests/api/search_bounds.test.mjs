// Questions that are made to cost: a trace of 40,000 spans in a chain, and queries that are long,
// deep, or multiply. Each answers, or says by name why not; the process stays as large as it may,
// and answers the next question.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { around, int, span, text } from './data.mjs';
import { Vivace } from './harness.mjs';
import { askRange } from './metrics.mjs';
import { encodeRequest } from './proto.mjs';
import { ago, askSearch, search, tags, times } from './search.mjs';

const kSpans = 40_000;
const kMiB = 1 << 20;
const id = (number, bytes = 16) => Buffer.from(number.toString(16).padStart(bytes * 2, '0'), 'hex');

// Spans `first` to `end` of a chain: each is the parent of the next.
function chain(first, end, start) {
  const out = [];
  for (let i = first; i < end; i++) {
    out.push(
      span({
        traceId: id(1),
        spanId: id(i, 8),
        parentSpanId: i > 1 ? id(i - 1, 8) : undefined,
        name: `step ${i}`,
        ...times(start + BigInt(i)),
        attributes: [int('n', i), text('even', i % 2 ? 'no' : 'yes')],
      }),
    );
  }
  return out;
}

async function push(server, spans) {
  const answer = await server.push(encodeRequest(around(spans)));
  assert.equal(answer.status, 200, answer.text);
}

const repeat = (count, make, between) => Array.from({ length: count }, (_, i) => make(i)).join(between);

// [name, query, matched spans of the first spanset (null: any answer)]
const kQueries = [
  ['a relation of three', '{} >> {} >> {}', kSpans - 2],
  ['children of children', '{} > {} > {}', kSpans - 2],
  ['ancestors', '{} << {}', kSpans - 1],
  ['both ends', '{} &>> {}', kSpans],
  ['siblings', '{} ~ {}', 0],
  ['no siblings', '{} !~ {}', kSpans],
  ['no descendants', '{} !>> {}', 1],
  ['a group a span', '{} | by(span:id)', 1],
  ['a group a span, filtered', '{} | by(span:id) | { span.n > 0 } | { duration > 1ms }', 1],
  ['a group a span, related', '{} | by(span:id) | { } ~ { }', 0],
  ['groups of groups', '{} | by(span:id) | by(name) | by(span.n)', 1],
  ['one set again', '{} | by(span:id) | coalesce() | count() = 40000', kSpans],
  ['1,000 terms', `{ ${repeat(1000, (i) => `span.n = ${i}`, ' || ')} }`, 999],
  ['1,000 terms that compute', `{ ${repeat(1000, (i) => `span.n + 1 = ${i}`, ' || ')} }`, null],
  ['1,000 terms of both', `{ ${repeat(1000, (i) => `span.n != ${kSpans + 1 + i}`, ' && ')} }`, kSpans],
  ['1,000 patterns', `{ ${repeat(1000, (i) => `name =~ ".*p ${i}"`, ' || ')} }`, null],
  ['1,000 relations', repeat(1000, () => '{}', ' >> '), kSpans - 999],
  ['1,000 filters', repeat(1000, () => '{ span.n > 0 }', ' | '), kSpans],
  ['repeats in repeats', '{ name =~ "((s|st|ste)*.*)*((t|e|p)*.*)*x" }', 0],
  ['a pattern of all', '{ name =~ "(.|.)*(.|.)*(.|.)*(.|.)*" }', kSpans],
  ['numbers of the tree', '{ nestedSetLeft > 0 && nestedSetRight > nestedSetLeft }', kSpans],
  ['nearly 128 KiB', `{ name = "${'x'.repeat(130_000)}" }`, 0],
];

const kRefused = [
  ['a pattern too large', '{ name =~ "((x{100}){100}){100}" }', 400, /invalid regex/],
  ['nesting', `{ ${'('.repeat(40_000)}true${')'.repeat(40_000)} }`, 400, /^invalid TraceQL query/],
  ['a chain of nots', `{ ${'!'.repeat(60_000)}true }`, 400, /^invalid TraceQL query/],
  ['a chain of relations', repeat(9_000, () => '{}', '>'), 400, /^invalid TraceQL query/],
  ['over 128 KiB', `{ name = "${'x'.repeat(140_000)}" }`, 400, /maximum size/],
];

describe('one large trace', () => {
  let server;
  before(async () => {
    server = await Vivace.start({
      config: {
        query_frontend: { max_query_memory_bytes: '64MiB' },
        querier: { search: { query_timeout: '20s' } },
      },
    });
    const start = ago(60);
    for (let i = 1; i <= kSpans; i += 5_000) await push(server, chain(i, i + 5_000, start));
  });
  after(async () => {
    await server?.close();
  });

  for (const where of ['head', 'block']) {
    describe(`in a ${where}`, () => {
      before(async () => {
        if (where === 'head') return;
        const flushed = await server.get('/flush');
        assert.equal(flushed.status, 204, flushed.text);
      });

      for (const [name, q, matched] of kQueries) {
        test(name, async () => {
          const answer = await askSearch(server, { q });
          if (matched === null && answer.status === 504) {
            assert.match(answer.text, /deadline exceeded/);
            return;
          }
          assert.equal(answer.status, 200, answer.text);
          const { traces } = JSON.parse(answer.text);
          if (matched !== null) assert.equal(traces[0]?.spanSet.matched ?? 0, matched);
        });
      }

      test('what is left out of many groups is told', async () => {
        const { traces } = await search(server, { q: '{} | by(span:id)' });
        const sets = traces[0].spanSets;
        assert.equal(sets.length, 1_000);
        const left = sets.at(-1).attributes.find((it) => it.key === 'spanSetsLeftOut');
        assert.equal(left.value.intValue, String(kSpans - 1_000));
      });
    });
  }

  for (const [name, q, status, message] of kRefused) {
    test(`refused: ${name}`, async () => {
      const answer = await askSearch(server, { q });
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, message);
    });
  }

  test('the process is no larger than it may be', async () => {
    const metrics = await server.metrics();
    assert.equal(metrics.vivace_query_memory_bytes_max, 64 * kMiB);
    assert.equal(metrics.vivace_query_memory_bytes, 0);
    assert.ok(server.peakMemory() < 320 * kMiB, `${server.peakMemory() / kMiB} MiB`);
  });
});

// Far more than there is memory for, while spans come in.
describe('many questions at once', () => {
  const kTraces = 3_000;
  const kSpansOfEach = 10;
  const kBudget = 8 * kMiB;
  let server;
  let start;

  const trace = (number) =>
    Array.from({ length: kSpansOfEach }, (_, i) =>
      span({
        traceId: id(number + 1),
        spanId: id(number * 100 + i + 1, 8),
        parentSpanId: i > 0 ? id(number * 100 + 1, 8) : undefined,
        name: `step ${i}`,
        ...times(start + BigInt(number) * 1_000_000n),
        attributes: [int('n', number), text('long', `${number} ${'x'.repeat(500)}`)],
      }),
    );

  before(async () => {
    server = await Vivace.start({
      config: { query_frontend: { max_query_memory_bytes: kBudget, search: { max_result_limit: 0 } } },
    });
    start = ago(120);
    for (let i = 0; i < kTraces; i += 300) {
      await push(server, Array.from({ length: 300 }, (_, k) => trace(i + k)).flat());
    }
  });
  after(async () => {
    await server?.close();
  });

  const refusal = (answer) => {
    assert.ok([400, 429].includes(answer.status), `${answer.status} ${answer.text}`);
    assert.match(answer.text, /query_memory/);
    assert.match(answer.text, /8 MiB/);
    assert.match(answer.text, /ask (again|for)/);
  };

  test('each answers right, or is refused by name', async () => {
    const window = { start: String(start / 1_000_000_000n - 10n), end: String(start / 1_000_000_000n + 60n) };
    const questions = [
      () => askSearch(server, { q: '{} | select(span.long)', limit: '3000', spss: '100' }),
      () => askSearch(server, { q: '{ span.long =~ ".*x" } | by(span:id)', limit: '3000' }),
      () => askRange(server, { q: '{} | count_over_time() by (span.long)', step: '1s', ...window }),
      () => askSearch(server, { q: '{ span.n = 7 }' }),
    ];
    const before = server.peakMemory();
    const counts = { 200: 0, 400: 0, 429: 0 };
    let ends = false;
    const ingest = (async () => {
      let number = kTraces;
      for (; !ends; number++) await push(server, trace(number));
      return number - kTraces;
    })();
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        Array.from({ length: 16 }, async (_, i) => ({ i, answer: await questions[i % 4]() })),
      );
      for (const { i, answer } of answers) {
        counts[answer.status] += 1;
        if (i % 4 === 3) {
          // What needs no more than its share is always answered.
          assert.equal(answer.status, 200, answer.text);
          assert.equal(JSON.parse(answer.text).traces[0].spanSet.matched, kSpansOfEach);
        } else if (answer.status === 200) {
          const { traces, series } = JSON.parse(answer.text);
          assert.ok((traces ?? series).length >= kTraces);
        } else {
          refusal(answer);
        }
      }
    }
    ends = true;
    assert.ok((await ingest) > 0, 'spans were taken meanwhile');
    assert.ok(counts[400] + counts[429] > 0, JSON.stringify(counts));
    const grown = server.peakMemory() - before;
    assert.ok(grown < 96 * kMiB, `${grown / kMiB} MiB more`);

    const metrics = await server.metrics();
    const refused = (reason) => metrics[`vivace_query_memory_refused_total{reason="${reason}"}`];
    assert.equal(refused('too_large') + refused('busy'), counts[400] + counts[429]);
    assert.equal(metrics.vivace_query_memory_bytes, 0);
    assert.equal(metrics.vivace_query_memory_waiting, 0);
  });

  test('one question alone has nearly all of it', async () => {
    const { traces } = await search(server, { q: '{}', limit: '3000', spss: '3' });
    assert.equal(traces.length, 3_000);
    await tags(server, '/api/v2/search/tags');
    assert.ok(await server.trace('1'));
  });

  test('what is never possible is refused at once', async () => {
    const answer = await askSearch(server, { q: '{} | select(span.long)', limit: '3000', spss: '100' });
    assert.equal(answer.status, 400);
    refusal(answer);
    assert.match(answer.text, /fewer results/);
  });
});
