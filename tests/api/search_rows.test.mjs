// Search by the rows of the query contract: forms of the answer, which traces it names and in which
// order, windows, the legacy parameters, encodings; while the spans lie in memory, after a restart,
// and in blocks.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { int, span, text } from './data.mjs';
import { Vivace } from './harness.mjs';
import { SearchResponse, decode } from './proto.mjs';
import { assertPlainError, kProto, store } from './query.mjs';
import { ago, askSearch, found, kBlocksSoon, kSecond, search, times, untilBlocks } from './search.mjs';

const id = (number) => Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
const spanId = (number) => Buffer.from(number.toString(16).padStart(16, '0'), 'hex');
const hex = (number) => number.toString(16).padStart(32, '0');

// Trace 1: shop, a root of 1.5 s and two children, one of them failed. The oldest.
// Trace 2: db, a root of 150 ms, with everything that a filter can ask for.
// Trace 3: no root; service cron.
// Trace 4: shop again, a root shorter than a millisecond. The newest.
let base;
async function fill(server) {
  base = ago(300);
  const root = span({
    traceId: id(1),
    spanId: spanId(0x11),
    name: 'GET /cart',
    kind: 2,
    ...times(base, 1_500_000_000n),
    attributes: [int('http.status_code', 200), text('http.method', 'GET')],
  });
  const child = (number, fields) =>
    span({
      traceId: id(1),
      spanId: spanId(number),
      parentSpanId: spanId(0x11),
      kind: 3,
      ...times(base + BigInt(number) * 1_000_000n, 100_000_000n),
      ...fields,
    });
  await store(server, [
    root,
    child(0x12, { name: 'SELECT', status: { code: 2, message: 'boom' } }),
    child(0x13, { name: 'INSERT', status: { code: 1 } }),
  ]);
  await store(
    server,
    [
      span({
        traceId: id(2),
        spanId: spanId(0x21),
        name: 'compact',
        kind: 1,
        ...times(base + 10n * kSecond, 150_000_000n),
        attributes: [
          text('color', 'red'),
          int('items', 3),
          { key: 'ratio', value: { doubleValue: 1.5 } },
          { key: 'ok', value: { boolValue: true } },
          {
            key: 'tags',
            value: { arrayValue: { values: [{ stringValue: 'x' }, { stringValue: 'y' }] } },
          },
        ],
        events: [
          {
            timeUnixNano: String(base + 10n * kSecond + 20_000_000n),
            name: 'exception',
            attributes: [text('exception.type', 'Timeout')],
          },
        ],
        links: [{ traceId: id(1), spanId: spanId(0x11), attributes: [text('why', 'retry')] }],
      }),
    ],
    {
      resource: { attributes: [text('service.name', 'db'), text('cluster', 'eu')] },
      scope: { name: 'db-lib', version: '2' },
    },
  );
  await store(
    server,
    [
      span({
        traceId: id(3),
        spanId: spanId(0x31),
        parentSpanId: spanId(0x30),
        name: 'orphan',
        kind: 5,
        ...times(base + 20n * kSecond),
      }),
    ],
    { service: 'cron' },
  );
  await store(server, [
    span({
      traceId: id(4),
      spanId: spanId(0x41),
      name: 'GET /',
      kind: 2,
      ...times(base + 30n * kSecond, 900_000n),
      attributes: [int('http.status_code', 404)],
    }),
  ]);
}

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

test('nothing stored', async () => {
  const answer = await search(server, { q: '{}' });
  assert.deepEqual(answer.traces, []);
});

