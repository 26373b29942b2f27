// Lists of tags: one test per row of the query contract (names, values, their types, intrinsics,
// filters, limits, windows, tenants, encodings), while the spans lie in memory, in blocks, and
// after a restart.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { int, span, text } from './data.mjs';
import { Vivace } from './harness.mjs';
import {
  SearchTagValuesResponse,
  SearchTagValuesV2Response,
  SearchTagsResponse,
  SearchTagsV2Response,
  decode,
} from './proto.mjs';
import { assertPlainError, kProto, store } from './query.mjs';
import { ago, kBlocksSoon, names, scopes, tags, texts, times, untilBlocks, values } from './search.mjs';

const kIntrinsics = [
  'duration',
  'event:name',
  'event:timeSinceStart',
  'instrumentation:name',
  'instrumentation:version',
  'kind',
  'link:spanID',
  'link:traceID',
  'name',
  'rootName',
  'rootServiceName',
  'span:duration',
  'span:id',
  'span:kind',
  'span:name',
  'span:parentID',
  'span:status',
  'span:statusMessage',
  'status',
  'statusMessage',
  'trace:duration',
  'trace:id',
  'trace:rootName',
  'trace:rootService',
  'traceDuration',
];
const double = (key, value) => ({ key, value: { doubleValue: value } });
const bool = (key, value) => ({ key, value: { boolValue: value } });
const array = (key, list) => ({ key, value: { arrayValue: { values: list } } });

// A shop: a front with a root span, its database below it, and a lonely cron job an hour before.
async function fill(server, headers) {
  const now = ago(20);
  const root = span({
    name: 'GET /cart',
    kind: 2,
    ...times(now, 900_000_000n),
    attributes: [
      text('http.method', 'GET'),
      text('http.route', '/cart'),
      int('http.status_code', 200),
      double('ratio', 1.5),
      bool('cached', true),
      array('tags', [{ stringValue: 'x' }, { stringValue: 'y' }]),
      text('a/b c', 'odd'),
    ],
    events: [
      {
        timeUnixNano: String(now),
        name: 'exception',
        attributes: [text('exception.type', 'Timeout')],
      },
    ],
    status: { code: 2, message: 'boom' },
  });
  await store(
    server,
    [root],
    {
      resource: { attributes: [text('service.name', 'shop'), text('cluster', 'eu')] },
      scope: { name: 'front-lib', version: '1.0', attributes: [text('scope.kind', 'auto')] },
    },
    headers,
  );
  const child = span({
    traceId: root.traceId,
    parentSpanId: root.spanId,
    name: 'SELECT',
    kind: 3,
    ...times(now + 1_000_000n),
    attributes: [text('db.system', 'postgres'), int('http.status_code', 500)],
    links: [
      { traceId: root.traceId, spanId: root.spanId, attributes: [text('link.why', 'retry')] },
    ],
  });
  await store(server, [child], { service: 'db' }, headers);
  const cron = span({ name: 'cron', ...times(ago(3600)), attributes: [text('only.old', '1')] });
  await store(server, [cron], { service: 'cron' }, headers);
}

let server;
before(async () => {
  server = await Vivace.start();
});
after(async () => {
  await server?.close();
});

test('nothing stored', async () => {
  assert.deepEqual(await names(server), []);
  assert.deepEqual(await scopes(server), { intrinsic: kIntrinsics });
  assert.deepEqual(await texts(server, 'service.name'), []);
  assert.deepEqual(await values(server, 'resource.service.name'), []);
  const answer = await server.get('/api/search/tags');
  assert.equal(answer.text, '{"tagNames":[],"metrics":{}}');
});

