// Search beside its rows: refusals, limits of the configuration, many traces, tenants, traces that
// come in parts, answers at once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { around, int, span } from './data.mjs';
import { Vivace } from './harness.mjs';
import { encodeRequest } from './proto.mjs';
import { assertPlainError, hexOf, store } from './query.mjs';
import { ago, askSearch, found, kSecond, search, times } from './search.mjs';

const id = (number) => Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
const spanId = (number) => Buffer.from(number.toString(16).padStart(16, '0'), 'hex');
const hex = (number) => number.toString(16).padStart(32, '0');

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

describe('refusals', () => {
  const kHalf =
    'error parsing date range: only one of start and end provided: must provide both or neither';
  const cases = [
    [{ q: '{}', tags: 'a=b' }, "invalid request: can't specify tags and q in the same query"],
    [{ q: '{ .a = }' }, /^invalid TraceQL query: parse error at line 1, col \d+: syntax error: /],
    [{ q: '{' }, /^invalid TraceQL query: parse error/],
    [{ q: '{ status = 1 }' }, /^invalid TraceQL query: /],
    [{ q: '{}', limit: '0' }, 'invalid limit: must be a positive number'],
    [{ q: '{}', limit: '-1' }, 'invalid limit: must be a positive number'],
    [{ q: '{}', limit: 'x' }, 'invalid limit: strconv.Atoi: parsing "x": invalid syntax'],
    [{ q: '{}', spss: '101' }, 'spans per span set exceeds 100. received 101'],
    [{ q: '{}', spss: '-1' }, 'invalid spss: must be a non-negative number'],
    [{ q: '{}', spss: 'x' }, /^invalid spss: strconv/],
    [
      { q: '{}', start: 'x', end: '2' },
      'invalid start: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      { q: '{}', start: '1', end: 'x' },
      'invalid end: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      { q: '{}', start: '2', end: '1' },
      'http parameter start must be before end. received start=2 end=1',
    ],
    [
      { q: '{}', start: '2', end: '2' },
      'http parameter start must be before end. received start=2 end=2',
    ],
    [{ q: '{}', start: '1' }, kHalf],
    [{ q: '{}', end: '1' }, kHalf],
    [{ tags: 'foo=1 foo=2' }, 'invalid tags: tag foo has been set twice'],
    [{ tags: '"a' }, /^invalid tags: /],
    [{ minDuration: 'x' }, 'invalid minDuration: time: invalid duration "x"'],
    [{ maxDuration: 'x' }, 'invalid maxDuration: time: invalid duration "x"'],
    [
      { minDuration: '1s', maxDuration: '500ms' },
      'invalid maxDuration: must be greater than minDuration',
    ],
    [
      { q: `{ .a = "${'x'.repeat(140 * 1024)}" }` },
      'TraceQL expression exceeds the configured maximum size of 131072 bytes, ' +
        'reduce the query expression size or contact your system administrator',
    ],
  ];
  for (const [parameters, message] of cases) {
    test(JSON.stringify(parameters).slice(0, 80), async () => {
      assertPlainError(await askSearch(server, parameters), 400, message);
    });
  }

  test('durations beside q are not looked at', async () => {
    await search(server, { q: '{}', minDuration: '1s', maxDuration: '500ms' });
  });
});

describe('limits of the configuration', () => {
  let limited;
  before(async () => {
    limited = await Vivace.start({
      config: {
        query_frontend: {
          max_query_expression_size_bytes: 100,
          search: { default_result_limit: 3, max_result_limit: 5, max_duration: '168h' },
        },
      },
    });
    for (let i = 0; i < 10; i++) {
      await store(limited, [span({ traceId: id(i + 1), ...times(ago(100 - i)) })]);
    }
  });
  after(() => limited?.close());

  test('default_result_limit', async () => {
    assert.deepEqual(await found(limited, '{}'), [10, 9, 8].map(hex));
  });
  test('max_result_limit', async () => {
    assert.equal((await found(limited, '{}', { limit: 5 })).length, 5);
    assertPlainError(
      await askSearch(limited, { q: '{}', limit: 6 }),
      400,
      'limit 6 exceeds max limit 5',
    );
  });
  test('max_duration', async () => {
    assertPlainError(
      await askSearch(limited, { q: '{}', start: 1, end: 9999999 }),
      400,
      'range specified by start and end exceeds 168h0m0s. received start=1 end=9999999',
    );
  });
  test('max_query_expression_size_bytes', async () => {
    assertPlainError(
      await askSearch(limited, { q: `{ .a = "${'x'.repeat(100)}" }` }),
      400,
      /^TraceQL expression exceeds the configured maximum size of 100 bytes/,
    );
  });
});

