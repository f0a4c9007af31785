import { expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { codes } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { WireStatus } from '../engine.ts';
import { createRetryPolicy, type Failure } from './retry.ts';

function failed(options: Partial<Failure> & { status?: Partial<WireStatus>; leftMs?: number }) {
  const { status, leftMs = 10_000, ...rest } = options;
  return {
    call: {
      method: EchoService.method.echo,
      path: '',
      deadlineAt: Date.now() + leftMs,
      metadata: {},
      cancellation: undefined,
    },
    reply: {
      code: codes.unavailable,
      message: '',
      details: undefined,
      trailers: {},
      notProcessed: false,
      ...status,
    },
    attempts: 1,
    isRepeatable: true,
    ...rest,
  };
}

test('only UNAVAILABLE is tried again', () => {
  const policy = createRetryPolicy();
  const retried = Object.entries(codes).filter(
    ([, code]) => policy.next(failed({ status: { code } })) !== undefined,
  );
  expect(retried.map(([name]) => name)).toEqual(['unavailable']);
});

test('what must not be repeated is tried again only when it never arrived', () => {
  const policy = createRetryPolicy();
  expect(policy.next(failed({ isRepeatable: false }))).toBeUndefined();
  expect(policy.next(failed({ isRepeatable: false, status: { notProcessed: true } }))).toBe(0);
});

test('pauses grow, and end with the attempts', () => {
  const policy = createRetryPolicy(() => 0.999);
  expect(policy.next(failed({ attempts: 1 }))).toBeCloseTo(limits.retryBackoffMsMin, 0);
  expect(policy.next(failed({ attempts: 2 }))).toBeCloseTo(limits.retryBackoffMsMin * 4, 0);
  expect(policy.next(failed({ attempts: limits.attemptsMax }))).toBeUndefined();
});

test('nothing is tried again that could not be answered in time', () => {
  const policy = createRetryPolicy(() => 0.999);
  expect(policy.next(failed({ leftMs: limits.retryBackoffMsMin }))).toBeUndefined();
});

test('a server that asks for a pause gets it, and one that asks for peace too', () => {
  const policy = createRetryPolicy();
  const asked = (value: string) =>
    policy.next(failed({ status: { trailers: { 'grpc-retry-pushback-ms': value } } }));
  expect(asked('123')).toBe(123);
  expect(asked('0')).toBe(0);
  expect(asked('-1')).toBeUndefined();
});

test('failures use the budget up, successes give a little back, and what never arrived is free', () => {
  const policy = createRetryPolicy();
  let retries = 0;
  while (policy.next(failed({})) !== undefined) retries += 1;
  expect(retries).toBe(limits.retryTokensMax / 2 - 1);
  expect(policy.next(failed({ status: { notProcessed: true } }))).toBe(0);
  const successes = Math.ceil(1.5 / limits.retryTokensPerSuccess);
  for (let i = 0; i < successes; i += 1) policy.succeeded();
  expect(policy.next(failed({}))).toBeDefined();
  expect(policy.next(failed({}))).toBeUndefined();
});
