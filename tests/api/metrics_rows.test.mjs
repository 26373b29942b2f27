// TraceQL metrics by the rows of the query contract: parameters, alignment, zeros, labels, the
// forms of range and instant, refusals; while the spans lie in memory, after a restart, in blocks.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { int, span, text } from './data.mjs';
import { Vivace } from './harness.mjs';
import { askInstant, askRange, instant, range, samples, values } from './metrics.mjs';
import { assertPlainError, store } from './query.mjs';
import { kBlocksSoon, kSecond, times, untilBlocks } from './search.mjs';

// A whole minute, some minutes ago.
const base = (BigInt(Math.floor(Date.now() / 60_000)) - 10n) * 60n * kSecond;
const second = (s) => base + BigInt(Math.round(s * 1000)) * 1_000_000n;
const at = (s) => String(base / kSecond + BigInt(s)); // a parameter

// shop: 12 spans, 5 s apart from second 5 on, of 100 ms, 200 ms, ...; every fourth fails.
// db: 6 spans, 10 s apart from second 10 on, of 10 ms.
async function fill(server, headers) {
  const shop = [];
  for (let i = 1; i <= 12; ++i) {
    shop.push(
      span({
        name: i % 2 ? 'GET /' : 'GET /cart',
        kind: 2,
        ...times(second(5 * i), BigInt(i) * 100_000_000n),
        attributes: [int('items', i), text('user', `user ${i % 3}`)],
        status: i % 4 === 0 ? { code: 2 } : {},
      }),
    );
  }
  await store(server, shop, {}, headers);
  const db = [];
  for (let i = 1; i <= 6; ++i) {
    db.push(span({ name: 'SELECT', kind: 3, ...times(second(10 * i), 10_000_000n) }));
  }
  await store(server, db, { service: 'db' }, headers);
}

const kMinute = { start: at(0), end: at(60), step: '20s' };

async function checkAll(server) {
  const ask = (q, more = {}) => range(server, { q, ...kMinute, exemplars: 1, ...more });
  let answer = await ask('{} | count_over_time()');
  assert.deepEqual(samples(answer), { '__name__=count_over_time': [0, 6, 6, 6] });
  assert.deepEqual(
    answer.series[0].samples.map((it) => BigInt(it.timestampMs) * 1_000_000n),
    [0, 20, 40, 60].map(second),
    'stamped with the right end',
  );
  answer = await ask('{} | rate() by (resource.service.name)');
  assert.deepEqual(samples(answer), {
    'resource.service.name=db': [0, 0.1, 0.1, 0.1],
    'resource.service.name=shop': [0, 0.2, 0.2, 0.2],
  });
  assert.deepEqual(samples(await ask('{ status = error } | count_over_time() by (span:status)')), {
    'status=error': [0, 1, 1, 1],
  });
  assert.deepEqual(samples(await ask('{ kind = server } | max_over_time(duration)')), {
    '__name__=max_over_time': [0.4, 0.8, 1.2],
  });
  assert.deepEqual(samples(await ask('{} | sum_over_time(span.items) by (.user)')), {
    '.user=user 0': [3, 6, 21],
    '.user=user 1': [5, 7, 10],
    '.user=user 2': [2, 13, 11],
  });
  assert.deepEqual(samples(await ask('{ kind = server } | quantile_over_time(duration, .5, 1)')), {
    'p=0.5': [0, 0.2, 0.6, 1],
    'p=1': [0, 0.4, 0.8, 1.2],
  });
  assert.deepEqual(samples(await ask('{ name = "SELECT" } | histogram_over_time(duration)')), {
    '__bucket=0.016777216': [0, 2, 2, 2],
  });
  assert.deepEqual(samples(await ask('{} | rate() by (resource.service.name) | topk(1)')), {
    'resource.service.name=shop': [0.2, 0.2, 0.2],
    'resource.service.name=db': [0],
  });
  answer = samples(await ask('{} | compare({ status = error })', { step: '1m' }));
  assert.deepEqual(answer['__meta_type=selection,resource.service.name=shop'], [0, 3]);
  assert.deepEqual(answer['__meta_type=baseline,resource.service.name=db'], [0, 6]);
  assert.deepEqual(answer['__meta_type=baseline_total,span.items=nil'], [0, 9]);

  const now = (q, more = {}) => instant(server, { q, start: at(0), end: at(60), ...more });
  assert.deepEqual(values(await now('{} | count_over_time()')), { '__name__=count_over_time': 18 });
  assert.deepEqual(values(await now('{} | rate() by (resource.service.name)')), {
    'resource.service.name=db': 0.1,
    'resource.service.name=shop': 0.2,
  });
  assert.deepEqual(values(await now('{} | count_over_time()', { start: at(5), end: at(30) })), {
    '__name__=count_over_time': 8,
  });
}

