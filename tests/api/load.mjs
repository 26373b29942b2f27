// Load clients that keep the truth: for each request its exact bytes, the spans in it and whether
// the 200 came. Durability is judged against that record.
import { Random, randomRequest } from './data.mjs';
import { keepAlive } from './http.mjs';
import { encodeRequest, flattenSpans } from './proto.mjs';

export class LoadClient {
  constructor(server, seed) {
    this.server = server;
    this.random = new Random(seed);
    this.ready = [];
    this.requests = []; // {body, gzip, spans: [{trace, text}], acked, lost}
    this.shared = this.random.id(16); // a trace that grows over many requests
  }

  // Makes requests ahead, so that the load itself is as fast as the server.
  prepare(count) {
    this.ready = Array.from({ length: count }, () => this.make());
    return this;
  }

  // Sends one request after the other until `stopped()` or until the connection breaks.
  async run(stopped) {
    const agent = keepAlive(1);
    while (!stopped()) {
      const request = this.ready.pop() ?? this.make();
      this.requests.push(request);
      try {
        const answer = await this.send(request, agent);
        if (answer.status !== 200) {
          if (answer.status < 500 && answer.status !== 429) throw new RefusedError(answer);
          break; // it says that it is stopping
        }
        request.acked = true;
      } catch (error) {
        if (error instanceof RefusedError) throw error;
        break; // killed under us: neither acked nor refused
      }
    }
    agent.destroy();
  }

  send({ body, gzip }, agent) {
    return this.server.push(body, { gzip, agent });
  }

  make() {
    const { random } = this;
    if (random.chance(0.02)) this.shared = random.id(16);
    const own = random.id(16);
    const resourceSpans = randomRequest(random, 1 + random.below(20), () =>
      random.chance(0.2) ? this.shared : own,
    );
    return {
      body: encodeRequest(resourceSpans),
      gzip: random.chance(0.5),
      spans: flattenSpans(resourceSpans),
      acked: false,
    };
  }

  lastAcked() {
    return this.requests.findLast((r) => r.acked);
  }
  lastUnacked() {
    return this.requests.findLast((r) => !r.acked);
  }
}

class RefusedError extends Error {
  constructor(answer) {
    super(`refused: ${answer.status} ${answer.text}`);
  }
}

// What is wrong with the stored traces, given all requests ever sent: every acked request's spans
// there exactly once and equal; every unacked request's all there or none. Null when nothing is.
// `read(id)` gives the stored texts of a trace.
export async function judge(requests, read, { traces } = {}) {
  const stored = new Map();
  const known = new Map();
  for (const request of requests) {
    for (const { trace, text } of request.spans) {
      if (traces && !traces.has(trace)) continue;
      if (!known.has(trace)) known.set(trace, new Set());
      known.get(trace).add(text);
    }
  }
  for (const [id, texts] of known) {
    const count = new Map();
    for (const text of await read(id)) {
      if (!texts.has(text)) return `trace ${id}: a span that nobody sent: ${text}`;
      count.set(text, (count.get(text) ?? 0) + 1);
      if (count.get(text) > 1) return `trace ${id}: a span ${count.get(text)} times: ${text}`;
    }
    stored.set(id, count);
  }
  for (const [i, request] of requests.entries()) {
    const spans = request.spans.filter(({ trace }) => stored.has(trace));
    const there = spans.filter(({ trace, text }) => stored.get(trace).has(text)).length;
    if (request.acked && there < spans.length) {
      return `request ${i}, acked: ${spans.length - there} of ${spans.length} spans are lost`;
    }
    if (!request.acked && there !== 0 && there < spans.length) {
      return `request ${i}, not acked: torn, ${there} of ${spans.length} spans are there`;
    }
  }
  return null;
}
