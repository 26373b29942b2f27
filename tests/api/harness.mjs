// Starts the built binary on free loopback ports with a data folder of its own, and ends it again:
// politely, by kill -9, or when the test process goes. `VIVACE_BIN` names another binary.
//
//   const server = await Vivace.start();                   // ready when this returns
//   await server.push(encodeRequest(resourceSpans));       // OTLP/HTTP
//   await server.trace(id, { version: 2, format: 'json' });
//   await server.kill(); await server.start();             // same folder, same ports
//   await server.close();                                  // stops, removes the folder
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { keepAlive, request } from './http.mjs';
import { TraceByIdResponse, TracesData, decode, fromJson } from './proto.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const binary = process.env.VIVACE_BIN ?? path.join(root, 'build', 'release', 'vivace');

const kReadyMs = 30_000;
const kStopMs = 30_000;
export const kProtobuf = 'application/x-protobuf';
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- what must not outlive the test process -----------------------------------------------------

const children = new Set();
const folders = new Set();
process.on('exit', () => {
  for (const child of children) {
    for (const pid of childrenOf(child.pid)) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
  }
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

// What a wrapper such as strace runs: it outlives the wrapper.
function childrenOf(pid) {
  try {
    const list = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return list ? list.split(' ').map(Number) : [];
  } catch {
    return [];
  }
}

export function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vivace-test-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

// ---- ports --------------------------------------------------------------------------------------

const canBind = (port) =>
  new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      probe.close(() => resolve(true)),
    );
  });

// A free port below the range that the kernel hands to outgoing connections, so that no client's
// socket takes it while the server is down for a restart.
export async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (await canBind(port)) return port;
  }
}

// ---- configuration ------------------------------------------------------------------------------

export function merge(base, extra) {
  if (extra === undefined) return base;
  const plain = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
  if (!plain(base) || !plain(extra)) return extra;
  const out = { ...base };
  for (const [key, value] of Object.entries(extra)) out[key] = merge(base[key], value);
  return out;
}

