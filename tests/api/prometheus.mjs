// A real Prometheus that receives remote writes: started on a free loopback port with a data folder
// of its own, asked over its HTTP API, ended with the test.
//
//   const prometheus = await Prometheus.start();
//   url: prometheus.writeUrl
//   await prometheus.values('traces_spanmetrics_calls_total', ['service'])    // {"shop": 3}
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, pause, removeFolder, temporaryFolder } from './harness.mjs';
import { keepAlive, request } from './http.mjs';

const kReadyMs = 20_000;
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

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
