import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ReplayDeadLettersRequestSchema } from '#gen/platform/ops/v1/ops_pb.ts';
import { FieldsInvalid } from '../../mesh-errors.ts';
import { settleTexts } from './texts.ts';

const upper = '0190A1B2-0000-7000-8000-00000000ABCD';

describe('the texts of a request', () => {
  test('have their UUIDs in lower case, alone and in lists', () => {
    const request = create(ReplayDeadLettersRequestSchema, { requestId: upper, eventIds: [upper] });
    settleTexts(ReplayDeadLettersRequestSchema, request);
    expect(request).toMatchObject({
      requestId: upper.toLowerCase(),
      eventIds: [upper.toLowerCase()],
    });
  });

  test('are left alone where they are no UUIDs', () => {
    const message = create(ErrorInfoSchema, { reason: upper, metadata: { KEY: 'Value' } });
    settleTexts(ErrorInfoSchema, message);
    expect(message).toMatchObject({ reason: upper, metadata: { KEY: 'Value' } });
  });

  test.each([
    ['reason', { reason: 'a\0b' }],
    ['metadata[key]', { metadata: { key: '\0' } }],
    ['metadata', { metadata: { 'key\0': 'value' } }],
  ])('with U+0000 are refused by the name of the field: %s', (field, init) => {
    const message = create(ErrorInfoSchema, init);
    const violations = [{ field, description: 'must not contain U+0000' }];
    expect(() => settleTexts(ErrorInfoSchema, message)).toThrow(FieldsInvalid);
    try {
      settleTexts(ErrorInfoSchema, message);
    } catch (error) {
      expect(error).toMatchObject({ violations });
    }
  });
});
