import { takenDomains, takenServices, wordsOfLanguages, wordsOfSql } from './words.ts';

/** The names of a new service, in every form that its files need. */
export interface Names {
  domain: string;
  /** "bookmark": the service, and what it keeps. */
  thing: string;
  Thing: string;
  THING: string;
  things: string;
  Things: string;
  THINGS: string;
  /** "a bookmark", "an alert" */
  a_thing: string;
  /** The table in SQL: in quotes where the word is one of SQL. */
  table: string;
}

/** A name was asked for that cannot be; the message says why in one sentence. */
export class NameRefused extends Error {}

/** With both at their longest a schema's name is one of PostgreSQL still: 63 characters. */
const shape = /^[a-z][a-z0-9]{1,30}$/;

/** Reads "<domain>/<service>", which is to be none of the known, "<domain>.<service>". Throws NameRefused. */
export function readNames(text: string | undefined, known: readonly string[]): Names {
  const [domain = '', thing = '', ...rest] = (text ?? '').split(/[/.]/);
  if (rest.length > 0 || !shape.test(domain) || !shape.test(thing)) {
    throw new NameRefused(
      'name the service <domain>/<service>, each of 2 to 31 lower-case letters and digits, a letter first, as in: npm run new -- social/bookmark',
    );
  }
  if (known.includes(`${domain}.${thing}`)) {
    throw new NameRefused(`${domain}/${thing} is there already: services/${domain}/${thing}`);
  }
  refuseTaken(domain, 'domain', takenDomains);
  refuseTaken(thing, 'service', takenServices);
  const things = pluralOf(thing);
  const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);
  return {
    domain,
    thing,
    Thing: capital(thing),
    THING: thing.toUpperCase(),
    things,
    Things: capital(things),
    THINGS: things.toUpperCase(),
    a_thing: `${/^[aeiou]/.test(thing) ? 'an' : 'a'} ${thing}`,
    table: wordsOfSql.has(thing) ? `"${thing}"` : thing,
  };
}

function refuseTaken(word: string, kind: string, taken: ReadonlySet<string>): void {
  if (wordsOfLanguages.has(word)) {
    throw new NameRefused(
      `"${word}" is a word of TypeScript or Python, whose clients could not import the ${kind}: choose another name`,
    );
  }
  if (taken.has(word)) {
    throw new NameRefused(`"${word}" means something else in the mesh: choose another name`);
  }
}

function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}