// Which traces a filter finds, newest first.
const kFound = {
  '{}': [4, 3, 2, 1],
  '{ true }': [4, 3, 2, 1],
  '{ resource.service.name = "shop" }': [4, 1],
  '{ .service.name = "shop" }': [4, 1],
  '{ span.service.name = "shop" }': [],
  '{ resource.cluster = "eu" }': [2],
  '{ name = "SELECT" }': [1],
  '{ span:name = "SELECT" }': [1],
  '{ name =~ "GET .*" }': [4, 1],
  '{ name =~ "GET" }': [],
  '{ name != "GET /" }': [3, 2, 1],
  '{ status = error }': [1],
  '{ status = ok }': [1],
  '{ status = unset }': [4, 3, 2, 1],
  '{ status != unset }': [1],
  '{ statusMessage = "boom" }': [1],
  '{ kind = server }': [4, 1],
  '{ kind = client }': [1],
  '{ kind = internal }': [2],
  '{ kind = consumer }': [3],
  '{ kind = producer }': [],
  '{ duration > 1s }': [1],
  '{ duration >= 1.5s }': [1],
  '{ duration > 1500ms }': [],
  '{ duration < 1ms }': [4],
  '{ duration > 100ms && duration < 200ms }': [3, 2],
  '{ traceDuration > 1s }': [1],
  '{ trace:duration > 1s && name = "SELECT" }': [1],
  '{ rootName = "GET /cart" }': [1],
  '{ rootName = "GET /cart" && name = "INSERT" }': [1],
  '{ rootServiceName = "db" }': [2],
  '{ trace:id = "2" }': [2],
  [`{ trace:id = "${hex(3)}" }`]: [3],
  '{ span:id = "0000000000000041" }': [4],
  '{ span:parentID = "0000000000000030" }': [3],
  '{ span.http.status_code = 200 }': [1],
  '{ .http.status_code = 404 }': [4],
  '{ span.http.status_code >= 200 }': [4, 1],
  '{ span.http.status_code = "200" }': [],
  '{ .color = "red" }': [2],
  '{ .color != "red" }': [],
  '{ .color = nil && name = "compact" }': [],
  '{ .color != nil }': [2],
  '{ .items = 3 }': [2],
  '{ .items > 2.5 }': [2],
  '{ .ratio = 1.5 }': [2],
  '{ .ok }': [2],
  '{ .ok = true }': [2],
  '{ !.ok }': [],
  '{ .tags = "y" }': [2],
  '{ .tags != "x" }': [],
  '{ event:name = "exception" }': [2],
  '{ event.exception.type = "Timeout" }': [2],
  '{ event:timeSinceStart = 20ms }': [2],
  '{ link.why = "retry" }': [2],
  '{ link:spanID = "0000000000000011" }': [2],
  '{ instrumentation:name = "db-lib" }': [2],
  '{ instrumentation:version = "2" }': [2],
  '{ .items * 2 = 6 }': [2],
  '{ kind = client && status = error }': [1],
  '{ kind = server && status = error }': [],
  '{ kind = server || kind = consumer }': [4, 3, 1],
  '{ name = "no such" }': [],
  '{ .no.such = .no.such }': [],
};

