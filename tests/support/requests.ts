/** Requests made from the contract alone: one that keeps all rules, and one for each way to break one of them. */
import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as fieldOption,
  Ignore,
  oneof as oneofOption,
} from '#gen/buf/validate/validate_pb.ts';
import { uuidv7 } from '#kit/ids.ts';

/** A message as its initialiser. */
export type Init = Record<string, unknown>;

/** A request that is wrong in one place. */
export interface Fault {
  what: string;
  /** Path of the field in proto names, as violations give it. */
  field: string;
  /** Whether the rules of the contract forbid it; else it is only suspicious, and the domain decides. */
  isForbidden: boolean;
  request: Init;
}

/** A request that keeps every rule and names things that do not exist. */
export function wellFormed(schema: DescMessage): Init {
  const message: Init = {};
  for (const member of schema.members) {
    if (member.kind === 'field') message[member.localName] = goodValue(member);
    else message[member.localName] = choose(member.fields[0]!);
  }
  return message;
}

/** As wellFormed; where the contract lets its caller choose between fields, one request for each choice. */
export function everyWellFormed(schema: DescMessage): Init[] {
  const choices = schema.oneofs.flatMap(({ localName, fields }) =>
    fields.map((field) => ({ ...wellFormed(schema), [localName]: choose(field) })),
  );
  return choices.length > 0 ? choices : [wellFormed(schema)];
}

/** Whether a request may leave a text out. */
export function mayBeEmpty(field: DescField): boolean {
  const rules = rulesOf(field);
  const text = stringOf(rules);
  return rules?.ignore === Ignore.IF_ZERO_VALUE || (text?.minLen === 0n && !isStrict(rules));
}

/** Every request that breaks one rule of the contract. */
export function faultsOf(schema: DescMessage): Fault[] {
  const unset = schema.oneofs.filter(
    (oneof) => hasOption(oneof, oneofOption) && getOption(oneof, oneofOption).required,
  );
  return [
    ...unset.map((oneof) => ({
      what: 'nothing chosen',
      field: oneof.name,
      isForbidden: true,
      request: { ...wellFormed(schema), [oneof.localName]: { case: undefined } },
    })),
    ...schema.fields.flatMap((field) =>
      badValues(field).map(({ what, path, value, isForbidden }) => ({
        what,
        field: `${field.name}${path}`,
        isForbidden,
        request: withField(schema, field, value),
      })),
    ),
  ];
}

/** A request that keeps every rule, but for the value of one field. */
export function withField(schema: DescMessage, field: DescField, value: unknown): Init {
  return field.oneof === undefined
    ? { ...wellFormed(schema), [field.localName]: value }
    : { ...wellFormed(schema), [field.oneof.localName]: choose(field, value) };
}

/** The fields of a request, those of its parts included, that the contract leaves without a bound. */
export function unboundedFields(schema: DescMessage): string[] {
  return schema.fields.flatMap((field) => {
    const rules = rulesOf(field);
    const name = `${schema.typeName}.${field.name}`;
    const inner =
      field.message && !isWellKnown(field.message) ? unboundedFields(field.message) : [];
    if (field.fieldKind === 'list' && !repeatedOf(rules)?.maxItems) return [name, ...inner];
    if (field.fieldKind === 'map' && !mapOf(rules)?.maxPairs) return [name, ...inner];
    if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) return inner;
    return isBounded(rules) ? inner : [name, ...inner];
  });
}

/** The largest page that a request may ask for. */
export function largestPage(pageSize: DescField): number {
  const rules = rulesOf(pageSize);
  const most = rules?.type.case === 'int32' ? rules.type.value.lessThan : undefined;
  if (most?.case !== 'lte') throw new Error(`${pageSize.parent.typeName} bounds no page`);
  return most.value;
}

/** The fields of a request, those of its parts included, that hold UUIDs. */
export function uuidFields(schema: DescMessage): DescField[] {
  return schema.fields.flatMap((field) => {
    if (field.message) return isWellKnown(field.message) ? [] : uuidFields(field.message);
    const rules = rulesOf(field);
    return isUuid(rules) || isUuid(repeatedOf(rules)?.items) ? [field] : [];
  });
}

function isBounded(rules: FieldRules | undefined): boolean {
  const text = stringOf(rules);
  return text !== undefined && (text.maxLen > 0n || text.pattern !== '' || isUuid(rules));
}

const isWellKnown = ({ typeName }: DescMessage) => typeName.startsWith('google.protobuf.');

interface BadValue {
  what: string;
  path: string;
  value: unknown;
  isForbidden: boolean;
}

function choose(field: DescField, value: unknown = goodValue(field)) {
  return { case: field.localName, value };
}

function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
}

const stringOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'string' ? rules.type.value : undefined;
const repeatedOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'repeated' ? rules.type.value : undefined;
const mapOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'map' ? rules.type.value : undefined;
const isUuid = (rules: FieldRules | undefined) => {
  const known = stringOf(rules)?.wellKnown;
  return known?.case === 'uuid' && known.value;
};

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

function goodItem(field: DescField, rules: FieldRules | undefined): unknown {
  if (field.message?.typeName === 'google.protobuf.FieldMask') return { paths: [maskOf(field)] };
  if (field.message) return wellFormed(field.message);
  // The last value: the first is often the one that means nothing.
  if (field.enum) return field.enum.values.at(-1)!.number;
  switch (field.scalar) {
    case ScalarType.STRING:
      return goodText(rules);
    case ScalarType.BYTES:
      return Buffer.from('{}');
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    default:
      return 1;
  }
}

