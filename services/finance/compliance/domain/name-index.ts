/** Finds names that are like one, among tens of thousands. Pure. */
import { toLatin } from './letters.ts';
import type { ListEntry } from './sdn.ts';
import { isTelling, likeness, soundOf, weightOf } from './tokens.ts';

/** A name to look for. */
export interface NameQuery {
  readonly name: string;
  /** Undefined when it is not known. */
  readonly kind: ListEntry['kind'] | undefined;
  /** 0 when it is not known. */
  readonly birthYear: number;
  /** As the list names it; undefined when it is not known. */
  readonly country: string | undefined;
  /** Percent. */
  readonly scoreMin: number;
}

/** An entry that is like the name. */
export interface NameMatch {
  readonly entry: ListEntry;
  /** Of its names the one that is most like it. */
  readonly name: string;
  /** Percent; 100 only where all parts are the same. */
  readonly score: number;
  /** The parts of the entry's name that were found. */
  readonly matchedTokens: readonly string[];
}

/** A part of a name of the list. */
interface Token {
  readonly text: string;
  readonly sound: string;
  weight: number;
  /** The names that have it, by their place. */
  readonly names: number[];
}

interface IndexedName {
  readonly entry: ListEntry;
  readonly name: string;
  readonly tokens: readonly Token[];
  readonly weight: number;
}

/** What was asked for, and what the list has that is like it. */
interface QueryToken {
  readonly text: string;
  readonly sound: string;
  readonly weight: number;
  /** How like each part of the list is that is like it at all. */
  readonly like: ReadonlyMap<Token, number>;
}

/** How much what is missing of the name that was asked for counts, against what is missing of the list's. */
const queryShare = 0.6;
/** A person's further given names, which customers leave out. */
const furtherNameShare = 0.5;
const birthYearsApartMax = 1;
const otherBirthYear = 0.8;
const otherCountry = 0.95;
const partsMax = 20;

/** Names of a list, ready to be looked for. */
export interface NameIndex {
  readonly nameCount: number;
  /** The best first, one for each entry, at most `limit`. */
  search(query: NameQuery, limit: number): NameMatch[];
}

/** Makes an index piece by piece, so that whoever makes it can do something else between. */
export interface NameIndexBuilder {
  add(entry: ListEntry): void;
  finish(): NameIndex;
}

export function createNameIndexBuilder(): NameIndexBuilder {
  const tokens = new Map<string, Token>();
  const names: { entry: ListEntry; name: string; tokens: Token[] }[] = [];

  function tokenOf(text: string): Token {
    let token = tokens.get(text);
    if (token === undefined) {
      token = { text, sound: soundOf(text), weight: 1, names: [] };
      tokens.set(text, token);
    }
    return token;
  }

  return {
    add(entry) {
      for (const name of entry.names) {
        const parts = partsOf(name);
        const place = names.length;
        names.push({ entry, name, tokens: parts.map(tokenOf) });
        // Two parts may be written as one.
        const all = new Set([...parts, ...joinedOf(parts)]);
        for (const text of all) tokenOf(text).names.push(place);
      }
    },
    finish() {
      for (const token of tokens.values()) {
        token.weight = weightOf(token.text, token.names.length, names.length);
      }
      return createNameIndex(
        names.map((named) => ({ ...named, weight: weightOfName(named) })),
        tokens,
      );
    },
  };
}

