// HTTP/1.1 for tests: one-call requests over keep-alive agents, and a raw socket for what an agent
// would not do (pipelining, half requests, slow senders). Bodies are Buffers, never decompressed.
import http from 'node:http';
import net from 'node:net';

export const keepAlive = (maxSockets = 1) =>
  new http.Agent({ keepAlive: true, maxSockets, keepAliveMsecs: 60_000 });

const sharedAgent = keepAlive(8);

// {port, path, method, headers, body, agent} -> {status, headers, body: Buffer, text}
export function request({ port, path = '/', method, headers = {}, body, agent = sharedAgent }) {
  return new Promise((resolve, reject) => {
    const call = http.request(
      {
        host: '127.0.0.1',
        port,
        path,
        headers,
        agent,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
      },
      (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const whole = Buffer.concat(parts);
          resolve({
            status: answer.statusCode,
            headers: answer.headers,
            body: whole,
            get text() {
              return whole.toString('utf8');
            },
          });
        });
      },
    );
    call.setTimeout(30_000, () => call.destroy(new Error(`no answer in 30 s: ${path}`)));
    call.on('error', reject);
    // An explicit length, also 0: node would send a bodyless POST chunked.
    if (body !== undefined && !call.hasHeader('transfer-encoding')) {
      call.setHeader('content-length', Buffer.byteLength(body));
    }
    call.end(body);
  });
}

// A TCP connection that speaks HTTP/1.1 by hand.
export class RawConnection {
  constructor(socket) {
    this.socket = socket;
    this.data = Buffer.alloc(0);
    this.ended = false;
    this.wake = () => {};
    socket.on('data', (part) => {
      this.data = Buffer.concat([this.data, part]);
      this.wake();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.ended = true;
        this.wake();
      });
    }
  }

  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port, noDelay: true }, () => {
        socket.off('error', reject);
        resolve(new RawConnection(socket));
      });
      socket.once('error', reject);
    });
  }

  write(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  // Waits until `take()` gives something; null when the peer closed (or `ms` passed) before it did.
  async until(take, ms = 15_000) {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = take();
      if (found) return found;
      const left = deadline - Date.now();
      if (this.ended || left <= 0) return null;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  // The next answer {status, head, headers, body}, or null when the connection ended without one.
  readAnswer(ms) {
    return this.until(() => {
      const end = this.data.indexOf('\r\n\r\n');
      if (end < 0) return null;
      const [first, ...lines] = this.data.subarray(0, end).toString('latin1').split('\r\n');
      const headers = Object.fromEntries(
        lines.map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
      );
      const status = Number(first.split(' ')[1]);
      let length = status < 200 || status === 204 ? 0 : Number(headers['content-length'] ?? NaN);
      if (Number.isNaN(length)) {
        // without a length the body ends with the connection
        if (headers.connection !== 'close') throw new Error(`an answer without an end: ${first}`);
        if (!this.ended) return null;
        length = this.data.length - end - 4;
      }
      if (this.data.length < end + 4 + length) return null;
      const body = this.data.subarray(end + 4, end + 4 + length);
      this.data = this.data.subarray(end + 4 + length);
      return { status, head: first, headers, body, text: body.toString('utf8') };
    }, ms);
  }

  // True when the peer closed within `ms`.
  async closed(ms = 15_000) {
    await this.until(() => this.ended, ms);
    return this.ended;
  }

  destroy() {
    this.socket.destroy();
  }
}

// The head of a POST to the receiver, without a length.
export const rawHead = (headers) => {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([n, v]) => `${n}: ${v}\r\n`);
  return `POST /v1/traces HTTP/1.1\r\n${lines.join('')}\r\n`;
};

export const rawPost = (path, headers, body = Buffer.alloc(0)) => {
  const lines = Object.entries({ Host: 'localhost', 'Content-Length': body.length, ...headers })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
};