function rows(prepare) {
  before(prepare);

  test('v1 names: sorted, of all scopes, without intrinsics', async () => {
    const all = await names(server);
    assert.deepEqual(all, [...new Set(all)].sort());
    for (const name of [
      'service.name',
      'cluster',
      'http.method',
      'exception.type',
      'link.why',
      'scope.kind',
      'db.system',
      'only.old',
      'a/b c',
    ]) {
      assert.ok(all.includes(name), name);
    }
    for (const name of kIntrinsics) assert.ok(!all.includes(name), name);
    assert.deepEqual(await names(server, { scope: 'none' }), all);
    assert.deepEqual(await names(server, { q: '{ name = "cron" }' }), all, 'q has no effect');
  });

  test('v1 names of one scope', async () => {
    assert.deepEqual(await names(server, { scope: 'resource' }), ['cluster', 'service.name']);
    assert.deepEqual(await names(server, { scope: 'intrinsic' }), kIntrinsics);
  });

  test('v2 names by scope', async () => {
    const all = await scopes(server);
    assert.deepEqual(all, {
      resource: ['cluster', 'service.name'],
      span: [
        'a/b c',
        'cached',
        'db.system',
        'http.method',
        'http.route',
        'http.status_code',
        'only.old',
        'ratio',
        'tags',
      ],
      event: ['exception.type'],
      link: ['link.why'],
      instrumentation: ['scope.kind'],
      intrinsic: kIntrinsics,
    });
    for (const scope of Object.keys(all)) {
      assert.deepEqual(await scopes(server, { scope }), { [scope]: all[scope] }, scope);
    }
  });

  test('an unknown scope: 400', async () => {
    for (const where of ['/api/search/tags', '/api/v2/search/tags']) {
      assertPlainError(await server.get(`${where}?scope=foo`), 400, 'invalid scope: foo');
    }
  });

  test('v1 values', async () => {
    assert.deepEqual(await texts(server, 'service.name'), ['cron', 'db', 'shop']);
    assert.deepEqual(await texts(server, 'name'), ['GET /cart', 'SELECT', 'cron']);
    assert.deepEqual(await texts(server, 'http.status_code'), ['200', '500']);
    assert.deepEqual(await texts(server, 'status.code'), ['error', 'ok', 'unset']);
    assert.deepEqual(await texts(server, 'error'), ['true']);
    for (const name of ['rootName', 'root.name']) {
      assert.deepEqual(await texts(server, name), ['GET /cart', 'cron'], name);
    }
    for (const name of ['rootServiceName', 'root.service.name']) {
      assert.deepEqual(await texts(server, name), ['cron', 'shop'], name);
    }
    assert.deepEqual(await texts(server, 'no.such'), []);
    assert.deepEqual(await texts(server, 'exception.type'), [], 'events are not looked at');
  });

  const typed = {
    'resource.service.name': ['string cron', 'string db', 'string shop'],
    '.service.name': ['string cron', 'string db', 'string shop'],
    'span.service.name': [],
    'span.http.status_code': ['int 200', 'int 500'],
    '.http.status_code': ['int 200', 'int 500'],
    'span.ratio': ['float 1.5'],
    'span.cached': ['bool true'],
    'span.tags': ['string x', 'string y'],
    'event.exception.type': ['string Timeout'],
    'link.link.why': ['string retry'],
    'instrumentation.scope.kind': ['string auto'],
    '.scope.kind': ['string auto'],
    name: ['string GET /cart', 'string SELECT', 'string cron'],
    'span:name': ['string GET /cart', 'string SELECT', 'string cron'],
    rootName: ['string GET /cart', 'string cron'],
    'trace:rootName': ['string GET /cart', 'string cron'],
    rootServiceName: ['string cron', 'string shop'],
    'trace:rootService': ['string cron', 'string shop'],
    statusMessage: ['string boom'],
    'span:statusMessage': ['string boom'],
    'event:name': ['string exception'],
    'instrumentation:name': ['string front-lib', 'string lib'],
    'instrumentation:version': ['string 1', 'string 1.0'],
    status: ['keyword error', 'keyword ok', 'keyword unset'],
    'span:status': ['keyword error', 'keyword ok', 'keyword unset'],
    kind: [
      'keyword client',
      'keyword consumer',
      'keyword internal',
      'keyword producer',
      'keyword server',
      'keyword unspecified',
    ],
    'span."a/b c"': ['string odd'],
    'span.a/b c': ['string odd'],
  };
  for (const name of [
    'duration',
    'span:duration',
    'traceDuration',
    'trace:duration',
    'trace:id',
    'span:id',
    'span:parentID',
    'link:traceID',
    'link:spanID',
    'nestedSetLeft',
    'nestedSetRight',
    'nestedSetParent',
  ]) {
    typed[name] = [];
  }
  for (const [name, expected] of Object.entries(typed)) {
    test(`v2 values of ${name}`, async () => {
      assert.deepEqual(await values(server, name), [...expected].sort());
    });
  }

  test('a slash in a name: plain, encoded, encoded twice', async () => {
    for (const name of ['span.a/b%20c', 'span.a%2Fb%20c', 'span.a%252Fb%2520c']) {
      const { tagValues } = await tags(server, `/api/v2/search/tag/${name}/values`);
      assert.deepEqual(tagValues, [{ type: 'string', value: 'odd' }], name);
    }
  });

  test('no name, or none of the language: 400', async () => {
    for (const name of ['foo', 'span.', 'Span.x', 'span:foo']) {
      assertPlainError(
        await server.get(`/api/v2/search/tag/${name}/values`),
        400,
        'please provide a valid tagName: tag name is not valid intrinsic or scoped attribute: ' +
          name,
      );
    }
  });

  const kAll = ['string GET /cart', 'string SELECT', 'string cron'];
  const filters = {
    '{resource.service.name="shop"}': ['string GET /cart'],
    '{ .service.name = "db" }': ['string SELECT'],
    '{ span.http.status_code >= 200 }': ['string GET /cart', 'string SELECT'],
    '{ span.http.status_code >= 200 && kind = client }': ['string SELECT'],
    '{ status = error }': ['string GET /cart'],
    '{ duration > 500ms }': ['string GET /cart'],
    '{ event.exception.type = "Timeout" }': ['string GET /cart'],
    '{ rootServiceName = "shop" }': ['string GET /cart', 'string SELECT'],
    '{ .service.name = "db" || name = "cron" }': ['string SELECT', 'string cron'],
    '{ .service.name = "db" && span.foo = }': ['string SELECT'],
    '{ .service.name = "db" && span.foo =': ['string SELECT'],
    '{ name = "cron" }': ['string cron'],
    '{ name = "no such" }': [],
    '{': kAll,
    '{}': kAll,
    '{ true }': kAll,
    '{ span.foo = }': kAll,
    'nonsense {{': kAll,
    '{ nestedSetParent < 0 }': ['string GET /cart', 'string cron'],
    '{ name = "cron" } >> { name = "SELECT" }': kAll,
  };
  for (const [q, expected] of Object.entries(filters)) {
    test(`q=${q}`, async () => {
      assert.deepEqual(await values(server, 'name', { q }), [...expected].sort());
    });
  }

  test('q for names', async () => {
    const q = '{ resource.service.name = "db" }';
    assert.deepEqual(await scopes(server, { q }), {
      resource: ['service.name'],
      span: ['db.system', 'http.status_code'],
      link: ['link.why'],
      intrinsic: kIntrinsics,
    });
    assert.deepEqual(await scopes(server, { q, scope: 'event' }), {});
  });

  test('limit', async () => {
    assert.equal((await names(server, { limit: 3 })).length, 3);
    for (const list of Object.values(await scopes(server, { limit: 2 })))
      assert.ok(list.length <= 2);
    assert.equal((await texts(server, 'service.name', { limit: 2 })).length, 2);
    assert.equal((await values(server, 'name', { limit: 1 })).length, 1);
    for (const limit of ['0', '-1', 'x', '']) {
      assert.equal((await values(server, 'name', { limit })).length, 3, limit);
    }
    assert.equal((await values(server, 'name', { limit: 5000, maxStaleValues: 3 })).length, 3);
  });

  test('start and end', async () => {
    const second = Math.floor(Date.now() / 1000);
    const wide = { start: second - 7200, end: second };
    assert.equal((await values(server, 'name', wide)).length, 3);
    const past = { start: 1, end: 1000 };
    assert.deepEqual(await values(server, 'name', past), []);
    assert.deepEqual(await names(server, past), []);
    assert.deepEqual(await scopes(server, past), { intrinsic: kIntrinsics });
    assert.equal((await values(server, 'name', { since: '2h' })).length, 3);
  });

  test('bad windows: 400', async () => {
    const refused = {
      'start=x&end=2': 'invalid start: strconv.ParseInt: parsing "x": invalid syntax',
      'start=1&end=x': 'invalid end: strconv.ParseInt: parsing "x": invalid syntax',
      'start=2&end=1': 'http parameter start must be before end. received start=2 end=1',
      'start=1':
        'error parsing date range: only one of start and end provided: ' +
        'must provide both or neither',
    };
    for (const where of [
      '/api/search/tags',
      '/api/v2/search/tags',
      '/api/search/tag/name/values',
      '/api/v2/search/tag/name/values',
    ]) {
      for (const [query, message] of Object.entries(refused)) {
        assertPlainError(await server.get(`${where}?${query}`), 400, message);
      }
    }
  });

  test('protobuf', async () => {
    const ask = async (type, where) => {
      const answer = await server.get(where, { headers: kProto });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/protobuf');
      const out = decode(type, answer.body);
      assert.ok(out.metrics, 'metrics are always there');
      return out;
    };
    const v1 = await ask(SearchTagsResponse, '/api/search/tags');
    assert.deepEqual(v1.tagNames, await names(server));
    const v2 = await ask(SearchTagsV2Response, '/api/v2/search/tags');
    assert.deepEqual(
      Object.fromEntries(v2.scopes.map((it) => [it.name, it.tags])),
      await scopes(server),
    );
    const list = await ask(SearchTagValuesResponse, '/api/search/tag/service.name/values');
    assert.deepEqual(list.tagValues, ['cron', 'db', 'shop']);
    const both = await ask(
      SearchTagValuesV2Response,
      '/api/v2/search/tag/span.http.status_code/values',
    );
    assert.deepEqual(both.tagValues, [
      { type: 'int', value: '200' },
      { type: 'int', value: '500' },
    ]);
  });

  test('the form for language models', async () => {
    const answer = await server.get('/api/v2/search/tag/resource.service.name/values', {
      headers: { accept: 'application/vnd.grafana.llm' },
    });
    assert.equal(answer.headers['content-type'], 'application/vnd.grafana.llm+json');
    assert.deepEqual(JSON.parse(answer.text).tagValues, { string: ['cron', 'db', 'shop'] });
  });

  test('any method, parameters from the URL alone', async () => {
    const answer = await server.get('/api/search/tags?scope=resource', {
      method: 'POST',
      body: 'scope=foo',
    });
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text).tagNames, ['cluster', 'service.name']);
  });

  test('HTTP/2 without TLS, by curl', async () => {
    const where = '/api/v2/search/tag/resource.service.name/values';
    const url = `http://127.0.0.1:${server.httpPort}${where}`;
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      '--http2-prior-knowledge',
      '-w',
      ' %{http_version} %{http_code} %{content_type}',
      url,
    ]);
    const plain = await server.get(where);
    const end = ' 2 200 application/json';
    assert.ok(stdout.endsWith(end), stdout);
    assert.deepEqual(
      JSON.parse(stdout.slice(0, -end.length)).tagValues,
      JSON.parse(plain.text).tagValues,
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

describe('limits of the configuration', () => {
  let limited;
  before(async () => {
    limited = await Vivace.start({
      config: {
        overrides: { defaults: { read: { max_bytes_per_tag_values_query: 10 } } },
        query_frontend: {
          search: { max_duration: '168h' },
          max_query_expression_size_bytes: 100,
        },
      },
    });
    const spans = ['aaaa', 'bbbb', 'cccc', 'dddd'].map((name) => span({ name, ...times(ago(9)) }));
    await store(limited, spans);
  });
  after(() => limited?.close());

  test('bytes of texts: the list ends silently', async () => {
    assert.equal((await values(limited, 'name')).length, 2);
  });

  test('a window that is too long: 400', async () => {
    assertPlainError(
      await limited.get('/api/v2/search/tags?start=1&end=9999999'),
      400,
      'range specified by start and end exceeds 168h0m0s. received start=1 end=9999999',
    );
  });

  test('a filter that is too long: 400', async () => {
    assertPlainError(
      await limited.get(`/api/v2/search/tags?q=${'x'.repeat(101)}`),
      400,
      /^TraceQL expression exceeds the configured maximum size of 100 bytes, reduce the query/,
    );
  });
});

describe('tenants', () => {
  let many;
  const as = (name) => ({ headers: { 'x-scope-orgid': name } });
  before(async () => {
    many = await Vivace.start({ config: { multitenancy_enabled: true } });
    for (const name of ['a', 'b']) {
      await store(many, [span(times(ago(9)))], { service: `shop-${name}` }, as(name).headers);
    }
  });
  after(() => many?.close());

  test('each sees its own, several are asked at once, nobody without a name', async () => {
    const ask = (name) => values(many, 'resource.service.name', {}, as(name));
    assert.deepEqual(await ask('a'), ['string shop-a']);
    assert.deepEqual(await ask('b'), ['string shop-b']);
    assert.deepEqual(await ask('a|b'), ['string shop-a', 'string shop-b']);
    assert.deepEqual(await ask('c'), []);
    for (const where of ['/api/search/tags', '/api/v2/search/tag/name/values']) {
      assertPlainError(await many.get(where), 401, 'no org id');
    }
  });
});

test('long lists are packed for who asks', async () => {
  const spans = Array.from({ length: 200 }, (_, i) =>
    span({ ...times(ago(9)), attributes: [text(`packed.key.${i}`, 'x')] }),
  );
  await store(server, spans);
  const answer = await server.get('/api/search/tags', { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(answer.headers['content-encoding'], 'gzip');
  assert.equal(answer.headers.vary, 'Accept-Encoding');
});