function createNameIndex(
  names: readonly IndexedName[],
  tokens: ReadonlyMap<string, Token>,
): NameIndex {
  const bySound = new Map<string, Token[]>();
  const byPair = new Map<string, Token[]>();
  const countries = new Set(names.flatMap(({ entry }) => entry.countries));
  for (const token of tokens.values()) {
    push(bySound, token.sound, token);
    for (const pair of pairsOf(token.text)) push(byPair, pair, token);
  }

  /** All parts of the list that are like one: those that sound like it, and those that share enough pairs of letters. */
  function like(text: string): ReadonlyMap<Token, number> {
    const part = { text, sound: soundOf(text) };
    const shared = new Map<Token, number>();
    for (const pair of pairsOf(text)) {
      for (const token of byPair.get(pair) ?? []) {
        if (Math.abs(token.text.length - text.length) > 2) continue;
        shared.set(token, (shared.get(token) ?? 0) + 1);
      }
    }
    // A letter that is wrong spoils three pairs at most, and two are wrong at most.
    const least = Math.max(1, text.length + 1 - (text.length >= 8 ? 6 : 3));
    const found = new Map<Token, number>();
    const consider = (token: Token) => {
      const value = likeness(part, token);
      if (value > 0) found.set(token, value);
    };
    for (const [token, count] of shared) if (count >= least) consider(token);
    for (const token of bySound.get(part.sound) ?? []) consider(token);
    return found;
  }

  return {
    nameCount: names.length,
    search(asking, limit) {
      // Lists have their own names for some countries: of one that they do not name nothing is known.
      const isKnown = asking.country !== undefined && countries.has(asking.country);
      const query = isKnown ? asking : { ...asking, country: undefined };
      const parts = partsOf(query.name);
      if (!parts.some(isTelling)) return [];
      const asked = parts.map((text) => askedOf(text, like(text), tokens, names.length));
      const joined = joinedOf(parts).map((text) => like(text));
      const places = new Set<number>();
      for (const found of [...asked.map((token) => token.like), ...joined]) {
        for (const token of found.keys()) {
          if (isTelling(token.text)) for (const place of token.names) places.add(place);
        }
      }
      return bestOf(
        query,
        asked,
        [...places].map((place) => names[place]!),
      ).slice(0, limit);
    },
  };
}

function askedOf(
  text: string,
  like: ReadonlyMap<Token, number>,
  tokens: ReadonlyMap<string, Token>,
  total: number,
): QueryToken {
  const weight = tokens.get(text)?.weight ?? weightOf(text, 1, total);
  return { text, sound: soundOf(text), weight, like };
}

/** The best match of each entry, the best first. */
function bestOf(
  query: NameQuery,
  asked: readonly QueryToken[],
  candidates: readonly IndexedName[],
): NameMatch[] {
  const weight = asked.reduce((sum, token) => sum + token.weight, 0);
  const best = new Map<ListEntry, NameMatch>();
  for (const candidate of candidates) {
    const { entry } = candidate;
    if (query.kind !== undefined && query.kind !== entry.kind) continue;
    if (mostOf(asked, weight, candidate) * 100 < query.scoreMin) continue;
    const match = compare(query, asked, weight, candidate);
    if (match === undefined || match.score < query.scoreMin) continue;
    if (match.score > (best.get(entry)?.score ?? -1)) best.set(entry, match);
  }
  return [...best.values()].sort((one, other) => other.score - one.score);
}

/** What a score cannot be above: cheap to know, and enough to leave most names out. */
function mostOf(asked: readonly QueryToken[], weight: number, { tokens }: IndexedName): number {
  let found = 0;
  for (const { weight: own, like } of asked) {
    for (const token of tokens) {
      if (like.has(token)) {
        found += own;
        break;
      }
    }
  }
  // Parts that were written as one are found by neither alone.
  if (found === 0) return 1;
  const slack = asked.length === tokens.length ? 0 : 1;
  return slack + queryShare * (found / weight) + (1 - queryShare);
}

/**
 * Compares two names part by part, whatever their order. Each part counts once, by how like it is; what is left over on
 * either side counts against it.
 */
function compare(
  query: NameQuery,
  asked: readonly QueryToken[],
  weight: number,
  { entry, name, tokens, weight: nameWeight }: IndexedName,
): NameMatch | undefined {
  const pairs = pairUp(asked, tokens);
  if (!pairs.some(({ token }) => isTelling(token.text))) return undefined;
  let ofQuery = 0;
  let ofName = 0;
  const matched = new Set<Token>();
  for (const { part, token, value } of pairs) {
    ofQuery += value * part.weight;
    ofName += value * shareOf(entry, tokens, token) * token.weight;
    matched.add(token);
  }
  const parts = queryShare * (ofQuery / weight) + (1 - queryShare) * (ofName / nameWeight);
  const score = parts * birthYearFactor(query, entry) * countryFactor(query, entry);
  const isSame = score >= 1 && asked.length === tokens.length;
  return {
    entry,
    name,
    score: isSame ? 100 : Math.min(99, Math.floor(score * 100 + 1e-9)),
    matchedTokens: tokens.filter((token) => matched.has(token)).map(({ text }) => text),
  };
}

