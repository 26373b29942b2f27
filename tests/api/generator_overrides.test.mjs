// The file of per-tenant overrides while the server runs: processors come and go, tenants have
// settings, headers and limits of their own, and a file that is broken changes nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Receiver, bodyOf, configFor, made, seriesOf, status, until } from './generator.mjs';
import { Vivace, removeFolder, temporaryFolder } from './harness.mjs';

const both = ['span-metrics', 'service-graphs'];
const entry = (more) => ({ metrics_generator: { processors: ['span-metrics'], ...more } });
const counter = async (server, name) => (await server.metrics())[name] ?? 0;

describe('overrides of single tenants', () => {
  let receiver;
  let server;
  let folder;
  const write = (tenants) => {
    const file = server.overridesFile;
    fs.writeFileSync(`${file}.new`, JSON.stringify({ overrides: tenants }));
    fs.renameSync(`${file}.new`, file); // whole, or not at all
  };
  // ... and waits until it is read. Batches that come from now on meet it.
  const load = async (tenants) => {
    const count = () => server.stderr.match(/per-tenant overrides loaded/g).length;
    const before = count();
    write(tenants);
    await until('not loaded', () => count() > before);
  };
  const pushAs = async (tenant, spans) => {
    const answer = await server.push(bodyOf(spans), { headers: { 'X-Scope-OrgID': tenant } });
    return answer.status;
  };
  // The values of a series that reached the receiver for a tenant, newest last.
  const sent = (tenant, name) =>
    receiver.requests
      .filter((r) => r.headers['x-scope-orgid'] === tenant && r.headers['x-dropped'] === undefined)
      .flatMap((r) => seriesOf(r))
      .filter((s) => s.labels.__name__ === name);

  before(async () => {
    receiver = await Receiver.start(status(204));
    const config = configFor(receiver.url);
    config.multitenancy_enabled = true;
    folder = temporaryFolder();
    const file = path.join(folder, 'overrides.yaml');
    fs.writeFileSync(file, JSON.stringify({ overrides: { 'team-a': entry() } }));
    config.overrides.per_tenant_override_config = file;
    config.overrides.per_tenant_override_period = '100ms';
    server = await Vivace.start({ config });
    server.overridesFile = file;
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
    if (folder) removeFolder(folder);
  });

  test('an entry replaces the defaults; who has none has the defaults', async () => {
    const spans = [made({ service: 'root' })]; // a root server: an edge at once
    assert.equal(await pushAs('team-a', spans), 200);
    assert.equal(await pushAs('team-b', [made({ service: 'root' })]), 200);
    await until('no edge', () => sent('team-b', 'traces_service_graph_request_total').length > 0);
    await until('no calls', () => sent('team-a', 'traces_spanmetrics_calls_total').length > 1);
    assert.equal(sent('team-a', 'traces_service_graph_request_total').length, 0);
  });

  test('10.19 a change while running adds and removes a processor', async () => {
    const active = (processor) =>
      counter(
        server,
        `tempo_metrics_generator_active_processors{processor="${processor}",tenant="team-a"}`,
      );
    await pushAs('team-a', [made({ service: 'steady' })]);
    await load({ 'team-a': entry({ processors: both }) });
    await until('not added', async () => (await active('service-graphs')) === 1);
    await pushAs('team-a', [made({ service: 'steady' })]);
    await until('no edge', () => sent('team-a', 'traces_service_graph_request_total').length > 0);
    // The processor that stayed went on counting.
    await until('counted anew', () =>
      sent('team-a', 'traces_spanmetrics_calls_total').some(
        (s) => s.labels.service === 'steady' && s.value === 2,
      ),
    );
    write({ 'team-a': entry({ processors: ['service-graphs'] }) });
    await until('not removed', async () => (await active('span-metrics')) === 0);
    const from = receiver.requests.length;
    await pushAs('team-a', [made({ service: 'later' })]);
    await until('no edge', () =>
      sent('team-a', 'traces_service_graph_request_total').some((s) => s.labels.server === 'later'),
    );
    const late = receiver.requests.slice(from).filter((r) => r.headers['x-scope-orgid'] === 'team-a');
    const names = new Set(late.slice(1).flatMap((r) => seriesOf(r).map((s) => s.labels.__name__)));
    assert.ok(!names.has('traces_spanmetrics_calls_total'), [...names].join());
  });

  test('a processor whose settings change begins anew with them', async () => {
    await load({ 'team-c': entry() });
    const attributes = [{ key: 'http.route', value: { stringValue: '/a' } }];
    await pushAs('team-c', [made({ service: 'dims', attributes })]);
    const calls = () => sent('team-c', 'traces_spanmetrics_calls_total');
    await until('not counted', () => calls().some((s) => s.value === 1));
    assert.ok(calls().every((s) => s.labels.http_route === undefined));
    const processor = { span_metrics: { dimensions: ['http.route'] } };
    await load({ 'team-c': entry({ processor }) });
    await pushAs('team-c', [made({ service: 'dims', attributes })]);
    await until('no dimension', () => calls().some((s) => s.labels.http_route === '/a'));
    assert.ok(calls().every((s) => s.labels.http_route === undefined || s.value <= 1));
  });

  test('the flat shape and "*" are read, headers are the own ones', async () => {
    await load({
      '*': {
        metrics_generator_processors: ['span-metrics'],
        metrics_generator_remote_write_headers: { 'X-Scope-OrgID': 'everybody', 'X-Extra': 'yes' },
      },
      'team-d': entry({ remote_write_headers: { Authorization2: 'd' } }),
    });
    await pushAs('team-e', [made({ service: 'e' })]);
    await pushAs('team-d', [made({ service: 'd' })]);
    const of = (service) =>
      receiver.requests.filter((r) => seriesOf(r).some((s) => s.labels.service === service));
    await until('nothing sent', () => of('e').length > 0 && of('d').length > 0);
    assert.equal(of('e')[0].headers['x-scope-orgid'], 'everybody');
    assert.equal(of('e')[0].headers['x-extra'], 'yes');
    assert.equal(of('d')[0].headers['x-scope-orgid'], 'team-d');
    assert.equal(of('d')[0].headers.authorization2, 'd');
    assert.equal(of('d')[0].headers['x-extra'], undefined);
  });

  test('limits of what comes in are the own ones', async () => {
    const rate = { ingestion: { rate_limit_bytes: 10, burst_size_bytes: 10 } };
    const big = Array.from({ length: 3 }, () => made({ service: 'big', trace: Buffer.alloc(16, 7) }));
    await load({ 'team-f': rate, 'team-g': { global: { max_bytes_per_trace: 100 } } });
    assert.equal(await pushAs('team-f', [made({})]), 429);
    assert.equal(await pushAs('team-h', [made({})]), 200);
    const answer = await server.push(bodyOf(big), { headers: { 'X-Scope-OrgID': 'team-g' } });
    assert.match(answer.text, /TRACE_TOO_LARGE: max size of a trace \(100 bytes\)/);
    await load({});
    assert.equal(await pushAs('team-f', [made({})]), 200);
  });

  test('a broken file changes nothing and is told', async () => {
    const good = () =>
      counter(server, 'tempo_runtime_config_last_reload_successful{config="overrides"}');
    await load({ 'team-i': entry() });
    assert.equal(await good(), 1);
    fs.writeFileSync(server.overridesFile, 'overrides: {team-i: {metrics_generator: {procesors: []}}}');
    await until('not told', async () => (await good()) === 0);
    await until('not logged', () =>
      /field procesors not found in overrides.team-i.metrics_generator/.test(server.stderr),
    );
    await pushAs('team-i', [made({ service: 'i' })]);
    await until('not counted', () => sent('team-i', 'traces_spanmetrics_calls_total').length > 0);
    write({ 'team-i': entry({ processors: both }) });
    await until('not good again', async () => (await good()) === 1);
    assert.equal(server.stderr.match(/overrides cannot be used/g).length, 1);
  });

  test('settings of one tenant: interval, exemplar label, buckets', async () => {
    await load({
      'team-j': entry({
        trace_id_label_name: 'trace_id',
        collection_interval: '500ms',
        processor: { span_metrics: { histogram_buckets: [1, 2] } },
      }),
    });
    await pushAs('team-j', [made({ service: 'j' })]);
    await until('nothing sent', () => sent('team-j', 'traces_spanmetrics_latency_bucket').length > 0);
    const bounds = new Set(sent('team-j', 'traces_spanmetrics_latency_bucket').map((s) => s.labels.le));
    assert.deepEqual([...bounds].sort(), ['+Inf', '1', '2']);
    const exemplars = sent('team-j', 'traces_spanmetrics_latency_bucket').flatMap((s) => s.exemplars);
    assert.ok(exemplars.length > 0 && exemplars.every((e) => /^[0-9a-f]+$/.test(e.labels.trace_id)));
  });
});

test('a file that cannot be used stops the start', async () => {
  const receiver = await Receiver.start(status(204));
  const config = configFor(receiver.url);
  config.overrides.per_tenant_override_config = '/nowhere/overrides.yaml';
  await assert.rejects(Vivace.start({ config }), /nowhere\/overrides.yaml: No such file/);
  await receiver.close();
});
