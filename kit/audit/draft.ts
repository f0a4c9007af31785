import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf';
import { policyOf } from '../rpc/policy.ts';
import type { Call } from '../rpc/server/call.ts';
import type { AuditRule } from './rule.ts';

/** What the entry of a call is made of once the call has succeeded. */
export interface EntryDraft {
  rule: AuditRule;
  call: Call;
  schema: DescMessage;
  request: Message;
  /** When the call came: milliseconds since the epoch. */
  actedAt: number;
}

/**
 * The draft of an audited call; undefined where the contract wants no entry. `schema` is that of `request`, which is the
 * item of a batch or the request of the method itself.
 */
export function draftEntry(
  call: Call,
  schema: DescMessage,
  request: Message,
): EntryDraft | undefined {
  const { audit: rule } = policyOf(methodFor(call.method, schema));
  return rule && { rule, call, schema, request, actedAt: Date.now() };
}

/** The method for one of what a batch method takes many of. */
function methodFor(method: DescMethod, schema: DescMessage): DescMethod {
  if (method.input === schema) return method;
  return method.parent.methods.find(({ input }) => input === schema) ?? method;
}
