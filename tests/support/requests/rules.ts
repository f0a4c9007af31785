/** What the contract says of the fields of a request. */
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
  message as messageOption,
} from '#gen/buf/validate/validate_pb.ts';

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

/** Fields of which a message takes one, as the rules of the message itself say: each list is one choice. */
export function choicesOf(schema: DescMessage): DescField[][] {
  if (!hasOption(schema, messageOption)) return [];
  return getOption(schema, messageOption).oneof.map(({ fields }) =>
    schema.fields.filter(({ name }) => fields.includes(name)),
  );
}

/** The fields that are not there when this one is, by such a choice. */
export function othersOf(field: DescField): DescField[] {
  const choice = choicesOf(field.parent).find((fields) => fields.includes(field)) ?? [];
  return choice.filter((other) => other !== field);
}

/** Whether a request may leave a text out. */
export function mayBeEmpty(field: DescField): boolean {
  const rules = rulesOf(field);
  const text = stringOf(rules);
  return rules?.ignore === Ignore.IF_ZERO_VALUE || (text?.minLen === 0n && !isStrict(rules));
}

function isBounded(rules: FieldRules | undefined): boolean {
  const text = stringOf(rules);
  return text !== undefined && (text.maxLen > 0n || text.pattern !== '' || isUuid(rules));
}

const isWellKnown = ({ typeName }: DescMessage) => typeName.startsWith('google.protobuf.');

/** All that the contract says of a field; undefined where it says nothing. */
export function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
}

/** What the rules say of a text, a list or a map; undefined where the field is none. */
export const stringOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'string' ? rules.type.value : undefined;
export const repeatedOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'repeated' ? rules.type.value : undefined;
export const mapOf = (rules: FieldRules | undefined) =>
  rules?.type.case === 'map' ? rules.type.value : undefined;
const isUuid = (rules: FieldRules | undefined) => {
  const known = stringOf(rules)?.wellKnown;
  return known?.case === 'uuid' && known.value;
};

/** Whether the rule says what a text must look like, beyond its length. */
export function isStrict(rules: FieldRules | undefined): boolean {
  const text = stringOf(rules);
  return text !== undefined && (text.pattern !== '' || text.wellKnown.case !== undefined);
}
