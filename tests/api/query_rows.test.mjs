// The query side's paths: one test per row of the query contract that this version has (routes,
// ids, parameters, tenants, the prefix, HTTP/2 by curl).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { newTraceId, span, text } from './data.mjs';
import { Vivace, kViews } from './harness.mjs';
import { difference, flatten } from './proto.mjs';
import { assertPlainError, hexOf, kProto, store } from './query.mjs';

let server;
before(async () => {
  server = await Vivace.start({ config: { stream_over_http_enabled: true } });
});
after(async () => {
  await server?.close();
});

describe('operational paths', () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`${method} /ready, /api/echo`, async () => {
      const ready = await server.get('/ready', { method });
      assert.equal(ready.status, 200);
      assert.equal(ready.text, 'ready\n');
      assert.equal(ready.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(ready.headers['x-content-type-options'], 'nosniff');
      const echo = await server.get('/api/echo', { method });
      assert.equal(echo.status, 200);
      assert.equal(echo.text, 'echo\n');
      assert.match(echo.headers['content-type'], /^text\/plain/);
    });
  }

  test('HEAD has the headers of GET and no body', async () => {
    const answer = await server.get('/api/echo', { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
  });

  test('buildinfo: six members, version 2.10.8 with build metadata', async () => {
    const answer = await server.get('/api/status/buildinfo');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.ok(answer.text.endsWith('}\n'));
    const info = JSON.parse(answer.text);
    assert.deepEqual(Object.keys(info), [
      'version',
      'revision',
      'branch',
      'buildUser',
      'buildDate',
      'goVersion',
    ]);
    for (const value of Object.values(info)) assert.equal(typeof value, 'string');
    assert.match(info.version, /^v?2\.10\.8\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$/);
    assert.match(info.version, /vivace/);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`${method} buildinfo: 405, empty`, async () => {
      const answer = await server.get('/api/status/buildinfo', { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.body.length, 0);
    });
  }

  for (const where of [
    '/nope',
    '/',
    '/api',
    '/api/',
    '/api/nope',
    '/api/traces',
    '/api/traces/',
    '/api/traces/ff/',
    '/api/v2/traces/',
    '/api/v2/traces/ff/x',
    '/ready/',
    '/api/echo/',
    '/API/echo',
    '/v1/traces',
  ]) {
    test(`${where}: 404`, async () => {
      const answer = await server.get(where);
      assert.equal(answer.status, 404);
      assert.equal(answer.text, '404 page not found\n');
      assert.match(answer.headers['content-type'], /^text\/plain/);
    });
  }

  const redirects = {
    '//api/echo': '/api/echo',
    '/api//echo': '/api/echo',
    '/api/x/../echo': '/api/echo',
    '/../api/echo': '/api/echo',
    '/api/./echo': '/api/echo',
  };
  for (const [where, to] of Object.entries(redirects)) {
    test(`${where}: 301 to ${to}`, async () => {
      const answer = await server.get(where);
      assert.equal(answer.status, 301);
      assert.equal(new URL(answer.headers.location, 'http://x').pathname, to);
      assert.ok(!answer.headers.location.startsWith('//'), 'not to another host');
    });
  }

  test('a query string changes no path', async () => {
    assert.equal((await server.get('/api/echo?x=//y/../z')).status, 200);
  });

  test('/metrics is text format 0.0.4, also when OpenMetrics is asked for', async () => {
    for (const accept of ['*/*', 'application/openmetrics-text; version=1.0.0']) {
      const answer = await server.get('/metrics', { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'], /^text\/plain; ?version=0\.0\.4/);
      assert.match(answer.text, /^# TYPE tempo_distributor_spans_received_total counter$/m);
    }
  });
});

describe('trace ids', () => {
  const id = '00000000000000000abcdef012345678';
  let sent;
  before(async () => {
    sent = await store(server, [span({ traceId: Buffer.from(id, 'hex') })]);
  });

  const spellings = {
    full: id,
    'upper case': id.toUpperCase(),
    'no leading zeros': 'abcdef012345678',
    'one leading zero': '0abcdef012345678',
    'odd digits': '000abcdef012345678',
    mixed: 'AbCdEf012345678',
  };
  for (const [name, spelling] of Object.entries(spellings)) {
    test(`${name}: ${spelling}`, async () => {
      for (const view of kViews) {
        assert.equal(difference(flatten(sent), flatten(await server.trace(spelling, view))), null);
      }
    });
  }

  test('one digit', async () => {
    const one = await store(server, [span({ traceId: Buffer.from('1'.padStart(32, '0'), 'hex') })]);
    for (const spelling of ['1', '01', '001', '1'.padStart(31, '0')]) {
      assert.equal(difference(flatten(one), flatten(await server.trace(spelling))), null, spelling);
    }
  });

  const wrong = {
    xyz: "trace IDs can only contain hex characters: invalid character 'x' at position 1",
    '12z4': "trace IDs can only contain hex characters: invalid character 'z' at position 3",
    '0x1': "trace IDs can only contain hex characters: invalid character 'x' at position 2",
    'abc-': "trace IDs can only contain hex characters: invalid character '-' at position 4",
    ['1'.repeat(33)]: "trace IDs can't be larger than 128 bits",
    ['0'.repeat(40)]: "trace IDs can't be larger than 128 bits",
  };
  for (const [bad, body] of Object.entries(wrong)) {
    test(`${bad}: 400`, async () => {
      for (const version of ['', 'v2/']) {
        assertPlainError(await server.get(`/api/${version}traces/${bad}`), 400, body);
        assertPlainError(
          await server.get(`/api/${version}traces/${bad}`, { headers: kProto }),
          400,
          body,
        );
      }
    });
  }
});

describe('parameters', () => {
  const kRefused = {
    'start=x': 'invalid start: strconv.ParseInt: parsing "x": invalid syntax',
    'end=x': 'invalid end: strconv.ParseInt: parsing "x": invalid syntax',
    'start=1.5': 'invalid start: strconv.ParseInt: parsing "1.5": invalid syntax',
    'start=20&end=10': 'http parameter start must be before end. received start=20 end=10',
    'start=10&end=10': 'http parameter start must be before end. received start=10 end=10',
    'mode=X': 'invalid value for mode X',
    'blockStart=zz': /^invalid value for blockstart: /i,
    'blockEnd=zz': /^invalid value for blockend: /i,
  };
  for (const [query, body] of Object.entries(kRefused)) {
    test(`?${query}: 400`, async () => {
      for (const where of ['/api/traces/ff', '/api/v2/traces/ff']) {
        assertPlainError(await server.get(`${where}?${query}`), 400, body);
      }
    });
  }

  test('good values, in any number, change nothing', async () => {
    const it = span();
    const sent = await store(server, [it]);
    for (const query of [
      'start=1&end=2',
      'start=0&end=10',
      'start=20',
      'end=20',
      'start=1700000000&end=1700000001',
      'mode=all',
      'mode=ingesters',
      'mode=',
      'start=',
      'whatever=1',
      'q=%7B%7D',
      '&&=&x',
    ]) {
      const got = await server.trace(`${hexOf(it.traceId)}?${query}`);
      assert.ok(got, query);
      assert.equal(difference(flatten(sent), flatten(got)), null, query);
    }
  });

  test('any method reads a trace; a body is no parameter', async () => {
    const it = span();
    await store(server, [it]);
    for (const method of ['POST', 'PUT', 'OPTIONS', 'DELETE']) {
      const answer = await server.get(`/api/v2/traces/${hexOf(it.traceId)}`, {
        method,
        body: 'start=x',
      });
      assert.equal(answer.status, 200, method);
    }
  });
});

describe('tenants', () => {
  let many;
  before(async () => {
    many = await Vivace.start({ config: { multitenancy_enabled: true } });
  });
  after(async () => {
    await many?.close();
  });
  const as = (name) => ({ 'x-scope-orgid': name });

  test('no tenant: 401', async () => {
    for (const headers of [{}, as('')]) {
      for (const where of ['/api/traces/ff', '/api/v2/traces/ff']) {
        const answer = await many.get(where, { headers });
        assert.equal(answer.status, 401);
        assert.equal(answer.text, 'no org id\n');
      }
    }
  });

  test('paths that need none', async () => {
    for (const where of ['/ready', '/api/echo', '/api/status/buildinfo', '/metrics']) {
      assert.equal((await many.get(where)).status, 200, where);
    }
  });

  test('a|b reads both', async () => {
    const traceId = newTraceId();
    const a = await store(many, [span({ traceId })], { service: 'a' }, as('a'));
    const b = await store(many, [span({ traceId })], { service: 'b' }, as('b'));
    const only = await store(many, [span()], { service: 'b' }, as('b'));
    for (const view of kViews) {
      const read = async (id, tenant) =>
        flatten((await many.trace(id, { ...view, headers: as(tenant) })) ?? []);
      const id = hexOf(traceId);
      assert.equal(difference([...flatten(a), ...flatten(b)], await read(id, 'a|b')), null);
      assert.equal(difference(flatten(a), await read(id, 'a')), null);
      assert.equal(difference(flatten(b), await read(id, 'b')), null);
      assert.equal(difference(flatten(a), await read(id, 'a|none')), null);
      const onlyId = hexOf(only[0].scopeSpans[0].spans[0].traceId);
      assert.equal(difference(flatten(only), await read(onlyId, 'a|b')), null);
      assert.deepEqual(await read(onlyId, 'a'), []);
    }
  });

  test('a tenant name that is a path: 400', async () => {
    for (const name of ['../x', 'a/b', '..']) {
      assert.equal((await many.get('/api/v2/traces/ff', { headers: as(name) })).status, 400, name);
    }
  });
});

test('http_api_prefix is put before /api alone', async () => {
  const prefixed = await Vivace.start({ config: { http_api_prefix: '/tempo' } });
  try {
    const it = span();
    await store(prefixed, [it]);
    const id = hexOf(it.traceId);
    const expected = {
      '/tempo/api/echo': 200,
      '/api/echo': 404,
      '/ready': 200,
      '/metrics': 200,
      '/tempo/ready': 404,
      [`/tempo/api/traces/${id}`]: 200,
      [`/tempo/api/v2/traces/${id}`]: 200,
      [`/api/traces/${id}`]: 404,
      '/tempo/api/status/buildinfo': 200,
    };
    for (const [where, status] of Object.entries(expected)) {
      assert.equal((await prefixed.get(where)).status, status, where);
    }
  } finally {
    await prefixed.close();
  }
});

describe('HTTP/2 without TLS, by curl', () => {
  const curl = promisify(execFile).bind(null, 'curl');

  for (const flag of ['--http2-prior-knowledge', '--http2', '--http1.1']) {
    test(flag, async () => {
      const it = span();
      await store(server, [it]);
      const base = `http://127.0.0.1:${server.httpPort}`;
      const echo = await curl([
        '-sS',
        flag,
        '-w',
        '%{http_version} %{http_code}',
        `${base}/api/echo`,
      ]);
      assert.equal(echo.stdout, `echo\n${flag === '--http1.1' ? '1.1' : '2'} 200`);
      const where = `/api/v2/traces/${hexOf(it.traceId)}`;
      const viaCurl = await curl(['-sS', flag, base + where]);
      const plain = await server.get(where);
      assert.deepEqual(JSON.parse(viaCurl.stdout).trace, JSON.parse(plain.text).trace);
      const absent = await curl(['-sS', flag, '-w', '%{http_code}', `${base}/nope`]);
      assert.equal(absent.stdout, '404 page not found\n404');
      const form = await curl([
        '-sS',
        flag,
        '-d',
        'a=b',
        '-w',
        '%{http_code}',
        `${base}/api/status/buildinfo`,
      ]);
      assert.equal(form.stdout, '405');
    });
  }
});
