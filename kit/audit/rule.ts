/** What the contract says of a method's entry in the audit log, in the form in which entries are made. */
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Audit } from '#gen/platform/policy/v1/policy_pb.ts';

/** How the entry of a successful call is made. */
export interface AuditRule {
  /** "order.cancel" */
  action: string;
  /** "order" */
  resource: string;
  resourceIdOf: IdOf;
  /** Empty for the person who calls. */
  subjectIdOf: IdOf;
}

/** Finds an id in what is known of an answered call; empty where it is not set. */
export type IdOf = (of: { request: Message; response: Message; userId: string }) => string;

/** The option of a method is not one by which an entry could be made. */
export class AuditInvalid extends Error {
  constructor(method: DescMethod, why: string) {
    super(`proto/${method.parent.file.name}.proto: ${method.parent.name}.${method.name} ${why}`);
  }
}

/** Reads the option of a method. Throws AuditInvalid. */
export function readAudit(method: DescMethod, option: Audit): AuditRule {
  const { action, resourceId, subjectId } = option;
  const resource = /^([a-z_]+)\.[a-z_]+$/.exec(action)?.[1];
  if (resource === undefined) {
    throw new AuditInvalid(method, `is audited as "${action}", which is not like "order.cancel"`);
  }
  if (resourceId === '') {
    throw new AuditInvalid(method, 'is audited and does not say which resource_id its entry has');
  }
  return {
    action,
    resource,
    resourceIdOf: idAt(method, resourceId),
    subjectIdOf: subjectId === '' ? () => '' : idAt(method, subjectId),
  };
}

function idAt(method: DescMethod, path: string): IdOf {
  if (path === 'caller') return ({ userId }) => userId;
  const [side, ...names] = path.split('.');
  if ((side !== 'request' && side !== 'response') || names.length === 0) {
    throw new AuditInvalid(method, `is audited by "${path}", which is no field of it`);
  }
  const steps = stepsTo(method, side === 'request' ? method.input : method.output, names, path);
  return (of) => {
    let value: unknown = of[side];
    for (const step of steps) value = (value as Record<string, unknown> | undefined)?.[step];
    return Array.isArray(value) ? value.join(' ') : String(value ?? '');
  };
}

/** The names in code of the fields that lead to an id. */
function stepsTo(
  method: DescMethod,
  schema: DescMessage,
  names: readonly string[],
  path: string,
): string[] {
  const [name, ...rest] = names;
  const field = schema.fields.find((one) => one.name === name);
  const isPlain = field !== undefined && field.oneof === undefined;
  if (isPlain && rest.length === 0 && isText(field)) return [field.localName];
  if (isPlain && rest.length > 0 && field.fieldKind === 'message') {
    return [field.localName, ...stepsTo(method, field.message, rest, path)];
  }
  throw new AuditInvalid(method, `is audited by "${path}", which leads to no text of it`);
}

/** Text, and whole numbers as of versions: in the entry they are text. */
const idTypes = new Set<ScalarType | undefined>([ScalarType.STRING, ScalarType.INT64]);

function isText(field: DescField): boolean {
  const isOne = field.fieldKind === 'scalar' && idTypes.has(field.scalar);
  return isOne || (field.fieldKind === 'list' && idTypes.has(field.scalar));
}
