import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AuthenticateRequestSchema } from '#gen/platform/user/v1/session_pb.ts';
import { allServices } from './contract.ts';
import { findUnmarked } from './sensitivity.ts';

/** The same, as if nobody had marked anything. */
function unmarked(message: DescMessage): DescMessage {
  const fields = message.fields.map((field) => ({
    ...field,
    proto: { ...field.proto, options: undefined },
  }));
  return { ...message, fields } as DescMessage;
}

const taking = (input: DescMessage): DescService[] => [
  { methods: [{ input, output: input } as DescMethod] } as unknown as DescService,
];

test('a password and an email address that nobody marked are found by their names', () => {
  expect(findUnmarked(taking(AuthenticateRequestSchema))).toEqual([]);
  const found = findUnmarked(taking(unmarked(AuthenticateRequestSchema)));
  expect(found.map((line) => line.replace(/^.*AuthenticateRequest\./, ''))).toEqual([
    'email needs (platform.policy.v1.sensitivity) = SENSITIVITY_PERSONAL',
    'password needs (platform.policy.v1.sensitivity) = SENSITIVITY_SECRET',
    'device_name needs (platform.policy.v1.sensitivity) = SENSITIVITY_PERSONAL',
  ]);
});

test('the contract marks all of them', () => {
  expect(findUnmarked(allServices())).toEqual([]);
});
