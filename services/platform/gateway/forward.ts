import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { Client } from '#kit/rpc/client/client.ts';
import { policyOf } from '#kit/rpc/policy.ts';
import type { Implementation } from '#kit/rpc/server/handlers.ts';

type AnyClient = Record<string, (request: unknown) => unknown>;

/**
 * Implements a service by passing every call on to it. What the policy forbids never comes this far: the gateway's own
 * interceptors read the same contract. Deadline, trace and the person's token go along by themselves.
 */
export function forwardTo(service: DescService, client: Client<DescService>): Implementation {
  const methods = client as unknown as AnyClient;
  return {
    service,
    handlers: Object.fromEntries(
      service.methods.map((method) => [
        method.localName,
        (request: Message | AsyncIterable<Message>) => methods[method.localName]!(request),
      ]),
    ),
  };
}

/** Whether a stranger or a person could call any of it: other services have no place at the public door. */
export function isPublic(service: DescService): boolean {
  return service.methods.some((method: DescMethod) => policyOf(method).audience !== 'internal');
}
