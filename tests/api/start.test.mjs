// Start and end: flags, config mistakes and what is said about them, folders, ports, signals, and
// the metrics that are there before the first span.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { around, span, text } from './data.mjs';
import { Vivace, freePort, kViews, merge, removeFolder, run, temporaryFolder } from './harness.mjs';
import { keepAlive } from './http.mjs';
import { difference, encodeRequest, flatten } from './proto.mjs';

let folder;
before(() => {
  folder = temporaryFolder();
});
after(() => removeFolder(folder));

function file(name, content) {
  const where = path.join(folder, name);
  fs.writeFileSync(where, content);
  return where;
}

// A config as a person writes it; `lines` replaces whole lines, `more` follows.
function yaml({ replace = {}, more = '' } = {}) {
  let out = `# a small place
stream_over_http_enabled: true
server:
  http_listen_address: 127.0.0.1
  http_listen_port: 13200
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: 19095
distributor:
  receivers:
    otlp:
      protocols:
        http:
          endpoint: "127.0.0.1:14318"
storage:
  trace:
    backend: local
    wal:
      path: ${folder}/data/wal
    local:
      path: ${folder}/data/blocks
`;
  for (const [from, to] of Object.entries(replace)) {
    assert.ok(out.includes(from), from);
    out = out.replace(from, to);
  }
  return out + more;
}

const kHomelab = (where) => `stream_over_http_enabled: true
server:
  http_listen_address: 127.0.0.1
  http_listen_port: 13200
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: 19095
distributor:
  receivers:
    otlp:
      protocols:
        grpc:
          endpoint: "127.0.0.1:14317"
        http:
          endpoint: "127.0.0.1:14318"
storage:
  trace:
    backend: local
    wal:
      path: ${where}/wal
    local:
      path: ${where}/blocks
compactor:
  compaction:
    block_retention: 168h
metrics_generator:
  registry:
    external_labels:
      source: tempo
  storage:
    path: ${where}/generator/wal
    remote_write:
      - url: "http://127.0.0.1:19090/api/v1/write"
        send_exemplars: true
  traces_storage:
    path: ${where}/generator/traces
  processor:
    span_metrics:
      dimensions: [service.name, http.method, http.status_code, http.target]
    service_graphs:
      dimensions: [service.name]
    local_blocks:
      flush_to_storage: false
overrides:
  defaults:
    metrics_generator:
      processors: [span-metrics, service-graphs, local-blocks]
`;

const verify = (config, options) => run([`-config.file=${config}`, '-config.verify'], options);

describe('flags', () => {
  test('-version', async () => {
    for (const flag of ['-version', '--version', '-version=true']) {
      const { code, stdout } = await run([flag]);
      assert.equal(code, 0);
      assert.match(
        stdout.split('\n')[0],
        /^tempo, version 2\.10\.8\+\S*vivace\S* \(branch: .*, revision: .*\)$/,
      );
    }
  });

  test('an unknown flag: usage, exit 2', async () => {
    const { code, stderr } = await run(['-config.fill=x']);
    assert.equal(code, 2);
    assert.match(stderr, /config\.fill/);
    assert.match(stderr, /-config\.file/, 'the usage');
  });

  test('-h and -help print the flags, exit 0', async () => {
    for (const flag of ['-h', '-help', '--help']) {
      const { code, stdout, stderr } = await run([flag]);
      assert.equal(code, 0, flag);
      assert.match(stdout + stderr, /config\.file/);
      assert.match(stdout + stderr, /config\.verify/);
    }
  });

  test('a value may follow its flag as the next word', async () => {
    const { code, stderr } = await run([
      '--config.file',
      file('words.yaml', yaml()),
      '--config.verify',
    ]);
    assert.equal(code, 0, stderr);
  });

  test('flags win over the file', async () => {
    const port = await freePort();
    const config = file(
      'flag.yaml',
      yaml({ replace: { 14318: await freePort(), 19095: await freePort() } }).replaceAll(
        '/data/',
        '/flag/',
      ),
    );
    const blocker = net.createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    try {
      // the flag's port is taken: only who heeds the flag fails
      const { code, stderr } = await run([
        `-config.file=${config}`,
        `-server.http-listen-port=${port}`,
      ]);
      assert.equal(code, 1, stderr);
      assert.ok(stderr.includes(`127.0.0.1:${port}`), stderr);
    } finally {
      blocker.close();
    }
  });

  test('-config.expand-env', async () => {
    const config = file(
      'env.yaml',
      yaml({ replace: { 'http_listen_port: 13200': 'http_listen_port: ${TEST_PORT:-x}' } }),
    );
    const filled = await run([`-config.file=${config}`, '-config.verify', '-config.expand-env'], {
      env: { TEST_PORT: '13201' },
    });
    assert.equal(filled.code, 0, filled.stderr);
    const literal = await verify(config);
    assert.equal(literal.code, 1);
  });
});