let server;
before(async () => {
  server = await Vivace.start();
  await fill(server);
});
after(async () => {
  await server?.close();
});

test('functions, labels and zeros; after a restart; in blocks', async () => {
  await checkAll(server);
  const other = await Vivace.start({ config: kBlocksSoon });
  try {
    await fill(other);
    await untilBlocks(other);
    await checkAll(other);
    await other.restart?.();
    await checkAll(other);
  } finally {
    await other.close();
  }
});

describe('the range', () => {
  test('is aligned to the step, and every sample is there', async () => {
    const answer = await range(server, {
      q: '{} | count_over_time()',
      start: at(3),
      end: at(57),
      step: '20s',
    });
    assert.deepEqual(samples(answer), { '__name__=count_over_time': [0, 6, 6, 6] });
  });

  test('takes seconds, nanoseconds, fractions and RFC 3339; query for q; since', async () => {
    const rfc = (s) => new Date(Number(second(s) / 1_000_000n)).toISOString();
    for (const [start, end] of [
      [at(0), at(60)],
      [String(second(0)), String(second(60))],
      [`${at(0)}.000`, `${at(60)}.0`],
      [rfc(0), rfc(60)],
    ]) {
      const query = '{} | count_over_time()';
      const answer = await range(server, { query, start, end, step: '60' });
      assert.deepEqual(samples(answer), { '__name__=count_over_time': [0, 18] });
    }
    const answer = await instant(server, { q: '{} | count_over_time()', since: '1h' });
    assert.deepEqual(values(answer), { '__name__=count_over_time': 18 });
    assert.deepEqual(values(await instant(server, { q: '{} | count_over_time()' })), {
      '__name__=count_over_time': 18,
    });
  });

  test('has a default step: 15 s of an hour', async () => {
    const q = '{} | rate()';
    const answer = await range(server, { q, start: at(-1800), end: at(1800) });
    const [first, next] = answer.series[0].samples.map((it) => Number(it.timestampMs));
    assert.equal(next - first, 15_000);
    assert.equal(answer.series[0].samples.length, 241);
  });

  test('wider than three hours works', async () => {
    const q = '{} | count_over_time()';
    const answer = await range(server, { q, start: at(-86_400 * 3), end: at(60), step: '1h' });
    const all = samples(answer)['__name__=count_over_time'];
    assert.equal(
      all.reduce((sum, it) => sum + it, 0),
      18,
    );
  });
});

test('nothing matches: a series of zeros, no series by group, no member in an instant', async () => {
  const none = '{ name = "none" }';
  assert.deepEqual(samples(await range(server, { q: `${none} | rate()`, ...kMinute })), {
    '__name__=rate': [0, 0, 0, 0],
  });
  assert.deepEqual((await range(server, { q: `${none} | rate() by (name)`, ...kMinute })).series, []);
  const q = `${none} | count_over_time()`;
  const answer = await instant(server, { q, start: at(0), end: at(60) });
  assert.ok(!('series' in answer));
  const least = await instant(server, {
    q: `${none} | min_over_time(duration)`,
    start: at(0),
    end: at(60),
  });
  assert.ok(!('series' in least));
});

