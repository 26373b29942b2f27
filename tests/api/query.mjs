// What the tests of the query side share.
import assert from 'node:assert/strict';
import { around } from './data.mjs';
import { encodeRequest } from './proto.mjs';

export const hexOf = (bytes) => bytes.toString('hex');
export const kProto = { accept: 'application/protobuf' };

export async function store(server, spans, options, headers) {
  const resourceSpans = around(spans, options);
  const answer = await server.push(encodeRequest(resourceSpans), { headers });
  assert.equal(answer.status, 200, answer.text);
  return resourceSpans;
}

export function assertPlainError(answer, status, body) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^text\/plain; charset=utf-8$/);
  if (body instanceof RegExp) assert.match(answer.text, body);
  else assert.equal(answer.text.replace(/\n$/, ''), body);
}