describe('a config with a mistake: exit 1, and where it is', () => {
  const cases = {
    'misspelt top-level key': [
      { replace: { 'distributor:': 'distributer:' } },
      [/line 8\b/, /distributer/, /distributor/],
    ],
    'misspelt inner key': [
      { replace: { '  http_listen_port:': '  http_listen_prot:' } },
      [/line 5\b/, /http_listen_prot/, /http_listen_port/],
    ],
    'misspelt receiver key': [{ replace: { 'endpoint:': 'endpont:' } }, [/endpont/, /endpoint/]],
    'unknown receiver': [{ replace: { '    otlp:': '    otpl:' } }, [/otpl/]],
    'wrong type': [{ replace: { 13200: 'many' } }, [/line 5\b/]],
    'duplicate key': [{ more: 'server: {}\n' }, [/server/]],
    'bad duration': [{ more: 'shutdown_delay: soon\n' }, [/soon/]],
    'bad log level': [{ replace: { 'server:\n': 'server:\n  log_level: loud\n' } }, [/loud/]],
    'retention of 0': [
      { more: 'compactor: {compaction: {block_retention: 0s}}\n' },
      [/block_retention/],
    ],
    'not YAML': [{ more: 'a: [\n' }, [/./]],
    'unknown backend': [{ replace: { 'backend: local': 'backend: tape' } }, [/tape/]],
  };
  for (const [name, [change, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const config = file('mistake.yaml', yaml(change));
      for (const args of [
        [`-config.file=${config}`],
        [`-config.file=${config}`, '-config.verify'],
      ]) {
        const { code, stderr } = await run(args);
        assert.equal(code, 1, stderr);
        for (const pattern of expected) assert.match(stderr, pattern);
      }
    });
  }

  test('several mistakes are all listed', async () => {
    const config = file(
      'mistakes.yaml',
      yaml({
        replace: {
          'distributor:': 'distributer:',
          stream_over_http_enabled: 'stream_over_htpp_enabled',
        },
      }),
    );
    const { code, stderr } = await verify(config);
    assert.equal(code, 1);
    assert.match(stderr, /line 2\b.*stream_over_htpp_enabled/);
    assert.match(stderr, /line 8\b.*distributer/);
  });

  test('no such file', async () => {
    const { code, stderr } = await verify(path.join(folder, 'nowhere.yaml'));
    assert.equal(code, 1);
    assert.match(stderr, /nowhere\.yaml/);
  });
});

describe('configs that must pass', () => {
  test('a full homelab config: exit 0 and not a word', async () => {
    const { code, stdout, stderr } = await verify(
      file('homelab.yaml', kHomelab(path.join(folder, 'homelab'))),
    );
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.equal(stdout, '');
    assert.ok(!fs.existsSync(path.join(folder, 'homelab')), 'verify makes no folders');
  });

  test('keys of all versions side by side', async () => {
    const more = `
ingester: {trace_idle_period: 10s, lifecycler: {ring: {kvstore: {store: inmemory}}}}
querier: {frontend_worker: {frontend_address: "a:1", grpc_client_config: {max_send_msg_size: 1}}}
query_frontend: {search: {duration_slo: 5s, max_duration: 24h}, trace_by_id: {duration_slo: 100ms}}
memberlist: {abort_if_cluster_join_fails: false, join_members: [a, b]}
usage_report: {reporting_enabled: false}
backend_worker: {compaction: {block_retention: 48h}}
overrides: {ingestion_rate_limit_bytes: 1000000, metrics_generator_processors: []}
`;
    const config = yaml({
      more,
      replace: {
        'distributor:\n': 'distributor:\n  max_span_attr_byte: 1024\n  max_attribute_bytes: 1024\n',
      },
    });
    const { stderr } = await verify(file('union.yaml', config));
    assert.doesNotMatch(stderr, /not found|unknown|failed parsing/);
  });
});

