// What the tests of the receiver share: a request to send, and what its answer must be.
import assert from 'node:assert/strict';
import { around, span } from './data.mjs';
import { kProtobuf } from './harness.mjs';
import { RpcStatus, decode, difference, encodeRequest, flatten } from './proto.mjs';

export const kSuccess = Buffer.from([0x0a, 0x00]);
export const kMiB = 1 << 20;
export const hexOf = (bytes) => bytes.toString('hex');

// A request of one span, with its trace id.
export function one(fields = {}, options) {
  const it = span(fields);
  const resourceSpans = around([it], options);
  return { id: hexOf(it.traceId), resourceSpans, body: encodeRequest(resourceSpans) };
}

export function assertSuccess(answer) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], kProtobuf);
  assert.deepEqual(answer.body, kSuccess);
}

// A google.rpc.Status in the request's encoding; gives its message.
export function assertRefused(answer, { status = 400, code = 3, message } = {}) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers['content-type'], kProtobuf);
  const error = decode(RpcStatus, answer.body);
  assert.equal(error.code, code);
  if (message instanceof RegExp) assert.match(error.message ?? '', message);
  else if (message !== undefined) assert.equal(error.message, message);
  else assert.ok(error.message, 'a refusal says why');
  return error.message;
}

export async function assertStored(server, { id, resourceSpans }, view) {
  const stored = await server.trace(id, view);
  assert.ok(stored, `trace ${id} is not there`);
  assert.equal(difference(flatten(resourceSpans), flatten(stored)), null);
}
