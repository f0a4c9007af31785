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
}

/** A name was asked for that cannot be; the message says why in one sentence. */
export class NameRefused extends Error {}

const shape = /^[a-z][a-z0-9]{1,30}$/;

/** Words of SQL, of TypeScript and of the templates themselves. */
const taken = new Set(
  `all analyse analyze and any array as asc both case cast check class collate column const constraint
  create default delete desc distinct do else end enum event export false fetch for foreign from
  function grant group having if import in initially interface into key leading let like limit limits
  made natural new not null offset on only or order outbox inbox package page placing primary
  query references request returning row rpc schema select service session some sql static store
  switch symmetric table test then this throw title to together trailing true try tx type union
  unique user using value var variadic void when where window with yield`.split(/\s+/),
);

/** Reads "<domain>/<service>". Throws NameRefused. */
export function readNames(text: string | undefined): Names {
  const [domain = '', thing = '', ...rest] = (text ?? '').split(/[/.]/);
  if (rest.length > 0 || !shape.test(domain) || !shape.test(thing)) {
    throw new NameRefused(
      'name the service <domain>/<service> in lower-case letters and digits, as in: npm run new -- social/bookmark',
    );
  }
  for (const word of [domain, thing]) {
    if (taken.has(word))
      throw new NameRefused(
        `"${word}" means something else in SQL or in code: choose another name`,
      );
  }
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
  };
}

function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}