describe('folders and ports', () => {
  test('data stays in the configured folders; foreign files are left alone', async () => {
    const server = await Vivace.start();
    try {
      await server.stop();
      const foreign = {
        'blocks/chunks/note.txt': 'a stray folder',
        'wal/stray.txt': 'not a segment',
        'blocks/single-tenant/0b8ac1c3-3b0a-4a53-9f4a-1d5a6a3f9b11/meta.json':
          '{"format":"vParquet4"}',
        'wal/0b8ac1c3-3b0a-4a53-9f4a-1d5a6a3f9b11+single-tenant+vParquet4/meta.json': '{}',
      };
      for (const [name, content] of Object.entries(foreign)) {
        fs.mkdirSync(path.dirname(path.join(server.folder, name)), { recursive: true });
        fs.writeFileSync(path.join(server.folder, name), content);
      }
      await server.start();
      const it = around([span()]);
      assert.equal((await server.push(encodeRequest(it))).status, 200);
      await server.restart();
      const id = it[0].scopeSpans[0].spans[0].traceId.toString('hex');
      for (const view of kViews)
        assert.equal(difference(flatten(it), flatten(await server.trace(id, view))), null);
      for (const [name, content] of Object.entries(foreign)) {
        assert.equal(fs.readFileSync(path.join(server.folder, name), 'utf8'), content, name);
      }
      assert.deepEqual(fs.readdirSync(server.folder).sort(), ['blocks', 'tempo.yaml', 'wal']);
    } finally {
      await server.close();
    }
  });

  test('a second process on the same folders: exit 1, and says why', async () => {
    const server = await Vivace.start();
    try {
      const other = merge(server.config, {
        server: { http_listen_port: await freePort(), grpc_listen_port: await freePort() },
        distributor: {
          receivers: {
            otlp: { protocols: { http: { endpoint: `127.0.0.1:${await freePort()}` } } },
          },
        },
      });
      const { code, stderr } = await run([
        `-config.file=${file('second.yaml', JSON.stringify(other))}`,
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /lock|in use|another process/i);
      assert.ok(
        stderr.includes(path.join(server.folder, 'wal')) ||
          stderr.includes(path.join(server.folder, 'blocks')),
        stderr,
      );
      assert.equal((await server.get('/ready')).status, 200);
    } finally {
      await server.close();
    }
  });

  for (const which of ['http', 'otlp']) {
    test(`the ${which} port in use: exit 1 with the address`, async () => {
      const port = await freePort();
      const blocker = net.createServer().listen(port, '127.0.0.1');
      await new Promise((resolve) => blocker.once('listening', resolve));
      try {
        const ports = { http: await freePort(), otlp: await freePort(), [which]: port };
        const config = yaml({
          replace: { 13200: ports.http, 14318: ports.otlp, 19095: await freePort() },
        }).replaceAll('/data/', `/in-use-${which}/`);
        const { code, stderr } = await run([`-config.file=${file('in-use.yaml', config)}`]);
        assert.equal(code, 1, stderr);
        assert.ok(stderr.includes(`127.0.0.1:${port}`), stderr);
        assert.match(stderr, /in use/i);
      } finally {
        blocker.close();
      }
    });
  }

  test('a data path that cannot be a folder: exit 1 with the path', async () => {
    file('plain', 'a file');
    const config = yaml().replaceAll('/data/', '/plain/');
    const { code, stderr } = await run([`-config.file=${file('plain.yaml', config)}`]);
    assert.equal(code, 1, stderr);
    assert.ok(stderr.includes(`${folder}/plain/`), stderr);
  });
});

describe('signals', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal}: exit 0, also with idle connections`, async () => {
      const server = await Vivace.start();
      const agents = [keepAlive(1), keepAlive(1)];
      await server.get('/ready', { agent: agents[0] });
      await server.push(encodeRequest(around([span()])), { agent: agents[1] });
      assert.deepEqual(await server.end(signal), { code: 0, signal: null }, server.stderr);
      for (const agent of agents) agent.destroy();
      await server.close();
    });
  }
});

describe('an empty place', () => {
  let server;
  before(async () => {
    server = await Vivace.start();
  });
  after(async () => {
    await server?.close();
  });

  test('is ready, and has no trace', async () => {
    assert.equal((await server.get('/ready')).text, 'ready\n');
    assert.equal(await server.trace('1'), null);
  });

  test('has its metrics at 0 before the first span', async () => {
    const metrics = await server.metrics();
    const tenant = '{tenant="single-tenant"}';
    for (const name of [
      'tempo_distributor_spans_received_total',
      'tempo_distributor_bytes_received_total',
    ]) {
      assert.equal(metrics[name + tenant], 0, name);
    }
    const present = [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'process_open_fds',
      'process_start_time_seconds',
      'process_virtual_memory_bytes',
      'process_max_fds',
      'go_memstats_heap_sys_bytes',
      'go_memstats_heap_inuse_bytes',
    ];
    for (const name of present) assert.ok(metrics[name] > 0, `${name}: ${metrics[name]}`);
    assert.ok(metrics.go_memstats_heap_idle_bytes >= 0, 'go_memstats_heap_idle_bytes');
    const build = Object.entries(metrics).find(([name]) => name.startsWith('tempo_build_info{'));
    assert.ok(build, 'tempo_build_info');
    assert.equal(build[1], 1);
    for (const label of ['version=', 'revision=', 'branch=', 'goversion='])
      assert.ok(build[0].includes(label), build[0]);
    assert.match(build[0], /version="v?2\.10\.8\+/);
  });

  test("resident memory is the process's own", async () => {
    const told = (await server.metrics()).process_resident_memory_bytes;
    assert.ok(told > 1 << 20 && told <= server.peakMemory(), `${told}`);
  });

  test('its log is logfmt', () => {
    const lines = server.stderr.trim().split('\n');
    assert.ok(lines.length > 0);
    for (const line of lines) assert.match(line, /^level=(debug|info|warn|error) ts=\S+ .*msg=/);
  });
});

test('null sections are their defaults', async () => {
  const server = await Vivace.start({
    config: {
      compactor: null,
      overrides: null,
      distributor: { receivers: { otlp: { protocols: { http: { cors: null } } } } },
    },
  });
  const it = around([span({ attributes: [text('k', 'v')] })]);
  assert.equal((await server.push(encodeRequest(it))).status, 200);
  assert.deepEqual(await server.close(), { code: 0, signal: null });
});
