// What clients and configurations can make up against the metrics-generator: labels that a real
// Prometheus would refuse, tenants without end, rules that can do nothing. One bad name must not cost
// a series that is good, and nothing may grow without bound.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { int, newSpanId, newTraceId, text } from './data.mjs';
import { Receiver, bodyOf, configFor, made, push, startFor, status, sumOf, until } from './generator.mjs';
import { calls, watch } from './generator_watch.mjs';
import { Vivace, removeFolder, run, temporaryFolder } from './harness.mjs';

describe('labels that nobody should send', () => {
  const awkward = ['le', '__name__', 'source', 'job', 'instance', 'metric_overflow', 'a.b', 'a_b', '9x', 'ü'];
  const { at, series, value, collected } = watch({
    generator: {
      registry: {
        external_labels: { source: 'tempo' },
        collection_interval: '1s',
        max_label_value_length: 100,
      },
      processor: {
        span_metrics: { dimensions: awkward, enable_target_info: true },
        service_graphs: { dimensions: awkward },
      },
    },
    overrides: { processors: ['span-metrics', 'service-graphs', 'host-info'] },
  });
  const failed = async () =>
    sumOf(await at.server.metrics(), 'prometheus_remote_storage_samples_failed_total');

  after(async () => {
    assert.doesNotMatch(at.server?.stderr ?? '', /samples refused/);
  });

  test('dimensions with names of the machinery cost no series', async () => {
    const attributes = awkward.map((name) => text(name, `value of ${name}`));
    const resource = [text('host.id', 'h'), text('service.instance.id', 'i')];
    await push(at.server, [
      made({ service: 'awkward', ms: 3, attributes, resource }),
      made({ service: 'plain' }),
    ]);
    await value(`${calls}{service="awkward"}`, 1);
    await value(`${calls}{service="plain"}`, 1);
    await collected();
    assert.equal(await failed(), 0);
    const [{ metric }] = await series(`${calls}{service="awkward"}`);
    assert.equal(metric.source, 'tempo', 'external labels win');
    assert.equal(metric.job, 'awkward');
    assert.equal(metric.instance, 'i');
    // Buckets keep their bounds: a dimension cannot take the place of `le`.
    const bounds = await at.prometheus.values(
      'traces_spanmetrics_latency_bucket{service="awkward"}',
      ['le'],
    );
    assert.equal(Object.keys(bounds).length, 15);
    assert.equal(bounds['+Inf'], 1);
    assert.equal(bounds['0.002'], 0);
  });

  test('attributes of resources with any names make one target_info', async () => {
    const names = ['__name__', 'le', 'a.b', 'a-b', 'a_b', '9x', 'ünï', '', ' ', 'job', 'instance', '\n', '__x'];
    const resource = [
      ...names.map((name, i) => text(name, `v${i}`)),
      text('service.namespace', 'space'),
      text('service.instance.id', 'inst'),
    ];
    await push(at.server, [made({ service: 'target', resource })]);
    const [{ metric }] = await series('traces_target_info{job="space/target"}');
    assert.equal(metric.instance, 'inst');
    assert.equal(metric.__name__, 'traces_target_info');
    await value(`${calls}{service="target"}`, 1);
    await collected();
    assert.equal(await failed(), 0);
  });

  test('long values are cut between characters, and bad UTF-8 costs its span alone', async () => {
    const long = 'é'.repeat(500) + 'x'; // 2 bytes each: 100 is between two, 99 is not
    await push(at.server, [
      made({ service: 'long', name: `n${long}` }),
      made({ service: 'long', name: long }),
    ]);
    await value(`count(${calls}{service="long"})`, 2);
    for (const { metric } of await series(`${calls}{service="long"}`, 2)) {
      assert.match(metric.span_name, /^n?é+$/);
      assert.ok(Buffer.byteLength(metric.span_name) <= 100);
    }
    const body = bodyOf([
      made({ service: 'utf', name: 'bad \u0001\u0002 name' }),
      made({ service: 'utf', name: 'good' }),
    ]);
    const from = body.indexOf('\u0001\u0002');
    body[from] = 0xc3;
    body[from + 1] = 0x28;
    await at.server.push(body);
    await push(at.server, [made({ service: 'utf', name: 'later' })]);
    await value(`${calls}{service="utf", span_name="later"}`, 1);
    assert.equal(await failed(), 0);
  });

  test('an exemplar whose label is as long as any is no reason to lose its series', async () => {
    const own = await startFor(at.prometheus.writeUrl, {
      overrides: { trace_id_label_name: 'x'.repeat(200) },
    });
    try {
      await push(own, [made({ service: 'long-label', ms: 3 })]);
      await value(`${calls}{service="long-label"}`, 1);
      await value('traces_spanmetrics_latency_bucket{service="long-label",le="+Inf"}', 1);
    } finally {
      await own.close();
    }
  });

  test('numbers of any size in attributes and durations are counted', async () => {
    const huge = [int('a.b', '-9223372036854775808'), { key: '9x', value: { doubleValue: 1e308 } }];
    const span = made({ service: 'huge', attributes: huge });
    span.span.startTimeUnixNano = '1';
    const backwards = made({ service: 'huge', name: 'backwards' });
    backwards.span.startTimeUnixNano = '18446744073709551615';
    await push(at.server, [span, backwards]);
    await value(`count(${calls}{service="huge"} == 1)`, 2);
    const sums = await at.prometheus.values('traces_spanmetrics_latency_sum{service="huge"}', ['span_name']);
    assert.equal(sums.backwards, 0);
    assert.ok(sums.op > 1.7e9 && Number.isFinite(sums.op));
    assert.equal(await failed(), 0);
  });
});

