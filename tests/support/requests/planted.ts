/** Requests that hold one text wherever a caller may put a text, made from the contract alone. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { goodValue, type Init, withField } from './good.ts';

/** A request, and the path of the field that holds the text. */
export interface Planted {
  field: string;
  request: Init;
}

/** For each text of a request, keys of maps included, one in which that is `text`, whether a rule allows it or not. */
export function requestsWith(text: string, schema: DescMessage): Planted[] {
  if (schema.typeName.startsWith('google.protobuf.')) return [];
  return schema.fields.flatMap((field) =>
    valuesWith(text, field).map(({ path, value }) => ({
      field: `${field.name}${path}`,
      request: withField(schema, field, value),
    })),
  );
}

function valuesWith(text: string, field: DescField): { path: string; value: unknown }[] {
  const items = itemsWith(text, field);
  if (field.fieldKind === 'list') return items.map((item) => ({ ...item, value: [item.value] }));
  if (field.fieldKind !== 'map') return items;
  const [[key, value]] = Object.entries(goodValue(field) as Init) as [[string, unknown]];
  const inside = items.map((item) => ({ ...item, value: { [key]: item.value } }));
  return [{ path: ' key', value: { [text]: value } }, ...inside];
}

function itemsWith(text: string, field: DescField): { path: string; value: unknown }[] {
  if (field.message) {
    return requestsWith(text, field.message).map((inner) => ({
      path: `.${inner.field}`,
      value: inner.request,
    }));
  }
  return field.scalar === ScalarType.STRING ? [{ path: '', value: text }] : [];
}