/** Something that a mask may name: what its rule lists, else a field beside it. */
function maskOf(field: DescField): string {
  const rules = rulesOf(field);
  const listed = rules?.type.case === 'fieldMask' ? rules.type.value.in[0] : undefined;
  const beside = field.parent.fields.find(({ name }) => !/_id$|_mask$/.test(name));
  return listed ?? beside?.name ?? '';
}

/** Texts of which one keeps each pattern of the contract; a new pattern may need a new text. */
const texts = ['somebody', 'tok_visa', 'DE', 'EUR', '+4930123456', 'SKU-1', 'en', '1', 'RED', 'a'];

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

function badValues(field: DescField): BadValue[] {
  const rules = rulesOf(field);
  if (field.fieldKind === 'list') return badLists(field, rules);
  if (field.fieldKind === 'map') return badMaps(field, rules);
  const missing = { what: 'missing', path: '', value: undefined, isForbidden: true };
  return [...(rules?.required ? [missing] : []), ...badItems(field, rules)];
}

function badLists(field: DescField, rules: FieldRules | undefined): BadValue[] {
  const { minItems = 0n, maxItems = 0n, unique = false, items } = repeatedOf(rules) ?? {};
  const list = (length: number) => Array.from({ length }, () => goodItem(field, items));
  const whole = (what: string, value: unknown) => ({ what, path: '', value, isForbidden: true });
  return [
    ...(minItems > 0n ? [whole('empty', [])] : []),
    ...(maxItems > 0n ? [whole('too long', list(Number(maxItems) + 1))] : []),
    ...(unique ? [whole('with a repeat', Array(2).fill(goodItem(field, items)))] : []),
    ...badItems(field, items).map((bad) => ({
      ...bad,
      path: `[0]${bad.path}`,
      value: [bad.value],
    })),
  ];
}

function badMaps(field: DescField, rules: FieldRules | undefined): BadValue[] {
  const good = goodValue(field) as Record<string, unknown>;
  const [value] = Object.values(good);
  const pairs = Number(mapOf(rules)?.maxPairs ?? 0n);
  const many = Object.fromEntries(Array.from({ length: pairs + 1 }, (_, i) => [`k${i}`, value]));
  const bad = (what: string, made: unknown) => ({ what, path: '', value: made, isForbidden: true });
  return [
    ...(pairs > 0 ? [bad('with too many pairs', many)] : []),
    ...(mapOf(rules)?.keys ? [bad('with a malformed key', { '§ §': value })] : []),
  ];
}

function badItems(field: DescField, rules: FieldRules | undefined): BadValue[] {
  if (field.message?.typeName === 'google.protobuf.FieldMask') {
    return [{ what: 'unknown path', path: '', value: { paths: ['no_such'] }, isForbidden: false }];
  }
  if (field.message) {
    return faultsOf(field.message).map(({ what, field: path, request, isForbidden }) => ({
      what,
      path: `.${path}`,
      value: request,
      isForbidden,
    }));
  }
  const bad = (what: string, value: unknown, isForbidden = true) => ({
    what,
    path: '',
    value,
    isForbidden,
  });
  if (field.enum) return [bad('undefined', 9_999, rules?.type.case === 'enum')];
  if (field.scalar === ScalarType.STRING) return badTexts(field.name, rules, bad);
  if (rules?.type.case === 'bytes') {
    return [bad('oversized', Buffer.alloc(Number(rules.type.value.maxLen) + 1))];
  }
  return badNumbers(field, rules, bad);
}

type MakeBad = (what: string, value: unknown, isForbidden?: boolean) => BadValue;

function badTexts(name: string, rules: FieldRules | undefined, bad: MakeBad): BadValue[] {
  const text = stringOf(rules);
  const found = [bad('control characters', '\u0000\u0001\u202e', isStrict(rules))];
  // Text that would be statements where it is not held apart from them.
  found.push(bad('quotes', `'; drop table outbox; --`, isStrict(rules)));
  if (name === 'page_token') found.push(bad('damaged', 'AAAA', false));
  if (text === undefined) return found;
  if (text.maxLen > 0n) found.push(bad('oversized', 'x'.repeat(Number(text.maxLen) + 1)));
  const isFree = text.minLen === 0n && !isStrict(rules);
  const isIgnored = rules?.ignore === Ignore.IF_ZERO_VALUE;
  const acceptsEmpty = text.pattern !== '' && new RegExp(text.pattern, 'u').test('');
  if (!isFree && !isIgnored && !acceptsEmpty) found.push(bad('empty', ''));
  return found;
}

/** Whether the rule says what a text must look like, beyond its length. */
function isStrict(rules: FieldRules | undefined): boolean {
  const text = stringOf(rules);
  return text !== undefined && (text.pattern !== '' || text.wellKnown.case !== undefined);
}

function badNumbers(field: DescField, rules: FieldRules | undefined, bad: MakeBad): BadValue[] {
  if (field.scalar === ScalarType.INT32) {
    if (rules?.type.case !== 'int32') return [bad('huge', 2 ** 31 - 1, false)];
    const { greaterThan, lessThan } = rules.type.value;
    return [
      ...(greaterThan.case === 'gte' ? [bad('too small', greaterThan.value - 1)] : []),
      ...(lessThan.case === 'lte' ? [bad('too large', lessThan.value + 1)] : []),
    ];
  }
  if (field.scalar !== ScalarType.INT64) return [];
  const { greaterThan, lessThan } =
    rules?.type.case === 'int64'
      ? rules.type.value
      : { greaterThan: undefined, lessThan: undefined };
  const hasLeast = greaterThan?.case === 'gte';
  const hasMost = lessThan?.case === 'lte';
  return [
    bad('too small', hasLeast ? greaterThan.value - 1n : -(2n ** 63n), hasLeast),
    bad('too large', hasMost ? lessThan.value + 1n : 2n ** 63n - 1n, hasMost),
  ];
}
