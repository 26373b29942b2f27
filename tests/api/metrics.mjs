// What the tests of metrics share: a question whose answer is checked member by member (Grafana
// decodes instants strictly), and series by their labels.
import assert from 'node:assert/strict';

const only = (object, members, where) => {
  for (const name of Object.keys(object)) {
    assert.ok(members.includes(name), `${where} has the unknown member ${name}`);
  }
};

const kAnyValue = ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue'];

function checkLabels(labels) {
  assert.ok(labels.length > 0);
  for (const label of labels) {
    only(label, ['key', 'value'], 'label');
    assert.equal(Object.keys(label.value).length, 1);
    only(label.value, kAnyValue, 'label value');
  }
}

function checkEnd(answer) {
  only(
    answer.metrics,
    [
      'inspectedTraces',
      'inspectedBytes',
      'totalBlocks',
      'completedJobs',
      'totalJobs',
      'totalBlockBytes',
      'inspectedSpans',
    ],
    'metrics',
  );
  assert.ok(answer.metrics.totalJobs >= 1);
  if (answer.status !== undefined) assert.equal(answer.status, 'PARTIAL');
}

function checkRange(answer) {
  only(answer, ['series', 'metrics', 'status', 'message'], 'the answer');
  assert.ok(Array.isArray(answer.series));
  checkEnd(answer);
  for (const series of answer.series) {
    only(series, ['labels', 'samples', 'exemplars'], 'series');
    checkLabels(series.labels);
    let last = -1n;
    for (const sample of series.samples) {
      only(sample, ['timestampMs', 'value'], 'sample');
      assert.match(sample.timestampMs, /^\d+$/);
      assert.ok(BigInt(sample.timestampMs) > last, 'oldest first');
      last = BigInt(sample.timestampMs);
      if ('value' in sample) assert.notEqual(sample.value, 0, 'zeros are left out');
    }
    for (const exemplar of series.exemplars ?? []) {
      only(exemplar, ['labels', 'value', 'timestampMs'], 'exemplar');
      checkLabels(exemplar.labels);
      assert.ok(exemplar.labels.some((it) => it.key === 'trace:id'));
    }
  }
}

function checkInstant(answer) {
  only(answer, ['series', 'metrics', 'status', 'message'], 'the answer');
  checkEnd(answer);
  for (const series of answer.series ?? []) {
    only(series, ['labels', 'value'], 'series');
    checkLabels(series.labels);
  }
}

const withQuery = (where, parameters) => `${where}?${new URLSearchParams(parameters)}`;

// The raw answers.
export const askRange = (server, parameters, options) =>
  server.get(withQuery('/api/metrics/query_range', parameters), options);
export const askInstant = (server, parameters, options) =>
  server.get(withQuery('/api/metrics/query', parameters), options);

async function checked(answer, check) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/json');
  const out = JSON.parse(answer.text);
  check(out);
  return out;
}
export const range = async (server, parameters, options) =>
  checked(await askRange(server, parameters, options), checkRange);
export const instant = async (server, parameters, options) =>
  checked(await askInstant(server, parameters, options), checkInstant);

const valueOf = (value) => Object.values(value)[0];
const nameOf = (labels) => labels.map((it) => `${it.key}=${valueOf(it.value)}`).join(',');

// {"resource.service.name=shop": [0, 1.5, ...]} of a range, numbers of an instant.
export const samples = (answer) =>
  Object.fromEntries(
    answer.series.map((it) => [nameOf(it.labels), it.samples.map((one) => one.value ?? 0)]),
  );
export const values = (answer) =>
  Object.fromEntries((answer.series ?? []).map((it) => [nameOf(it.labels), it.value ?? 0]));
