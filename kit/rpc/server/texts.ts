/** What every service may take for granted of the texts in its requests. */
import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { type FieldRules, field as fieldOption } from '#gen/buf/validate/validate_pb.ts';
import { FieldsInvalid } from '../../mesh-errors.ts';

/** A message, a list or a map: something that holds values by key. */
type Fields = Record<string | number, unknown>;

/**
 * Puts the texts of a request into the one form that services compare and store: UUIDs in lower case, as RFC 9562 wants
 * them. Throws FieldsInvalid for a text with U+0000, which PostgreSQL stores in none: one such text would fail a whole
 * batch of other people's calls. Works on the server's own copy of the message.
 */
export function settleTexts(schema: DescMessage, message: object): void {
  settlerOf(schema)(message as Fields, '');
}

type Settle = (holder: Fields, path: string) => void;

const settlers = new WeakMap<DescMessage, Settle>();

/** Made once per message type, of only those fields that can hold a text. */
function settlerOf(schema: DescMessage): Settle {
  const known = settlers.get(schema);
  if (known !== undefined) return known;
  let steps: Settle[] | undefined;
  // Fields are looked at with the first message: a type may contain itself.
  const settle: Settle = (holder, path) => {
    steps ??= schema.fields.flatMap((field) => stepOf(field) ?? []);
    for (const step of steps) step(holder, path);
  };
  settlers.set(schema, settle);
  return settle;
}

function stepOf(field: DescField): Settle | undefined {
  const { name, localName, oneof } = field;
  const value = valueStep(field);
  if (value === undefined) return undefined;
  if (oneof === undefined) return (holder, path) => value(holder, localName, path + name);
  return (holder, path) => {
    const choice = holder[oneof.localName] as { case?: string } & Fields;
    if (choice.case === localName) value(choice, 'value', path + name);
  };
}

type ValueStep = (holder: Fields, key: string | number, path: string) => void;

function valueStep(field: DescField): ValueStep | undefined {
  switch (field.fieldKind) {
    case 'scalar':
      return field.scalar === ScalarType.STRING ? textStep(isUuid(rulesOf(field))) : undefined;
    case 'message': {
      const settle = settlerOf(field.message);
      return (holder, key, path) => {
        if (holder[key] !== undefined) settle(holder[key] as Fields, `${path}.`);
      };
    }
    case 'list':
      return listStep(field);
    case 'map':
      return mapStep(field);
    default:
      return undefined;
  }
}

function textStep(isId: boolean): ValueStep {
  return (holder, key, path) => {
    const text = holder[key];
    if (typeof text !== 'string') return;
    checkText(text, path);
    if (isId) holder[key] = text.toLowerCase();
  };
}

function listStep(field: DescField & { fieldKind: 'list' }): ValueStep | undefined {
  const rules = rulesOf(field)?.type;
  const itemRules = rules?.case === 'repeated' ? rules.value.items : undefined;
  const step = itemStep(field, itemRules);
  return (
    step &&
    ((holder, key, path) => {
      const items = holder[key] as Fields & { length: number };
      for (let i = 0; i < items.length; i += 1) step(items, i, `${path}[${i}]`);
    })
  );
}

function mapStep(field: DescField & { fieldKind: 'map' }): ValueStep {
  const step = itemStep(field, undefined);
  return (holder, key, path) => {
    const entries = holder[key] as Fields;
    for (const name of Object.keys(entries)) {
      checkText(name, path);
      step?.(entries, name, `${path}[${name}]`);
    }
  };
}

function itemStep(
  field: DescField & { fieldKind: 'list' | 'map' },
  rules: FieldRules | undefined,
): ValueStep | undefined {
  const kind = field.fieldKind === 'list' ? field.listKind : field.mapKind;
  if (kind === 'message') {
    const settle = settlerOf(field.message!);
    return (holder, key, path) => settle(holder[key] as Fields, `${path}.`);
  }
  return field.scalar === ScalarType.STRING ? textStep(isUuid(rules)) : undefined;
}

function checkText(text: string, path: string): void {
  if (!text.includes('\0')) return;
  throw new FieldsInvalid([{ field: path, description: 'must not contain U+0000' }]);
}

function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
}

function isUuid(rules: FieldRules | undefined): boolean {
  return rules?.type.case === 'string' && rules.type.value.wellKnown.case === 'uuid';
}
