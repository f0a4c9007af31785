/** Requests made from the contract alone that keep all its rules. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { FieldRules } from '#gen/buf/validate/validate_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { choicesOf, mapOf, othersOf, repeatedOf, rulesOf, stringOf } from './rules.ts';

/** A message as its initialiser. */
export type Init = Record<string, unknown>;

/** A request that keeps every rule and names things that do not exist. */
export function wellFormed(schema: DescMessage): Init {
  const message: Init = {};
  for (const member of schema.members) {
    if (member.kind === 'field') message[member.localName] = goodValue(member);
    else message[member.localName] = choose(member.fields[0]!);
  }
  return choicesOf(schema).reduce((chosen, [first]) => without(chosen, othersOf(first!)), message);
}

/** As wellFormed; where the contract lets its caller choose between fields, one request for each choice. */
export function everyWellFormed(schema: DescMessage): Init[] {
  const choices = [...schema.oneofs.map(({ fields }) => fields), ...choicesOf(schema)].flatMap(
    (fields) => fields.map((field) => withField(schema, field, goodValue(field))),
  );
  return choices.length > 0 ? choices : [wellFormed(schema)];
}

/** A request that keeps every rule, but for the value of one field. */
export function withField(schema: DescMessage, field: DescField, value: unknown): Init {
  return field.oneof === undefined
    ? without({ ...wellFormed(schema), [field.localName]: value }, othersOf(field))
    : { ...wellFormed(schema), [field.oneof.localName]: choose(field, value) };
}

function without(message: Init, fields: readonly DescField[]): Init {
  const names = new Set(fields.map(({ localName }) => localName));
  return Object.fromEntries(Object.entries(message).filter(([name]) => !names.has(name)));
}

/** How an initialiser says which field of a oneof is there. */
function choose(field: DescField, value: unknown = goodValue(field)) {
  return { case: field.localName, value };
}

/** A value that keeps the rules of its field. */
export function goodValue(field: DescField): unknown {
  const rules = rulesOf(field);
  if (field.fieldKind === 'list') return [goodItem(field, repeatedOf(rules)?.items)];
  if (field.fieldKind === 'map') {
    const value = field.message ? wellFormed(field.message) : goodItem(field, mapOf(rules)?.values);
    return { [goodText(mapOf(rules)?.keys)]: value };
  }
  return goodItem(field, rules);
}

/** A value that keeps the rules of an item: of a list, of a map, or of a field alone. */
export function goodItem(field: DescField, rules: FieldRules | undefined): unknown {
  if (field.message?.typeName === 'google.protobuf.FieldMask') return { paths: [maskOf(field)] };
  if (field.message) return wellFormed(field.message);
  // The last value: the first is often the one that means nothing.
  if (field.enum) return field.enum.values.at(-1)!.number;
  switch (field.scalar) {
    case ScalarType.STRING:
      return goodText(rules);
    case ScalarType.BYTES:
      return goodBytes(rules);
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    default:
      return 1;
  }
}

/** As many as the contract says, where it does. */
function goodBytes(rules: FieldRules | undefined): Uint8Array {
  const length = rules?.type.case === 'bytes' ? rules.type.value.len : 0n;
  return length === 0n ? Buffer.from('{}') : Buffer.alloc(Number(length), 1);
}

/** Something that a mask may name: what its rule lists, else a field beside it. */
function maskOf(field: DescField): string {
  const rules = rulesOf(field);
  const listed = rules?.type.case === 'fieldMask' ? rules.type.value.in[0] : undefined;
  const beside = field.parent.fields.find(({ name }) => !/_id$|_mask$/.test(name));
  return listed ?? beside?.name ?? '';
}

/** Texts of which one keeps each pattern of the contract; a new pattern may need a new text. */
const texts = [
  'somebody',
  'tok_visa',
  'DE',
  'EUR',
  '+4930123456',
  'SKU-1',
  'en',
  '1',
  'RED',
  'a',
  'account.close',
];

function goodText(rules: FieldRules | undefined): string {
  const text = stringOf(rules);
  if (text === undefined) return 'somebody';
  switch (text.wellKnown.case) {
    case 'uuid':
      return uuidv7();
    case 'email':
      return `${uuidv7()}@example.com`;
    case 'uri':
      return 'https://example.com/picture.png';
  }
  const pattern = new RegExp(text.pattern, 'u');
  const found = texts.find((candidate) => pattern.test(candidate));
  if (found === undefined) throw new Error(`no text here keeps ${text.pattern}: add one`);
  return found.padEnd(Number(text.minLen), '-');
}