test('exemplars name their traces, spread and counted', async () => {
  const q = '{ status = error } | rate() by (resource.service.name)';
  const answer = await range(server, { q, ...kMinute });
  const [series] = answer.series;
  assert.equal(series.exemplars.length, 3);
  for (const exemplar of series.exemplars) {
    assert.deepEqual(
      exemplar.labels.map((it) => it.key),
      ['resource.service.name', 'trace:id', 'status'],
    );
    assert.equal(exemplar.value, 0.05);
  }
  const few = await range(server, { q, ...kMinute, exemplars: 1 });
  assert.equal(few.series[0].exemplars.length, 1);
  const none = await range(server, { q: `${q} with(exemplars=false)`, ...kMinute });
  assert.equal(none.series[0].exemplars, undefined);
});

test('what Grafana and Traces Drilldown send', async () => {
  for (const q of [
    '{true && true} | rate() with(sample=true)',
    '{nestedSetParent<0 && true && status=error} | rate() ',
    '{kind=server && resource.service.name != nil} | rate() by(resource.service.name)',
    '{true} | quantile_over_time(duration, 0.9) by(span.user)',
    '{true} | histogram_over_time(duration) with(sample=true)',
    '{true} | compare({status = error}, 10)',
    `{true} | compare({duration >= 100ms && duration <= 2s}, 10, ${second(0)}, ${second(60)})`,
    '{true} | compare({})',
    '{} | rate() with(most_recent=true, anything=1)',
  ]) {
    const answer = await askRange(server, { q, ...kMinute });
    if (q.includes('nestedSet') && answer.status === 400) continue;
    assert.equal(answer.status, 200, `${q}: ${answer.text}`);
  }
});

describe('refusals', () => {
  const refused = async (parameters, body, ask = askRange) =>
    assertPlainError(await ask(server, parameters), 400, body);
  const q = '{} | rate()';

  test('of queries', async () => {
    await refused({ q: '{}' }, 'not a metrics query');
    await refused({ q: '{}' }, 'not a metrics query', askInstant);
    await refused({}, /^parse error /);
    await refused({ q: '{} | rate(' }, /^parse error at line 1/);
    await refused({ q: '{} | rate(' }, /^compiling query: parse error at line 1/, askInstant);
    await refused({ q: `{ name = "${'x'.repeat(140_000)}" } | rate()` }, /exceeds the configured maximum size/);
    await refused({ q: '{ .items / 0 > 1 } | rate()' }, /division by zero/);
  });

  test('of times and steps', async () => {
    await refused({ q, start: '0', end: '1' }, 'start required');
    await refused({ q, start: '1', end: '0' }, 'end required');
    await refused({ q, start: '5', end: '5' }, 'end must be greater than start');
    await refused(
      { q, step: 'x' },
      'rpc error: code = Code(400) desc = cannot parse "x" to a valid duration',
    );
    await refused({ q, start: 'x' }, /^rpc error: code = Code\(400\) desc = could not parse 'start' parameter: /);
    await refused({ q, since: 'x' }, /could not parse 'since' parameter: /);
    await refused(
      { q, start: '1700000000', end: '1700010800', step: '1ms' },
      'step of 1ms is too small, minimum step for given range is 1.08s',
    );
    await refused(
      { q, start: '1700000000', end: '1700003600', step: '0' },
      'step of 0s is too small, minimum step for given range is 360ms',
    );
  });
});

test('tenants are apart, and joined when both are asked for', async () => {
  const shared = await Vivace.start({ config: { multitenancy_enabled: true } });
  try {
    const tenant = (id) => ({ headers: { 'x-scope-orgid': id } });
    await fill(shared, tenant('a').headers);
    await fill(shared, tenant('b').headers);
    const q = '{} | count_over_time()';
    const count = async (id) =>
      Object.values(values(await instant(shared, { q }, tenant(id))))[0];
    assert.equal(await count('a'), 18);
    assert.equal(await count('a|b'), 36);
    assertPlainError(await askRange(shared, { q }), 401, 'no org id');
  } finally {
    await shared.close();
  }
});