const baseConfig = ({ folder, httpPort, otlpPort, grpcPort }) => ({
  server: {
    http_listen_address: '127.0.0.1',
    http_listen_port: httpPort,
    grpc_listen_address: '127.0.0.1',
    grpc_listen_port: grpcPort,
  },
  distributor: {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlpPort}` } } } },
  },
  storage: {
    trace: {
      backend: 'local',
      wal: { path: path.join(folder, 'wal') },
      local: { path: path.join(folder, 'blocks') },
    },
  },
});

// ---- a run of the binary to its end -------------------------------------------------------------

// Runs it with `args` and waits: {code, signal, stdout, stderr}. For what ends by itself.
export function run(args, { env = {}, cwd, timeoutMs = 15_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (d) => {
        out[name] += d;
      });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`still running after ${timeoutMs} ms: ${args.join(' ')}\n${out.stderr}`));
    }, timeoutMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ code, signal, ...out });
    });
  });
}

// ---- the server ---------------------------------------------------------------------------------

export class Vivace {
  // {config: merged over the base, args: more flags, wrap: a command to run it under}
  static async start(options = {}) {
    const server = new Vivace(options);
    server.folder = temporaryFolder();
    [server.httpPort, server.otlpPort, server.grpcPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    server.config = merge(baseConfig(server), options.config);
    server.configFile = path.join(server.folder, 'tempo.yaml');
    fs.writeFileSync(server.configFile, JSON.stringify(server.config, null, 1)); // JSON is YAML
    await server.start();
    return server;
  }

  constructor({ args = [], wrap = [], env = {} }) {
    Object.assign(this, { args, wrap, env, stderr: '' });
  }

  get running() {
    return this.child !== undefined;
  }

  async start() {
    const command = [...this.wrap, binary, `-config.file=${this.configFile}`, ...this.args];
    const child = spawn(command[0], command.slice(1), {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.agent = keepAlive(4);
    children.add(child);
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: null, signal: null, error }));
      child.on('exit', (code, signal) => {
        children.delete(child);
        resolve({ code, signal });
      });
    });
    let over;
    this.ended.then((how) => {
      over = how;
    });
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (d) => {
        this.stderr = (this.stderr + d).slice(-65536);
      });
    }
    const deadline = Date.now() + kReadyMs;
    for (;;) {
      const answer = await request({
        port: this.httpPort,
        path: '/ready',
        agent: this.agent,
      }).catch(() => null);
      if (answer?.status === 200) return;
      if (over)
        throw new Error(`ended before it was ready: ${JSON.stringify(over)}\n${this.stderr}`);
      if (Date.now() > deadline) {
        await this.kill();
        throw new Error(`not ready after ${kReadyMs} ms (${answer?.status})\n${this.stderr}`);
      }
      await pause(5);
    }
  }

  // The process itself, also when it runs under a wrapper.
  get pid() {
    if (!this.wrap.length) return this.child.pid;
    return childrenOf(this.child.pid)[0];
  }

  async end(signal) {
    const child = this.child;
    process.kill(this.pid, signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), kStopMs);
    const how = await this.ended;
    clearTimeout(timer);
    this.child = undefined;
    this.agent.destroy();
    return how;
  }

  // SIGTERM; {code, signal} of the end. Killed after 30 s.
  stop() {
    return this.end('SIGTERM');
  }
  kill() {
    return this.end('SIGKILL');
  }

  async restart() {
    const how = await this.stop();
    await this.start();
    return how;
  }

  // Stops it, which must end well, and removes its folder.
  async close() {
    const how = this.running ? await this.stop() : { code: 0, signal: null };
    removeFolder(this.folder);
    if (how.code !== 0) throw new Error(`ended with ${JSON.stringify(how)}\n${this.stderr}`);
    return how;
  }

  // A request; when the process has died, the error says how.
  async ask(options) {
    const child = this.child;
    try {
      return await request(options);
    } catch (error) {
      await Promise.race([this.ended, pause(100)]);
      const how = child?.exitCode ?? child?.signalCode ?? null;
      if (this.child !== child || how === null) throw error;
      throw new Error(`${error.message}; the server ended: ${how}\n${this.stderr}`, {
        cause: error,
      });
    }
  }

  get(where, options = {}) {
    return this.ask({ port: this.httpPort, path: where, agent: this.agent, ...options });
  }

  // POSTs an OTLP/HTTP protobuf body. {gzip, headers, path, method, agent}
  push(body, { gzip = false, headers = {}, path: where = '/v1/traces', ...rest } = {}) {
    return this.ask({
      port: this.otlpPort,
      path: where,
      method: 'POST',
      agent: this.agent,
      ...rest,
      headers: {
        'content-type': kProtobuf,
        ...(gzip ? { 'content-encoding': 'gzip' } : {}),
        ...headers,
      },
      body: gzip ? zlib.gzipSync(body) : body,
    });
  }

  // The resourceSpans of a stored trace as decode() gives them; null when there is no such trace.
  async trace(id, { version = 2, format = 'protobuf', headers = {}, agent = this.agent } = {}) {
    const where = version === 1 ? `/api/traces/${id}` : `/api/v2/traces/${id}`;
    const accept = format === 'json' ? 'application/json' : 'application/protobuf';
    const answer = await this.get(where, { agent, headers: { accept, ...headers } });
    if (version === 1 && answer.status === 404 && !answer.body.length) return null;
    if (answer.status !== 200) throw new Error(`GET ${where}: ${answer.status} ${answer.text}`);
    const expected = format === 'json' ? 'application/json' : 'application/protobuf';
    if (answer.headers['content-type'] !== expected) {
      throw new Error(`GET ${where}: content-type ${answer.headers['content-type']}`);
    }
    return resourceSpansOf(answer.body, version, format);
  }

  // {name{labels}: number} of /metrics
  async metrics() {
    const answer = await this.get('/metrics');
    if (answer.status !== 200) throw new Error(`/metrics: ${answer.status}`);
    const out = {};
    for (const line of answer.text.split('\n')) {
      const match = /^([^#\s][^{\s]*)(\{.*\})?\s+(\S+)/.exec(line);
      if (match) out[match[1] + sortedLabels(match[2])] = Number(match[3]);
    }
    return out;
  }

  // Peak resident memory so far, bytes.
  peakMemory() {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }
}

function sortedLabels(text) {
  if (!text || text === '{}') return '';
  const labels = text.slice(1, -1).match(/[^,{}=]+="(?:[^"\\]|\\.)*"/g) ?? [];
  return `{${labels.sort().join(',')}}`;
}

function resourceSpansOf(body, version, format) {
  if (format === 'json') {
    const answer = JSON.parse(body.toString('utf8'));
    const list = version === 1 ? answer.batches : answer.trace.resourceSpans;
    return list ? fromJson(list) : null;
  }
  const list =
    version === 1
      ? decode(TracesData, body).resourceSpans
      : decode(TraceByIdResponse, body).trace?.resourceSpans;
  return list?.length ? list : null;
}

// The four ways to read a trace by id.
export const kViews = [
  { version: 1, format: 'protobuf' },
  { version: 2, format: 'protobuf' },
  { version: 1, format: 'json' },
  { version: 2, format: 'json' },
];