describe('many traces', () => {
  let many;
  const kTraces = 300;
  before(async () => {
    many = await Vivace.start();
    const now = ago(600);
    // Sent in an order that is not theirs, several at a time.
    const order = Array.from({ length: kTraces }, (_, i) => (i * 7) % kTraces);
    for (let at = 0; at < kTraces; at += 50) {
      const spans = order.slice(at, at + 50).flatMap((n) => {
        const root = span({
          traceId: id(n + 1),
          spanId: spanId(2 * n + 1),
          name: `root ${n % 10}`,
          ...times(now + BigInt(n) * kSecond, BigInt(n + 1) * 1_000_000n),
        });
        const child = span({
          traceId: id(n + 1),
          spanId: spanId(2 * n + 2),
          parentSpanId: root.spanId,
          name: 'child',
          ...times(now + BigInt(n) * kSecond, 1000n),
          attributes: [int('n', n)],
        });
        return [child, root];
      });
      assert.equal((await many.push(encodeRequest(around(spans)))).status, 200);
    }
  });
  after(() => many?.close());

  const newest = (count, pass = () => true) =>
    Array.from({ length: kTraces }, (_, i) => kTraces - 1 - i)
      .filter(pass)
      .slice(0, count)
      .map((n) => hex(n + 1));

  test('20 by default, the newest first', async () => {
    assert.deepEqual(await found(many, '{}'), newest(20));
  });
  test('any limit', async () => {
    for (const limit of [1, 99, 100, 300, 1000]) {
      assert.deepEqual(await found(many, '{}', { limit }), newest(limit), String(limit));
    }
  });
  test('filters', async () => {
    const limit = 500;
    assert.deepEqual(
      await found(many, '{ name = "root 3" }', { limit }),
      newest(limit, (n) => n % 10 === 3),
    );
    assert.deepEqual(
      await found(many, '{ .n >= 100 && .n < 110 }', { limit }),
      newest(limit, (n) => n >= 100 && n < 110),
    );
    assert.deepEqual(
      await found(many, '{ traceDuration > 250ms && name = "child" }', { limit }),
      newest(limit, (n) => n + 1 > 250),
    );
    assert.deepEqual(
      await found(many, '{ rootName = "root 7" && .n != nil }', { limit }),
      newest(limit, (n) => n % 10 === 7),
    );
  });
  test('the same answer each time', async () => {
    const ask = async () => (await search(many, { q: '{ name = "child" }', limit: 50 })).traces;
    assert.deepEqual(await ask(), await ask());
  });
});

describe('tenants', () => {
  let tenants;
  const as = (name) => ({ headers: { 'x-scope-orgid': name } });
  before(async () => {
    tenants = await Vivace.start({ config: { multitenancy_enabled: true } });
    const one = (number, start) => span({ traceId: id(number), ...times(start) });
    await store(tenants, [one(1, ago(20))], {}, as('a').headers);
    await store(tenants, [one(2, ago(10))], {}, as('b').headers);
    // Both hold a part of trace 3.
    await store(tenants, [one(3, ago(40))], {}, as('a').headers);
    await store(tenants, [one(3, ago(30))], {}, as('b').headers);
  });
  after(() => tenants?.close());

  test('each finds its own, several are merged, nobody without a name', async () => {
    const ask = async (name) => (await search(tenants, { q: '{}' }, as(name))).traces;
    const ids = async (name) => (await ask(name)).map((it) => it.traceID);
    assert.deepEqual(await ids('a'), ['1', '3']);
    assert.deepEqual(await ids('b'), ['2', '3']);
    assert.deepEqual(await ids('a|b'), ['2', '1', '3']);
    assert.deepEqual(await ids('c'), []);
    const merged = (await ask('a|b'))[2];
    assert.equal(merged.spanSet.matched, 2);
    assert.ok(merged.durationMs >= 9000);
    assertPlainError(await askSearch(tenants, { q: '{}' }), 401, 'no org id');
  });
});

test('a trace that came in parts is one', async () => {
  const start = ago(120);
  const traceId = id(0xabc);
  await store(
    server,
    [
      span({
        traceId,
        spanId: spanId(0xa2),
        parentSpanId: spanId(0xa1),
        ...times(start + kSecond),
      }),
    ],
    { service: 'late' },
  );
  const before = await search(server, { q: '{ resource.service.name = "late" }' });
  assert.equal(before.traces[0].rootServiceName, '<root span not yet received>');
  await store(
    server,
    [span({ traceId, spanId: spanId(0xa1), name: 'first', ...times(start, 3n * kSecond) })],
    { service: 'early' },
  );
  const { traces } = await search(server, { q: '{ resource.service.name = "late" }' });
  assert.equal(traces.length, 1);
  assert.equal(traces[0].traceID, hexOf(traceId).replace(/^0+/, ''));
  assert.equal(traces[0].rootServiceName, 'early');
  assert.equal(traces[0].rootTraceName, 'first');
  assert.equal(traces[0].durationMs, 3000);
  assert.deepEqual(traces[0].serviceStats, { early: { spanCount: 1 }, late: { spanCount: 1 } });
});

test('a span is found as soon as it was acked', async () => {
  for (let i = 0; i < 50; i++) {
    await store(server, [span({ name: `acked ${i}`, ...times(ago(1)) })]);
    assert.equal((await found(server, `{ name = "acked ${i}" }`)).length, 1, String(i));
  }
});

test('long answers are packed for who asks', async () => {
  const spans = Array.from({ length: 30 }, () => span({ name: 'packed', ...times(ago(9)) }));
  await store(server, spans);
  const answer = await askSearch(
    server,
    { q: '{ name = "packed" }' },
    { headers: { 'accept-encoding': 'gzip' } },
  );
  assert.equal(answer.headers['content-encoding'], 'gzip');
});
