/** Requests by which somebody names what is another person's, made from the contract alone. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { uuidv7 } from '#kit/ids.ts';
import type { Name } from '../belongings.ts';
import { everyWellFormed, type Init } from './good.ts';
import { largestPage, mayBeEmpty } from './rules.ts';

/** The names of a field's kind, the first the most telling; undefined where the field names nothing of anybody. */
export type NamesOf = (field: DescField) => readonly Name[] | undefined;

/** A request, and what in it names the thing, by the name of the field. */
export interface Naming {
  request: Init;
  named: readonly [field: string, value: string][];
}

/** The same request twice: about a thing of another person, and about none. */
export interface ForeignRequest {
  what: string;
  /** The fields that name it. */
  fields: readonly string[];
  theirs: Naming;
  nobodys: Naming;
}

/** Later than anything that is there: the last moment that a Timestamp can tell. */
const lastSecond = 253_402_300_799n;

/**
 * One request for each field that names something and each of its names, and some in which all of them do. What else can
 * be left out is.
 */
export function requestsNaming(schema: DescMessage, namesOf: NamesOf): ForeignRequest[] {
  return everyWellFormed(schema).flatMap((base) => {
    const fields = new Set<DescField>();
    rewrite(schema, base, (field, value) => {
      if (namesOf(field) !== undefined) fields.add(field);
      return value;
    });
    const choices = [...(fields.size > 1 ? [[...fields]] : []), ...[...fields].map((one) => [one])];
    return choices.flatMap((chosen) => {
      const most = Math.max(...chosen.map((field) => namesOf(field)!.length));
      return Array.from({ length: most }, (_, i) => ({
        what: `${chosen.map(({ name }) => name).join(', ')}: ${i}`,
        fields: chosen.map(({ name }) => name),
        theirs: nameIn(schema, base, namesOf, (field) => chosen.includes(field) && ['theirs', i]),
        nobodys: nameIn(schema, base, namesOf, (field) => chosen.includes(field) && ['nobodys', i]),
      }));
    });
  });
}

/** A request that asks for as much as it can and names nothing of another person. */
export function requestsNamingNothing(schema: DescMessage, namesOf: NamesOf): Init[] {
  return everyWellFormed(schema).map((base) => nameIn(schema, base, namesOf, () => false).request);
}

type Chosen = false | [side: keyof Name, index: number];

function nameIn(
  schema: DescMessage,
  base: Init,
  namesOf: NamesOf,
  choose: (field: DescField) => Chosen,
): Naming {
  const named: [string, string][] = [];
  const request = rewrite(schema, base, (field, value) => {
    const names = namesOf(field);
    if (names === undefined) return value;
    const name = nameFor(field, names, choose(field)) ?? (mayBeEmpty(field) ? '' : value);
    named.push([field.name, String(name)]);
    return field.fieldKind === 'list' ? [name].flat() : name;
  });
  return { request, named };
}

function nameFor({ name }: DescField, names: readonly Name[], chosen: Chosen) {
  // Used once: another request under it would be refused for that alone.
  if (name === 'request_id') return (chosen && names[chosen[1]]?.[chosen[0]]) || uuidv7();
  return chosen === false ? undefined : names[chosen[1] % names.length]![chosen[0]];
}

/** A copy in which each text, also of the messages inside, is what `write` makes of it. Pages are the largest, periods the longest. */
function rewrite(
  schema: DescMessage,
  message: Init,
  write: (field: DescField, value: unknown) => unknown,
): Init {
  if (schema.typeName === 'google.protobuf.Timestamp') return { seconds: lastSecond };
  if (schema.typeName.startsWith('google.protobuf.')) return message;
  const valueOf = (field: DescField, value: unknown) => {
    if (field.name === 'page_size') return largestPage(field);
    if (field.name === 'start_time') return { seconds: 0n };
    if (field.message === undefined) return isText(field) ? write(field, value) : value;
    const inner = (one: unknown) => rewrite(field.message!, one as Init, write);
    if (field.fieldKind === 'list') return (value as unknown[]).map(inner);
    return field.fieldKind === 'map' ? value : inner(value);
  };
  // What is left out is another choice.
  const present = schema.members.filter(({ localName }) => localName in message);
  const entries = present.map((member) => {
    const value = message[member.localName];
    if (member.kind === 'field') return [member.localName, valueOf(member, value)];
    const chosen = value as { case: string; value: unknown };
    const field = member.fields.find(({ localName }) => localName === chosen.case)!;
    return [member.localName, { case: chosen.case, value: valueOf(field, chosen.value) }];
  });
  return Object.fromEntries(entries);
}

function isText(field: DescField): boolean {
  return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
}
