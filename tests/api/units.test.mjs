// The tests' own tools, tested: a tool that sees no difference would let everything pass.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, around, randomRequest, span, text } from './data.mjs';
import { merge } from './harness.mjs';
import {
  ExportRequest,
  RpcStatus,
  byTrace,
  decode,
  difference,
  encode,
  encodeRequest,
  flatten,
  fromJson,
  valueText,
} from './proto.mjs';

test('random requests survive encode and decode', () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const request = randomRequest(random, 50, () => random.id(16));
    const back = decode(ExportRequest, encodeRequest(request)).resourceSpans;
    assert.equal(difference(flatten(request), flatten(back)), null);
  }
});

test('the same seed gives the same bytes', () => {
  const bytes = () => {
    const random = new Random(42);
    return encodeRequest(randomRequest(random, 40, () => random.id(16)));
  };
  assert.deepEqual(bytes(), bytes());
});

test("wire numbers are the tables'", () => {
  const bytes = encodeRequest([
    {
      scopeSpans: [
        {
          spans: [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), flags: 3, kind: 2 }],
        },
      ],
    },
  ]);
  const spanBytes = '0a10' + '01'.repeat(16) + '1208' + '02'.repeat(8) + '3002' + '850103000000';
  assert.equal(bytes.toString('hex'), `0a2812261224${spanBytes}`);
  assert.equal(encode(RpcStatus, { code: 3, message: 'x' }).toString('hex'), '0803120178');
});

test('any changed field is a difference', () => {
  const random = new Random(7);
  const sent = randomRequest(random, 30, () => random.id(16));
  const copy = () => decode(ExportRequest, encodeRequest(sent)).resourceSpans;
  const firstSpan = (list) => list[0].scopeSpans[0].spans[0];
  const changes = [
    (l) => {
      firstSpan(l).name += 'x';
    },
    (l) => {
      firstSpan(l).kind = 4242;
    },
    (l) => {
      firstSpan(l).flags = 12345;
    },
    (l) => {
      firstSpan(l).endTimeUnixNano = '5';
    },
    (l) => {
      firstSpan(l).status = { code: 8 };
    },
    (l) => {
      firstSpan(l).attributes = [...(firstSpan(l).attributes ?? []), text('new', '')];
    },
    (l) => {
      firstSpan(l).links = [...(firstSpan(l).links ?? []), {}];
    },
    (l) => {
      firstSpan(l).events = [...(firstSpan(l).events ?? []), {}];
    },
    (l) => {
      firstSpan(l).droppedLinksCount = 99;
    },
    (l) => {
      l[0].schemaUrl = 'other';
    },
    (l) => {
      l[0].scopeSpans[0].schemaUrl = 'other';
    },
    (l) => {
      l[0].resource = { droppedAttributesCount: 99 };
    },
    (l) => {
      l[0].scopeSpans[0].scope = { version: '99' };
    },
    (l) => {
      l[0].scopeSpans[0].spans.pop();
    },
    (l) => {
      l[0].scopeSpans[0].spans.push(firstSpan(l));
    },
  ];
  for (const change of changes) {
    const other = copy();
    change(other);
    assert.notEqual(difference(flatten(sent), flatten(other)), null, String(change));
  }
  assert.equal(difference(flatten(sent), flatten(copy())), null);
});

test('values of different types differ', () => {
  const values = [
    { intValue: '1' },
    { doubleValue: 1 },
    { stringValue: '1' },
    { boolValue: true },
    {},
    { stringValue: '' },
    { bytesValue: Buffer.alloc(0) },
    { bytesValue: Buffer.from('1') },
    { doubleValue: 0 },
    { doubleValue: -0 },
    { arrayValue: {} },
    { kvlistValue: {} },
    { doubleValue: NaN },
  ];
  assert.equal(new Set(values.map(valueText)).size, values.length);
});

test('the JSON form reads as the protobuf form', () => {
  const id = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const json = [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [
        {
          scope: { name: 'lib', version: '1' },
          spans: [
            {
              traceId: id.toString('base64'),
              spanId: 'AAAAAAAAAAI=',
              name: 'n',
              kind: 'SPAN_KIND_SERVER',
              startTimeUnixNano: '1',
              attributes: [
                { key: 'd', value: { doubleValue: 'NaN' } },
                { key: 'b', value: { bytesValue: 'AQ==' } },
              ],
              status: { code: 'STATUS_CODE_ERROR' },
            },
          ],
        },
      ],
    },
  ];
  const sent = around([
    {
      traceId: id,
      spanId: Buffer.from('0000000000000002', 'hex'),
      name: 'n',
      kind: 2,
      startTimeUnixNano: '1',
      attributes: [
        { key: 'b', value: { bytesValue: Buffer.from([1]) } },
        { key: 'd', value: { doubleValue: NaN } },
      ],
      status: { code: 2 },
    },
  ]);
  assert.equal(difference(flatten(sent), flatten(fromJson(json))), null);
  assert.throws(() => fromJson([{ scopeSpans: [] }]), 'a resource must be there');
});

test('traces of several requests come together', () => {
  const [a, b] = [span(), span()];
  const map = byTrace([around([a]), around([b, { ...b, spanId: Buffer.alloc(8, 9) }])]);
  assert.deepEqual(
    [...map.values()].map((l) => l.length),
    [1, 2],
  );
});

test('configs merge', () => {
  assert.deepEqual(merge({ a: { b: 1, c: [1] } }, { a: { c: [2], d: null } }), {
    a: { b: 1, c: [2], d: null },
  });
});
