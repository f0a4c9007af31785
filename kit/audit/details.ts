/** What an audit entry tells of a request: its fields as JSON, those that describe a person apart, and no secret ones. */
import {
  type DescField,
  type DescMessage,
  getOption,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { Sensitivity, sensitivity } from '#gen/platform/policy/v1/policy_pb.ts';
import { limits } from '../limits.ts';

/** The fields of a request as two JSON objects, in the order of the contract. `personal` is empty when there are none. */
export interface Details {
  ordinary: string;
  personal: string;
}

/** Fields that are not set are left out, as in the JSON form of protobuf. Details that are too long only say how long. */
export function detailsOf(schema: DescMessage, request: Message): Details {
  const { ordinary, personal } = split(schema, request, false);
  return {
    ordinary: bounded(ordinary ?? {}),
    personal: personal === undefined ? '' : bounded(personal),
  };
}

function bounded(value: object): string {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  return bytes <= limits.auditDetailsBytesMax ? text : `{"omitted_bytes":${bytes}}`;
}

/** A value in its two parts; a part in which nothing is set is undefined. */
interface Parts<Value = unknown> {
  ordinary?: Value | undefined;
  personal?: Value | undefined;
}

type Plan = { field: DescField; isPersonal: boolean }[];

const plans = new WeakMap<DescMessage, Plan>();

/** The fields of a message that may be told. */
function planOf(schema: DescMessage): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = schema.fields.flatMap((field) => {
      const marked = getOption(field, sensitivity);
      if (marked === Sensitivity.SECRET) return [];
      return [{ field, isPersonal: marked === Sensitivity.PERSONAL }];
    });
    plans.set(schema, plan);
  }
  return plan;
}

function split(schema: DescMessage, message: Message, isPersonal: boolean): Parts<object> {
  const values = message as unknown as Record<string, unknown>;
  let ordinary: Record<string, unknown> | undefined;
  let personal: Record<string, unknown> | undefined;
  for (const { field, isPersonal: isMarked } of planOf(schema)) {
    const value = valueOf(field, values);
    if (isUnset(value)) continue;
    const parts = splitField(field, value, isPersonal || isMarked);
    if (parts.ordinary !== undefined) {
      ordinary ??= {};
      ordinary[field.jsonName] = parts.ordinary;
    }
    if (parts.personal !== undefined) {
      personal ??= {};
      personal[field.jsonName] = parts.personal;
    }
  }
  return { ordinary, personal };
}

function valueOf({ oneof, localName }: DescField, values: Record<string, unknown>): unknown {
  if (oneof === undefined) return values[localName];
  const chosen = values[oneof.localName] as { case?: string; value?: unknown };
  return chosen.case === localName ? chosen.value : undefined;
}

function isUnset(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === 0n || value === false) {
    return true;
  }
  return (value as { length?: number }).length === 0;
}

function splitField(field: DescField, value: unknown, isPersonal: boolean): Parts {
  if (field.fieldKind === 'list') {
    return joined((value as unknown[]).map((each) => splitOne(field, each, isPersonal)));
  }
  if (field.fieldKind === 'map') {
    const entries = Object.entries(value as object).map(
      ([key, each]) => [key, splitOne(field, each, isPersonal)] as const,
    );
    const side = (part: keyof Parts) => {
      const found = entries.filter(([, parts]) => parts[part] !== undefined);
      return found.length === 0
        ? undefined
        : Object.fromEntries(found.map(([key, parts]) => [key, parts[part]]));
    };
    return { ordinary: side('ordinary'), personal: side('personal') };
  }
  return splitOne(field, value, isPersonal);
}

/** Two lists in which each element has its place, and null where it has no such part. */
function joined(elements: readonly Parts[]): Parts {
  const side = (part: keyof Parts) =>
    elements.some((parts) => parts[part] !== undefined)
      ? elements.map((parts) => parts[part] ?? null)
      : undefined;
  return { ordinary: side('ordinary'), personal: side('personal') };
}

function splitOne(field: DescField, value: unknown, isPersonal: boolean): Parts {
  if (field.message !== undefined && !field.message.typeName.startsWith('google.protobuf.')) {
    return split(field.message, value as Message, isPersonal);
  }
  const json = plainJson(field, value);
  return isPersonal ? { personal: json } : { ordinary: json };
}

function plainJson(field: DescField, value: unknown): unknown {
  if (field.message !== undefined) return toJson(field.message, value as Message);
  if (field.enum !== undefined) return field.enum.value[value as number]?.name ?? value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return Number.isNaN(value) || Math.abs(value as number) === Infinity ? String(value) : value;
}
