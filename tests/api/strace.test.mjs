// Acked is durable, seen from the kernel: under strace, with load from four connections, each
// `HTTP/1.1 200` of the receiver leaves only after an fdatasync that began after the write of its
// record had ended and that has itself ended.
//
// Every request carries a marker of its own in plain text. strace writes events in the order they
// happen: a call on one line ran undisturbed; else its end is the `resumed` line. So line numbers
// are the clock. A read that shows a marker on a socket says whose answer that socket owes next.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { around, span, text } from './data.mjs';
import { Vivace, temporaryFolder } from './harness.mjs';
import { keepAlive } from './http.mjs';
import { encodeRequest } from './proto.mjs';

const kConnections = 4;
const kRequests = 50; // a connection
const kWrites = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg'];
const kReads = ['read', 'readv', 'recvfrom', 'recvmsg'];
const kSyncs = ['fdatasync', 'fsync'];

// [{name, fd, text, begin, end, result}]: one an intercepted call, in order of begin.
export function parse(log) {
  const calls = [];
  const open = new Map(); // thread -> call
  for (const [line, content] of log.split('\n').entries()) {
    const match = /^(\d+)\s+[\d.]+\s+(.*)$/.exec(content);
    if (!match) continue;
    const [, thread, rest] = match;
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (resumed) {
      const call = open.get(thread);
      open.delete(thread);
      if (!call) continue;
      call.text += resumed[2];
      call.end = line;
      call.result = Number(/= (-?\d+)[^=]*$/.exec(resumed[2])?.[1]);
      continue;
    }
    const begun = /^(\w+)\((\d+)(.*)$/.exec(rest);
    if (!begun) continue;
    const call = {
      name: begun[1],
      fd: Number(begun[2]),
      text: begun[3],
      begin: line,
      end: Infinity,
    };
    calls.push(call);
    if (rest.includes('<unfinished ...>')) {
      open.set(thread, call);
    } else {
      call.end = line;
      call.result = Number(/= (-?\d+)[^=]*$/.exec(rest)?.[1]);
    }
  }
  return calls;
}

const isSocket = (call) => /^<(socket|TCP|TCPv6)/.test(call.text);
const markersIn = (call) => call.text.match(/MARK-\d+-\d+-END/g) ?? [];

// For each marker: whether its record was written, and synced before its 200 was sent.
export function check(calls) {
  const owed = new Map(); // fd -> markers read and not yet answered
  const written = new Map(); // marker -> {fd, end} of its record's write
  const wrong = [];
  let answered = 0;
  const syncs = calls.filter((c) => kSyncs.includes(c.name) && c.result === 0);
  // Reads and writes in the order in which they took effect for the process: reads at their end.
  const events = calls
    .filter((c) => kReads.includes(c.name) || kWrites.includes(c.name))
    .sort(
      (a, b) =>
        (kReads.includes(a.name) ? a.end : a.begin) - (kReads.includes(b.name) ? b.end : b.begin),
    );
  for (const call of events) {
    if (kReads.includes(call.name)) {
      if (!isSocket(call)) continue;
      if (!owed.has(call.fd)) owed.set(call.fd, []);
      owed.get(call.fd).push(...markersIn(call));
    } else if (!isSocket(call)) {
      for (const marker of markersIn(call)) written.set(marker, { fd: call.fd, end: call.end });
    } else {
      const answers = call.text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
      for (let i = 0; i < answers; i++) {
        const marker = owed.get(call.fd)?.shift();
        if (!marker) continue; // an answer of the query port
        answered++;
        const record = written.get(marker);
        if (!record) wrong.push(`${marker}: answered before its record was written`);
        else if (
          !syncs.some((s) => s.fd === record.fd && s.begin > record.end && s.end < call.begin)
        ) {
          wrong.push(
            `${marker}: answered at line ${call.begin}, written at ${record.end}, no sync between`,
          );
        }
      }
    }
  }
  return { answered, wrong, syncs: syncs.length, records: written.size };
}

test('the checker sees an answer without a sync', () => {
  const log = (middle) =>
    [
      '7 1.0 recvfrom(9<socket:[1]>, "MARK-0-0-END", 99, 0) = 12',
      '8 1.1 pwritev(5</w/wal>, [{iov_base="MARK-0-0-END"}], 1, 0) = 12',
      ...middle,
      '7 1.4 sendto(9<socket:[1]>, "HTTP/1.1 200 OK", 15, 0) = 15',
    ].join('\n');
  const verdict = (middle) => check(parse(log(middle))).wrong.length;
  assert.equal(verdict(['8 1.2 fdatasync(5</w/wal>) = 0']), 0);
  assert.equal(
    verdict(['8 1.2 fdatasync(5</w/wal> <unfinished ...>', '8 1.3 <... fdatasync resumed>) = 0']),
    0,
  );
  assert.equal(verdict(['8 1.2 fdatasync(5</w/wal> <unfinished ...>']), 1);
  assert.equal(verdict(['8 1.2 fdatasync(6</w/other>) = 0']), 1);
  assert.equal(verdict(['8 1.2 fdatasync(5</w/wal>) = -1 EIO (Input/output error)']), 1);
  assert.equal(verdict([]), 1);
  const late = log(['8 1.2 fdatasync(5</w/wal>) = 0']).split('\n');
  assert.equal(check(parse([late[0], late[3], late[1], late[2]].join('\n'))).wrong.length, 1);
});

function assertStraceWorks(folder) {
  const probe = path.join(folder, 'probe');
  try {
    execFileSync('strace', ['-f', '-o', probe, 'true'], { stdio: 'pipe' });
  } catch (error) {
    assert.fail(`strace does not work here, so durability cannot be seen: ${error.message}`);
  }
}

test('no 200 before its fdatasync', async (context) => {
  const folder = temporaryFolder();
  assertStraceWorks(folder);
  const log = path.join(folder, 'log');
  const calls = [...kWrites, ...kReads, ...kSyncs].join(',');
  const server = await Vivace.start({
    env: { ASAN_OPTIONS: 'detect_leaks=0' }, // its leak check wants to trace too
    wrap: [
      'strace',
      '-f',
      '-ttt',
      '-y',
      '-s',
      '4096',
      '-e',
      `trace=${calls}`,
      '-e',
      'signal=none',
      '-o',
      log,
    ],
  });
  await Promise.all(
    Array.from({ length: kConnections }, async (_, connection) => {
      const agent = keepAlive(1);
      for (let i = 0; i < kRequests; i++) {
        const body = encodeRequest(
          around([span({ attributes: [text('marker', `MARK-${connection}-${i}-END`)] })]),
        );
        const answer = await server.push(body, { agent });
        assert.equal(answer.status, 200, answer.text);
      }
      agent.destroy();
    }),
  );
  assert.equal((await server.close()).code, 0);
  const verdict = check(parse(fs.readFileSync(log, 'latin1')));
  context.diagnostic(
    `${verdict.answered} answers, ${verdict.records} records, ${verdict.syncs} syncs`,
  );
  assert.equal(verdict.answered, kConnections * kRequests);
  assert.deepEqual(verdict.wrong, []);
});