describe('tenants', () => {
  let receiver;
  let server;
  let folder;
  before(async () => {
    receiver = await Receiver.start(status(204));
    folder = temporaryFolder();
    const file = path.join(folder, 'overrides.yaml');
    const entry = (more) => ({ metrics_generator: { processors: ['span-metrics'] }, ...more });
    fs.writeFileSync(
      file,
      JSON.stringify({
        overrides: {
          named: entry(),
          small: { global: { max_bytes_per_trace: 150 } },
          large: { global: { max_bytes_per_trace: 100_000 } },
        },
      }),
    );
    const config = configFor(receiver.url);
    config.multitenancy_enabled = true;
    config.overrides.per_tenant_override_config = file;
    config.overrides.defaults.global = { max_bytes_per_trace: 2000 };
    server = await Vivace.start({ config });
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
    if (folder) removeFolder(folder);
  });
  const as = (tenant) => ({ headers: { 'X-Scope-OrgID': tenant } });

  test('a trace by id obeys the limit of its tenant, not that of the others', async () => {
    const trace = newTraceId();
    const spans = Array.from({ length: 30 }, (_, i) =>
      made({ service: 'wide', name: `${i} ${'n'.repeat(100)}`, trace, parent: newSpanId() }),
    );
    const answer = await server.push(bodyOf(spans), as('large'));
    assert.equal(answer.status, 200);
    assert.doesNotMatch(answer.text, /TRACE_TOO_LARGE/);
    // More than the main file allows, and no more than the tenant's own entry.
    const where = `/api/traces/${trace.toString('hex')}`;
    assert.equal((await server.get(where, as('large'))).status, 200);
    const refused = await server.push(bodyOf(spans), as('small'));
    assert.match(refused.text, /max size of a trace \(150 bytes\)/);
    const short = await server.get(where, as('small'));
    assert.equal(short.status, 422);
    assert.match(short.text, /max bytes: 150/);
  });

  test('names without end are bounded in series and in metrics, and a named one finds room', async () => {
    const most = Object.entries(await server.metrics()).find(
      ([name]) => name === 'vivace_generator_tenants_max',
    )[1];
    const made_up = Math.min(most + 200, 6000);
    const spans = () => bodyOf([made({ service: 's', parent: newSpanId() })]);
    let ok = 0;
    for (let i = 0; i < made_up; i += 20) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, j) => server.push(spans(), as(`made-up-${i + j}`))),
      );
      ok += answers.filter((a) => a.status === 200).length;
      if (answers.some((a) => ![200, 429].includes(a.status))) assert.fail(answers[0].text);
    }
    // Their heads may have filled the memory for a while: that is told, and passes.
    await until('no room', async () => (await server.push(spans(), as('named'))).status === 200);
    await until('the named one is not counted', async () => {
      const metrics = await server.metrics();
      return metrics['tempo_metrics_generator_spans_received_total{tenant="named"}'] === 1;
    });
    const metrics = await server.metrics();
    const live = metrics.vivace_generator_tenants;
    assert.ok(live <= most + 10, `${live} of ${most}`);  // those that the overrides name come on top
    if (ok > most + 10) {
      const others =
        'tempo_metrics_generator_spans_discarded_total{reason="too_many_tenants",tenant="<others>"}';
      assert.ok(metrics[others] > 0);
      assert.match(server.stderr, /too many tenants/);
    }
    const counted = Object.keys(metrics).filter((name) =>
      name.startsWith('tempo_distributor_spans_received_total{'),
    );
    assert.ok(counted.length <= 2001, `${counted.length} tenants`);
    console.log(`# ${ok} tenants, ${live} of ${most} with series, ${server.peakMemory() >> 20} MiB`);
  });
});

describe('rules that can do nothing', () => {
  const verify = async (relabel, args) => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'tempo.yaml');
    const config = configFor('http://127.0.0.1:1/write', { write: { write_relabel_configs: [relabel] } });
    config.storage = { trace: { backend: 'local', local: { path: folder } } };
    fs.writeFileSync(file, JSON.stringify(config, null, 1));
    try {
      return await run([`-config.file=${file}`, ...args]);
    } finally {
      removeFolder(folder);
    }
  };
  const cases = [
    [{ regex: 'a(', action: 'drop' }, /line \d+: .*write_relabel_configs\[0\]\.regex: "a\("/],
    [{ action: 'hashmod', target_label: 'x' }, /write_relabel_configs\[0\]: hashmod needs a modulus/],
    [{ source_labels: ['a'] }, /write_relabel_configs\[0\]: replace needs a target_label/],
  ];
  for (const [rule, message] of cases) {
    test(`${JSON.stringify(rule)} is refused by a check and by a start`, async () => {
      for (const args of [['-config.verify'], []]) {
        const { code, stderr } = await verify(rule, args);
        assert.equal(code, 1);
        assert.match(stderr, message);
      }
    });
  }
});