interface Pair {
  readonly part: QueryToken;
  readonly token: Token;
  readonly value: number;
}

/** Which part goes with which, the most like first; then those of which one side has written two as one. */
function pairUp(asked: readonly QueryToken[], tokens: readonly Token[]): Pair[] {
  const possible: Pair[] = [];
  for (const part of asked) {
    for (const token of tokens) {
      const value = part.like.get(token);
      if (value !== undefined) possible.push({ part, token, value });
    }
  }
  possible.sort((one, other) => other.value - one.value);
  const left = { parts: new Set(asked), tokens: new Set(tokens) };
  const pairs = possible.filter(({ part, token }) => {
    if (!left.parts.has(part) || !left.tokens.has(token)) return false;
    left.parts.delete(part);
    left.tokens.delete(token);
    return true;
  });
  return [...pairs, ...pairJoined(left)];
}

/** "Abdul Rahman" and "Abdulrahman": two parts of one side that are left over, with one of the other. */
function pairJoined(left: { parts: Set<QueryToken>; tokens: Set<Token> }): Pair[] {
  const pairs: Pair[] = [];
  const [parts, tokens] = [[...left.parts], [...left.tokens]];
  for (const token of tokens) {
    for (const [one, other] of neighbours(parts)) {
      if (one.text + other.text !== token.text || !left.parts.has(one)) continue;
      pairs.push({ part: one, token, value: 1 }, { part: other, token: nobody, value: 1 });
      left.parts.delete(one);
      left.parts.delete(other);
    }
  }
  for (const part of left.parts) {
    for (const [one, other] of neighbours(tokens)) {
      if (one.text + other.text !== part.text || !left.tokens.has(one)) continue;
      pairs.push({ part, token: one, value: 1 });
      pairs.push({ part: { ...part, weight: 0 }, token: other, value: 1 });
      left.tokens.delete(one);
      left.tokens.delete(other);
    }
  }
  return pairs;
}

/** Stands for the part of the list that the other half of a joined one was paired with already. */
const nobody: Token = { text: '', sound: '', weight: 0, names: [] };

function neighbours<Part>(parts: readonly Part[]): [Part, Part][] {
  return parts.slice(1).map((part, i) => [parts[i]!, part]);
}

/** OFAC writes a person's family name first, then the given names, of which customers use the first. */
function shareOf({ kind }: ListEntry, tokens: readonly Token[], token: Token): number {
  return kind === 'PERSON' && tokens.indexOf(token) >= 2 ? furtherNameShare : 1;
}

function weightOfName({ entry, tokens }: Pick<IndexedName, 'entry' | 'tokens'>): number {
  return tokens.reduce((sum, token) => sum + shareOf(entry, tokens, token) * token.weight, 0);
}

function birthYearFactor({ birthYear }: NameQuery, { birthYears }: ListEntry): number {
  if (birthYear === 0 || birthYears.length === 0) return 1;
  const isNear = birthYears.some((year) => Math.abs(year - birthYear) <= birthYearsApartMax);
  return isNear ? 1 : otherBirthYear;
}

function countryFactor({ country }: NameQuery, { countries }: ListEntry): number {
  if (country === undefined || countries.length === 0) return 1;
  return countries.includes(country) ? 1 : otherCountry;
}

function partsOf(name: string): string[] {
  return toLatin(name).split(' ').filter(Boolean).slice(0, partsMax);
}

function joinedOf(parts: readonly string[]): string[] {
  return neighbours(parts).map(([one, other]) => one + other);
}

/** The letters of a part two by two, with its ends. */
function pairsOf(text: string): Set<string> {
  const ended = `^${text}$`;
  return new Set(Array.from({ length: ended.length - 1 }, (_, i) => ended.slice(i, i + 2)));
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
