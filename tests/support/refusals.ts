/** What every refusal of the mesh must look like. */
import { createRegistry, type DescService } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { ErrorReasonSchema } from '#gen/platform/policy/v1/policy_pb.ts';
import { type Code, meshErrorDomain, type RpcError } from '#kit/errors.ts';
import { serviceContracts } from '#services/contracts.ts';
import type { Subject } from './any-method.ts';

/** Codes by which a caller learns what to do; INTERNAL, UNKNOWN and their like say only that we failed. */
const speakingCodes: readonly Code[] = [
  'invalid_argument',
  'not_found',
  'already_exists',
  'permission_denied',
  'unauthenticated',
  'failed_precondition',
  'out_of_range',
  'aborted',
  'resource_exhausted',
  'unavailable',
  'deadline_exceeded',
];

const meshReasons = reasonsOf(ErrorReasonSchema.values);
const contract = createRegistry(
  ...serviceContracts.flatMap(({ contracts }) => contracts.map(({ file }) => file)),
  OpsService.file,
);

/** The reasons that the package of a service declares, without their prefix. */
export function declaredReasons(service: DescService): Set<string> {
  const found = contract.getEnum(`${service.file.proto.package}.ErrorReason`);
  return reasonsOf(found?.values ?? []);
}

function reasonsOf(values: readonly { name: string; number: number }[]): Set<string> {
  const named = values.filter(({ number }) => number !== 0);
  return new Set(named.map(({ name }) => name.replace('ERROR_REASON_', '')));
}

/** Words of drivers, statements and stacks. */
const internals =
  /\b(select|insert|update|delete) .*\b(from|into|set)\b|postgres|redis|nats|ECONN|constraint|relation "|node_modules|\.ts\b|\bat .+:\d+|undefined|\[object/i;

/** A refusal must have a code that helps, a reason of the contract, and no word about what is inside. */
export function expectTyped(refusal: RpcError, { method }: Subject, what: string): void {
  expect(speakingCodes, `${what}: ${refusal.code}, ${refusal.message}`).toContain(refusal.code);
  const reasons = refusal.domain === meshErrorDomain ? meshReasons : declaredReasons(method.parent);
  expect([...reasons], `${what}: its reason`).toContain(refusal.reason);
  if (refusal.domain !== meshErrorDomain) expect(refusal.domain).toBe(method.parent.typeName);
  expect(refusal.message, what).not.toMatch(internals);
  for (const value of Object.values(refusal.metadata)) expect(value, what).not.toMatch(internals);
}
