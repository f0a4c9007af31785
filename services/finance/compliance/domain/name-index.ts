/** Finds names that are like one, among tens of thousands. Pure. */
import {
  type AskedPart,
  askedShare,
  compareNames,
  type IndexedName,
  neighbours,
  weightOfName,
} from './compare.ts';
import { toLatin } from './letters.ts';
import type { ListEntry } from './sdn.ts';
import { createTokenIndex, type Token } from './token-index.ts';
import { isTelling, soundOf, weightOf } from './tokens.ts';

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

const partsMax = 20;
const birthYearsApartMax = 1;
const otherBirthYear = 0.8;
const otherCountry = 0.95;

export function createNameIndexBuilder(): NameIndexBuilder {
  const tokens = new Map<string, Token>();
  const names: { entry: ListEntry; name: string; tokens: Token[] }[] = [];
  const joined = new Map<string, number[]>();

  function tokenOf(text: string): Token {
    let token = tokens.get(text);
    if (token === undefined) {
      token = { id: tokens.size, text, sound: soundOf(text), weight: 1, names: [] };
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
        for (const text of parts) tokenOf(text).names.push(place);
        for (const [one, other] of neighbours(parts)) {
          const text = one + other;
          const places = joined.get(text);
          if (places === undefined) joined.set(text, [place]);
          else places.push(place);
        }
      }
    },
    finish() {
      for (const token of tokens.values()) {
        token.weight = weightOf(token.text, token.names.length, names.length);
      }
      const weighed = names.map((named) => ({ ...named, weight: weightOfName(named) }));
      return createNameIndex(weighed, tokens, joined);
    },
  };
}

/** `joined` has the names that have two parts which make such a text together. */
function createNameIndex(
  names: readonly IndexedName[],
  tokens: ReadonlyMap<string, Token>,
  joined: ReadonlyMap<string, readonly number[]>,
): NameIndex {
  const index = createTokenIndex(tokens);
  const countries = new Set(names.flatMap(({ entry }) => entry.countries));
  /** What each name has of the one that is asked for, at most; all 0 between two searches. */
  const found = names.map(() => 0);

  function askedOf(text: string): AskedPart {
    const weight = tokens.get(text)?.weight ?? weightOf(text, 1, names.length);
    return { text, weight, like: index.like(text) };
  }

  /** Names that have enough of what was asked for to reach the score, were everything else the same. */
  function candidatesOf(asked: readonly AskedPart[], scoreMin: number): IndexedName[] {
    const met: number[] = [];
    const add = (places: readonly number[], weight: number) => {
      for (const place of places) {
        if (found[place] === 0) met.push(place);
        found[place]! += weight;
      }
    };
    for (const { text, weight, like } of asked) {
      for (const [token, value] of like) add(token.names, weight * value);
      add(joined.get(text) ?? [], weight);
    }
    for (const [one, other] of neighbours(asked)) {
      add(tokens.get(one.text + other.text)?.names ?? [], one.weight + other.weight);
    }
    const all = asked.reduce((sum, { weight }) => sum + weight, 0);
    const least = (all * (scoreMin / 100 - (1 - askedShare))) / askedShare;
    // Sums of fractions are not exact.
    const candidates = met.filter((place) => found[place]! >= least - 1e-9);
    for (const place of met) found[place] = 0;
    return candidates.map((place) => names[place]!);
  }

  return {
    nameCount: names.length,
    search(asking, limit) {
      // Lists have their own names for some countries: of one that they do not name nothing is known.
      const isKnown = asking.country !== undefined && countries.has(asking.country);
      const query = isKnown ? asking : { ...asking, country: undefined };
      const parts = partsOf(query.name);
      if (!parts.some(isTelling)) return [];
      const asked = parts.map(askedOf);
      const best = new Map<ListEntry, NameMatch>();
      for (const candidate of candidatesOf(asked, query.scoreMin)) {
        const match = matchOf(query, asked, candidate);
        if (match === undefined || match.score < query.scoreMin) continue;
        if (match.score > (best.get(match.entry)?.score ?? -1)) best.set(match.entry, match);
      }
      return [...best.values()].sort((one, other) => other.score - one.score).slice(0, limit);
    },
  };
}

function matchOf(
  query: NameQuery,
  asked: readonly AskedPart[],
  candidate: IndexedName,
): NameMatch | undefined {
  const { entry, name, tokens } = candidate;
  if (query.kind !== undefined && query.kind !== entry.kind) return undefined;
  const compared = compareNames(asked, candidate);
  if (compared === undefined) return undefined;
  const { likeness, matchedTokens } = compared;
  const score = likeness * birthYearFactor(query, entry) * countryFactor(query, entry);
  const isSame = asked.length === tokens.length && score > 1 - 1e-9;
  return {
    entry,
    name,
    score: isSame ? 100 : Math.min(99, Math.floor(score * 100 + 1e-9)),
    matchedTokens,
  };
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

/** The parts of a name, each once: what is said twice tells nothing more. */
function partsOf(name: string): string[] {
  const parts = toLatin(name).split(' ').filter(Boolean);
  return [...new Set(parts)].slice(0, partsMax);
}
