/** Requests made from the contract alone, one for each way to break one of its rules. */
import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { type FieldRules, oneof as oneofOption } from '#gen/buf/validate/validate_pb.ts';
import { goodItem, goodValue, type Init, wellFormed, withField } from './good.ts';
import {
  choicesOf,
  isStrict,
  mapOf,
  mayBeEmpty,
  othersOf,
  repeatedOf,
  rulesOf,
  stringOf,
} from './rules.ts';

/** A request that is wrong in one place. */
export interface Fault {
  what: string;
  /** Path of the field in proto names, as violations give it. */
  field: string;
  /** Whether the rules of the contract forbid it; else it is only suspicious, and the domain decides. */
  isForbidden: boolean;
  request: Init;
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
    ...choicesOf(schema).map((fields) => ({
      what: 'everything chosen',
      // The rule is the message's: its violation names none of the fields.
      field: '',
      isForbidden: true,
      request: {
        ...wellFormed(schema),
        ...Object.fromEntries(fields.map((field) => [field.localName, goodValue(field)])),
      },
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

interface BadValue {
  what: string;
  path: string;
  value: unknown;
  isForbidden: boolean;
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
      path: path === '' ? '' : `.${path}`,
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
  if (field.scalar === ScalarType.STRING) return badTexts(field, rules, bad);
  if (rules?.type.case === 'bytes') {
    const { len, maxLen } = rules.type.value;
    return [bad('oversized', Buffer.alloc(Number(len || maxLen) + 1))];
  }
  return badNumbers(field, rules, bad);
}

type MakeBad = (what: string, value: unknown, isForbidden?: boolean) => BadValue;

function badTexts(field: DescField, rules: FieldRules | undefined, bad: MakeBad): BadValue[] {
  const text = stringOf(rules);
  const found = [bad('control characters', '\u0000\u0001\u202e', isStrict(rules))];
  // Text that would be statements where it is not held apart from them.
  found.push(bad('quotes', `'; drop table outbox; --`, isStrict(rules)));
  if (field.name === 'page_token') found.push(bad('damaged', 'AAAA', false));
  if (text === undefined) return found;
  if (text.maxLen > 0n) found.push(bad('oversized', 'x'.repeat(Number(text.maxLen) + 1)));
  const acceptsEmpty = text.pattern !== '' && new RegExp(text.pattern, 'u').test('');
  // One of a choice that is empty is not there.
  const isOptional = mayBeEmpty(field) || othersOf(field).length > 0;
  if (!isOptional && !acceptsEmpty) found.push(bad('empty', ''));
  return found;
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
