import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Audience, method as methodPolicy } from '#gen/platform/policy/v1/policy_pb.ts';

import { type AuditRule, readAudit } from '../audit/rule.ts';

/** What the contract says of one method, in the form that the interceptors use. */
export interface Policy {
  audience: 'internal' | 'public' | 'user' | 'staff';
  /** Services that may call as themselves. */
  services: ReadonlySet<string>;
  /** Whether every service of the mesh may. */
  isOpenToServices: boolean;
  /** Whether it makes no difference who calls: credentials, good or bad, are not looked at. */
  isAnonymous: boolean;
  /** Milliseconds a call gets by default; for streams the longest life. */
  deadlineMs: number;
  rateLimit: { calls: number; periodMs: number } | undefined;
  /** Undefined when the method is not audited. */
  audit: AuditRule | undefined;
  /** Whether the same request may be sent twice: the contract says that it has no or only one effect. */
  isRepeatable: boolean;
}

const audiences: Record<number, Policy['audience'] | undefined> = {
  [Audience.INTERNAL]: 'internal',
  [Audience.PUBLIC]: 'public',
  [Audience.USER]: 'user',
  [Audience.STAFF]: 'staff',
};

const operators: Policy = {
  audience: 'staff',
  services: new Set(),
  isOpenToServices: true,
  isAnonymous: false,
  deadlineMs: 3_600_000,
  rateLimit: undefined,
  audit: undefined,
  isRepeatable: true,
};
const everybody: Policy = { ...operators, audience: 'public', isAnonymous: true };

/**
 * The protocols of others cannot carry our options. What probes and tools need to find their way is open to whoever has
 * the port; who talks to whom, which channelz shows, is for staff and for services.
 */
const foreign: Record<string, Policy | undefined> = {
  'grpc.health.v1.Health': everybody,
  'grpc.reflection.v1.ServerReflection': everybody,
  'grpc.reflection.v1alpha.ServerReflection': everybody,
  'grpc.channelz.v1.Channelz': operators,
};

const cache = new WeakMap<DescMethod, Policy>();

/** The policy of a method. Throws PolicyMissing, and AuditInvalid: such a method must not be served. */
export function policyOf(method: DescMethod): Policy {
  let policy = cache.get(method);
  if (policy === undefined) {
    policy = read(method);
    cache.set(method, policy);
  }
  return policy;
}

function read(method: DescMethod): Policy {
  const known = foreign[method.parent.typeName];
  if (known) return known;
  if (!hasOption(method, methodPolicy)) throw new PolicyMissing(method);
  const option = getOption(method, methodPolicy);
  const audience = audiences[option.audience];
  if (audience === undefined) throw new PolicyMissing(method);
  return {
    audience,
    services: new Set(option.services),
    isOpenToServices: false,
    isAnonymous: false,
    deadlineMs: option.deadlineMs,
    rateLimit: option.rateLimit && {
      calls: option.rateLimit.calls,
      periodMs: option.rateLimit.periodSeconds * 1000,
    },
    audit: option.audit && readAudit(method, option.audit),
    isRepeatable: method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  };
}

/** A method of the contract says nothing of who may call it. */
export class PolicyMissing extends Error {
  constructor(method: DescMethod) {
    super(
      `proto/${method.parent.file.name}.proto: ${method.parent.name}.${method.name} does not say who may call it: ` +
        'give it the option (platform.policy.v1.method), with an audience and a deadline_ms',
    );
  }
}

/** "/package.Service/Method", as it goes over the wire. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Every method of a service with its policy, in the order of the contract. */
export function policiesOf(service: DescService): [DescMethod, Policy][] {
  return service.methods.map((method) => [method, policyOf(method)]);
}
