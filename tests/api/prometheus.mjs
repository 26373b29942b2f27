// A real Prometheus that receives remote writes: started on a free loopback port with a data folder
// of its own, asked over its HTTP API, ended with the test.
//
//   const prometheus = await Prometheus.start();
//   url: prometheus.writeUrl
//   await prometheus.values('traces_spanmetrics_calls_total', ['service'])    // {"shop": 3}
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { freePort, pause, removeFolder, temporaryFolder } from './harness.mjs';
import { keepAlive, request } from './http.mjs';

const kReadyMs = 20_000;
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export const WriteRequest = protobuf
  .parse(
    `syntax = "proto3";
    message Label { string name = 1; string value = 2; }
    message Sample { double value = 1; int64 timestamp = 2; }
    message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
    message Span { sint32 offset = 1; uint32 length = 2; }
    message Histogram {
      uint64 count_int = 1; double count_float = 2; double sum = 3; sint32 schema = 4;
      double zero_threshold = 5; uint64 zero_count_int = 6; double zero_count_float = 7;
      repeated Span positive_spans = 11; repeated sint64 positive_deltas = 12;
      repeated double positive_counts = 13; int64 timestamp = 15;
    }
    message TimeSeries {
      repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3;
      repeated Histogram histograms = 4;
    }
    message WriteRequest { repeated TimeSeries timeseries = 1; }`,
  )
  .root.lookupType('WriteRequest');

// As one literal: the block form without compression.
function packSnappy(bytes) {
  const size = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    size.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  const head = Buffer.alloc(3, 61 << 2); // a literal whose length follows in two bytes
  head.writeUInt16LE(bytes.length - 1, 1);
  return Buffer.concat([Buffer.from(size), head, bytes]);
}

export class Prometheus {
  static async start() {
    const prometheus = new Prometheus();
    prometheus.folder = temporaryFolder();
    prometheus.port = await freePort();
    prometheus.log = '';
    await prometheus.begin();
    return prometheus;
  }

  get writeUrl() {
    return `http://127.0.0.1:${this.port}/api/v1/write`;
  }

  async begin() {
    const config = path.join(this.folder, 'prometheus.yml');
    fs.writeFileSync(config, 'global: {scrape_interval: 1h}\n');
    const child = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${path.join(this.folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${this.port}`,
        '--web.enable-remote-write-receiver',
        '--enable-feature=exemplar-storage,native-histograms',
      ],
      { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.child = child;
    this.agent = keepAlive(4);
    children.add(child);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject); // it is not installed
      child.on('exit', () => {
        children.delete(child);
        resolve();
      });
    });
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (d) => {
        this.log += d;
      });
    }
    const ready = this.until(`${this.log}\nPrometheus is not ready`, kReadyMs, async () => {
      const answer = await this.get('/-/ready').catch(() => null);
      return answer?.status === 200;
    });
    await Promise.race([
      ready,
      this.ended.then(() => {
        throw new Error(`Prometheus ended: ${this.log}`);
      }),
    ]);
  }

  async end() {
    this.child.kill('SIGTERM');
    await this.ended;
    this.agent.destroy();
  }

  async close() {
    await this.end();
    removeFolder(this.folder);
  }

  get(where) {
    return request({ port: this.port, path: where, agent: this.agent });
  }

  async ask(where, parameters) {
    const answer = await this.get(`${where}?${new URLSearchParams(parameters)}`);
    if (answer.status !== 200) throw new Error(`${where}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text).data;
  }

  // [{metric, value}] of an instant query
  async query(query) {
    const { result } = await this.ask('/api/v1/query', { query });
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  // {"label|label": value} of an instant query
  async values(query, labels) {
    const out = {};
    for (const { metric, value } of await this.query(query)) {
      out[labels.map((l) => metric[l] ?? '').join('|')] = value;
    }
    return out;
  }

  // [{metric, samples: [[seconds, value]]}] of everything in the last minutes
  async samples(selector, minutes = 5) {
    const { result } = await this.ask('/api/v1/query', { query: `${selector}[${minutes}m]` });
    return result.map(({ metric, values }) => ({
      metric,
      samples: values.map(([time, value]) => [time, Number(value)]),
    }));
  }

  // [{seriesLabels, exemplars: [{labels, value, timestamp}]}]
  exemplars(query) {
    const now = Date.now() / 1000;
    return this.ask('/api/v1/query_exemplars', {
      query,
      start: String(now - 600),
      end: String(now + 60),
    });
  }

  // One sample of one series, as another sender would write it.
  write(labels, value, milliseconds) {
    const timeseries = [
      {
        labels: Object.entries(labels)
          .sort()
          .map(([name, text]) => ({ name, value: text })),
        samples: [{ value, timestamp: milliseconds }],
      },
    ];
    return request({
      port: this.port,
      path: '/api/v1/write',
      method: 'POST',
      headers: { 'Content-Encoding': 'snappy', 'Content-Type': 'application/x-protobuf' },
      body: packSnappy(WriteRequest.encode(WriteRequest.create({ timeseries })).finish()),
      agent: this.agent,
    });
  }

  // Its own counters, as Vivace.metrics().
  async metrics() {
    const out = {};
    for (const line of (await this.get('/metrics')).text.split('\n')) {
      const match = /^([^#\s]\S*)\s+(\S+)/.exec(line);
      if (match) out[match[1]] = Number(match[2]);
    }
    return out;
  }

  async until(what, milliseconds, condition) {
    for (const deadline = Date.now() + milliseconds; ; await pause(50)) {
      const value = await condition();
      if (value) return value;
      if (Date.now() > deadline) throw new Error(what);
    }
  }
}
