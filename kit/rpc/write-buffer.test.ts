import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EchoRequestSchema } from '#gen/platform/testing/v1/testing_pb.ts';
import './write-buffer.ts';

/** Around the limits of what is packed, of one piece of memory and of the shared buffer. */
const lengths = [0, 1, 127, 128, 1000, 1024, 1025, 8191, 8193, 65_535, 65_537, 300_000];

function encode(text: string): Uint8Array {
  return toBinary(EchoRequestSchema, create(EchoRequestSchema, { text, numbers: [1n, -1n] }));
}

function decode(bytes: Uint8Array): string {
  const { text, numbers } = fromBinary(EchoRequestSchema, bytes);
  expect(numbers).toEqual([1n, -1n]);
  return text;
}

test('each message is what it was, whatever was written before and after it', () => {
  const text = fc
    .record({ length: fc.constantFrom(...lengths), letter: fc.constantFrom('a', 'é', '🙂') })
    .map(({ length, letter }) => letter.repeat(length / letter.length));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), (texts) => {
      const written = texts.map(encode);
      expect(written.map(decode)).toEqual(texts);
    }),
  );
});

test('a message that cannot be written does no harm to those after it', () => {
  const wrong = create(EchoRequestSchema, { text: 'lost', numbers: [1n, 2n ** 64n] });
  const before = encode('before');
  expect(() => toBinary(EchoRequestSchema, wrong)).toThrow(/int64/);
  const after = [encode('after'), encode('after that')];
  expect([before, ...after].map(decode)).toEqual(['before', 'after', 'after that']);
});

test('two that write at once have a buffer each, and one that is used again begins anew', () => {
  const [one, other] = [new BinaryWriter(), new BinaryWriter()];
  one.string('one').fork().fixed32(1);
  other.fixed64(2n).string('other');
  const ones = one.join().finish();
  const others = other.finish();
  const again = one.fixed64(3n).finish();

  const oneReader = new BinaryReader(ones);
  expect([oneReader.string(), oneReader.uint32(), oneReader.fixed32()]).toEqual(['one', 4, 1]);
  const otherReader = new BinaryReader(others);
  expect([otherReader.fixed64(), otherReader.string()]).toEqual([2n, 'other']);
  expect(new BinaryReader(again).fixed64()).toBe(3n);
});