function rows(prepare) {
  before(prepare);

  describe('filters', () => {
    for (const [q, expected] of Object.entries(kFound)) {
      test(q, async () => {
        assert.deepEqual(await found(server, q), expected.map(hex));
      });
    }
  });

  test('the form of an answer', async () => {
    const { traces } = await search(server, { q: '{ status = error }' });
    const set = {
      spans: [
        {
          spanID: '0000000000000012',
          startTimeUnixNano: String(base + 18_000_000n),
          durationNanos: '100000000',
          attributes: [{ key: 'status', value: { stringValue: 'error' } }],
        },
      ],
      matched: 1,
    };
    assert.deepEqual(traces, [
      {
        traceID: '1',
        rootServiceName: 'shop',
        rootTraceName: 'GET /cart',
        startTimeUnixNano: String(base),
        durationMs: 1500,
        spanSet: set,
        spanSets: [set],
        serviceStats: { shop: { spanCount: 3, errorCount: 1 } },
      },
    ]);
  });

  test('content type, compact JSON, no line end', async () => {
    const answer = await askSearch(server, { q: '{ name = "no such" }' });
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.match(answer.text, /^\{"traces":\[\],"metrics":\{.*\}\}$/);
  });

  test('a trace without a root, and one shorter than a millisecond', async () => {
    const [newest, orphan] = (await search(server, { q: '{}' })).traces;
    assert.equal(orphan.rootServiceName, '<root span not yet received>');
    assert.ok(!('rootTraceName' in orphan));
    assert.equal(newest.rootTraceName, 'GET /');
    assert.ok(!('durationMs' in newest));
    const { text: raw } = await askSearch(server, { q: '{ name = "orphan" }' });
    assert.ok(raw.includes('\\u003croot span not yet received\\u003e'), raw);
  });

  test('attributes of the answer: those of the query, by name without scope', async () => {
    const shown = async (q) => {
      const { traces } = await search(server, { q });
      const [first] = traces[0].spanSet.spans;
      return {
        name: first.name,
        ...Object.fromEntries((first.attributes ?? []).map((a) => [a.key, a.value])),
      };
    };
    assert.deepEqual(await shown('{ resource.service.name = "db" }'), {
      name: undefined,
      'service.name': { stringValue: 'db' },
    });
    assert.deepEqual(await shown('{ .color = "red" && span.items > 1 && .ratio > 1.0 && .ok }'), {
      name: undefined,
      color: { stringValue: 'red' },
      items: { intValue: '3' },
      ratio: { doubleValue: 1.5 },
      ok: { boolValue: true },
    });
    assert.deepEqual(await shown('{ name = "compact" && kind = internal && duration > 1ms }'), {
      name: 'compact',
      kind: { stringValue: 'internal' },
    });
    assert.deepEqual(
      await shown('{ resource.cluster = "eu" } | select(span.color, name, status, resource.nope)'),
      {
        name: 'compact',
        cluster: { stringValue: 'eu' },
        color: { stringValue: 'red' },
        status: { stringValue: 'unset' },
      },
    );
  });

  test('spss cuts the spans, matched counts all', async () => {
    const spans = async (parameters) => {
      const { traces } = await search(server, { q: '{ trace:id = "1" }', ...parameters });
      assert.equal(traces[0].spanSet.matched, 3);
      return traces[0].spanSet.spans.length;
    };
    assert.equal(await spans({}), 3);
    assert.equal(await spans({ spss: 1 }), 1);
    assert.equal(await spans({ spss: 100 }), 3);
    assert.equal(await spans({ spss: 0 }), 3);
  });

  test('limit: the newest', async () => {
    assert.deepEqual(await found(server, '{}', { limit: 2 }), [4, 3].map(hex));
    assert.deepEqual(await found(server, '{ kind = server }', { limit: 1 }), [hex(4)]);
    assert.deepEqual(await found(server, '{}', { limit: 1000 }), [4, 3, 2, 1].map(hex));
  });

  test('start and end: traces that overlap', async () => {
    const at = (seconds) => Number(base / kSecond) + seconds;
    const between = (start, end) => found(server, '{}', { start: at(start), end: at(end) });
    assert.deepEqual(await between(-60, 60), [4, 3, 2, 1].map(hex));
    assert.deepEqual(await between(5, 25), [3, 2].map(hex));
    assert.deepEqual(await between(1, 5), [hex(1)], 'a trace of 1.5 s has not ended');
    assert.deepEqual(await between(2, 9), []);
    assert.deepEqual(await between(30, 31), [hex(4)]);
    assert.deepEqual(await between(-10, 0), [hex(1)]);
    assert.deepEqual(await found(server, '{}', { start: 1, end: 2 }), []);
  });

  test('every format of times', async () => {
    const [start, end] = [base - kSecond, base + 15n * kSecond];
    const seconds = (ns) => String(ns / kSecond);
    const forms = [
      { start: seconds(start), end: seconds(end) },
      { start: String(start), end: String(end) },
      { start: `${seconds(start)}.500`, end: `${seconds(end)}.0` },
      {
        start: new Date(Number(start / 1_000_000n)).toISOString(),
        end: new Date(Number(end / 1_000_000n)).toISOString(),
      },
    ];
    for (const form of forms) {
      assert.deepEqual(await found(server, '{}', form), [2, 1].map(hex), JSON.stringify(form));
    }
    assert.deepEqual(await found(server, '{}', { since: '1h' }), [4, 3, 2, 1].map(hex));
  });

  test('hints change nothing', async () => {
    for (const hint of ['most_recent=true', 'sample=true', 'anything=1']) {
      assert.deepEqual(await found(server, `{ kind = server } with(${hint})`), [4, 1].map(hex));
    }
  });

  describe('legacy parameters', () => {
    const legacy = async (parameters) => {
      const { traces } = await search(server, parameters);
      for (const trace of traces) {
        for (const name of ['spanSet', 'spanSets', 'serviceStats']) assert.ok(!(name in trace));
      }
      return traces.map((it) => Number.parseInt(it.traceID, 16));
    };
    const cases = [
      [{}, [4, 3, 2, 1]],
      [{ tags: 'service.name=sho' }, [4, 1]],
      [{ tags: 'service.name=SHO' }, []],
      [{ tags: 'service.name=shop name=SELECT' }, [1]],
      [{ tags: 'name=ELEC' }, [1]],
      [{ tags: 'color=re' }, []],
      [{ tags: 'color=red' }, [2]],
      [{ tags: 'http.status_code=200' }, [1]],
      [{ tags: 'http.status_code=20' }, []],
      [{ tags: 'http.method=GE' }, [1]],
      [{ tags: 'status.code=error' }, [1]],
      [{ tags: 'status.code=ok' }, [1]],
      [{ tags: 'error=true' }, [1]],
      [{ tags: 'root.name=cart' }, [1]],
      [{ tags: 'root.service.name=db' }, [2]],
      [{ tags: 'cluster=e' }, [2]],
      [{ tags: 'name="GET /" service.name=shop' }, [4, 1]],
      [{ minDuration: '1s' }, [1]],
      [{ maxDuration: '1ms' }, [4]],
      [{ minDuration: '100ms', maxDuration: '200ms' }, [3, 2]],
      [{ minDuration: '1500ms' }, [1]],
      [{ maxDuration: '1500ms', minDuration: '1.5s', tags: 'service.name=shop' }, null],
      [{ tags: 'service.name=shop', minDuration: '1s' }, [1]],
      [{ 'service.name': 'shop' }, [4, 1]],
      [{ 'service.name': 'shop', minDuration: '1s' }, [1]],
      [{ tags: 'service.name=shop', limit: '1' }, [4]],
    ];
    for (const [parameters, expected] of cases) {
      test(JSON.stringify(parameters), async () => {
        if (expected) assert.deepEqual(await legacy(parameters), expected);
        else {
          assertPlainError(
            await askSearch(server, parameters),
            400,
            'invalid maxDuration: must be greater than minDuration',
          );
        }
      });
    }
  });

  test('protobuf', async () => {
    const parameters = { q: '{ resource.service.name = "shop" }' };
    const answer = await askSearch(server, parameters, { headers: kProto });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/protobuf');
    const { traces, metrics } = decode(SearchResponse, answer.body);
    const json = await search(server, parameters);
    assert.ok(metrics);
    assert.deepEqual(
      traces.map((it) => [it.traceId, it.rootServiceName, it.startTimeUnixNano, it.durationMs]),
      json.traces.map((it) => [
        it.traceID,
        it.rootServiceName,
        it.startTimeUnixNano,
        it.durationMs,
      ]),
    );
    for (const [i, trace] of traces.entries()) {
      assert.deepEqual(trace.spanSet, trace.spanSets[0]);
      assert.equal(trace.spanSet.matched, json.traces[i].spanSet.matched);
      assert.deepEqual(
        trace.spanSet.spans.map((it) => [it.spanId, it.durationNanos]),
        json.traces[i].spanSet.spans.map((it) => [it.spanID, it.durationNanos]),
      );
    }
    assert.deepEqual(traces[1].serviceStats, { shop: { spanCount: 3, errorCount: 1 } });
  });

  test('an id from search finds its trace', async () => {
    const { traces } = await search(server, { q: '{ name = "orphan" }' });
    assert.ok(await server.trace(traces[0].traceID));
  });

  test('HTTP/2 without TLS, by curl', async () => {
    const url = new URL(`http://127.0.0.1:${server.httpPort}/api/search`);
    url.searchParams.set('q', '{ name =~ "GET .*" }');
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      '--http2-prior-knowledge',
      '-w',
      ' %{http_version} %{http_code}',
      String(url),
    ]);
    assert.ok(stdout.endsWith(' 2 200'), stdout);
    const { traces } = JSON.parse(stdout.slice(0, -' 2 200'.length));
    assert.deepEqual(
      traces.map((it) => it.traceID),
      ['4', '1'],
    );
  });
}

describe('in memory', () => rows(() => fill(server)));
describe('after a restart', () => rows(() => server.restart()));
describe('in blocks', () =>
  rows(async () => {
    await server.close();
    server = await Vivace.start({ config: kBlocksSoon });
    await fill(server);
    await untilBlocks(server);
  }));
