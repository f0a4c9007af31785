/** How like two names are, part by part. Pure. */
import type { ListEntry } from './sdn.ts';
import type { Token } from './token-index.ts';
import { isTelling } from './tokens.ts';

/** A name of the list. */
export interface IndexedName {
  readonly entry: ListEntry;
  readonly name: string;
  readonly tokens: readonly Token[];
  /** What all of its parts weigh together. */
  readonly weight: number;
}

/** A part of the name that was asked for, and what the list has that is like it. */
export interface AskedPart {
  readonly text: string;
  readonly weight: number;
  readonly like: ReadonlyMap<Token, number>;
}

/** How like a name of the list is, from 0 to 1, by the parts that were found. */
export interface Comparison {
  readonly likeness: number;
  readonly matchedTokens: readonly string[];
}

/** How much what is missing of the name that was asked for counts, against what is missing of the list's. */
export const askedShare = 0.6;
/** A person's further given names, which customers leave out. */
const furtherNameShare = 0.5;

/**
 * Compares two names, whatever the order of their parts. Each part counts once, by how like it is; what is left over on
 * either side counts against it. Undefined when all that is alike says nothing about whose name it is.
 */
export function compareNames(
  asked: readonly AskedPart[],
  { entry, tokens, weight }: IndexedName,
): Comparison | undefined {
  const pairs = pairUp(asked, tokens);
  let ofAsked = 0;
  let ofName = 0;
  const matched = new Set<Token>();
  for (const { parts, found, value } of pairs) {
    for (const part of parts) ofAsked += value * part.weight;
    for (const token of found) {
      ofName += value * shareOf(entry, tokens, token) * token.weight;
      matched.add(token);
    }
  }
  const matchedTokens = tokens.filter((token) => matched.has(token)).map(({ text }) => text);
  if (!matchedTokens.some(isTelling)) return undefined;
  const askedWeight = asked.reduce((sum, part) => sum + part.weight, 0);
  const likeness = askedShare * (ofAsked / askedWeight) + (1 - askedShare) * (ofName / weight);
  return { likeness, matchedTokens };
}

/** What all parts of a name weigh together. */
export function weightOfName({ entry, tokens }: Pick<IndexedName, 'entry' | 'tokens'>): number {
  return tokens.reduce((sum, token) => sum + shareOf(entry, tokens, token) * token.weight, 0);
}

/** OFAC writes a person's family name first, then the given names, of which customers use the first. */
function shareOf({ kind }: ListEntry, tokens: readonly Token[], token: Token): number {
  return kind === 'PERSON' && tokens.indexOf(token) >= 2 ? furtherNameShare : 1;
}

/** One or two parts that were asked for, and one or two of the list's, that are alike. */
interface Pair {
  readonly parts: readonly AskedPart[];
  readonly found: readonly Token[];
  readonly value: number;
}

/** Which part goes with which, the most like first; then those of which one side has written two as one. */
function pairUp(asked: readonly AskedPart[], tokens: readonly Token[]): Pair[] {
  const possible: Pair[] = [];
  for (const part of asked) {
    for (const token of tokens) {
      const value = part.like.get(token);
      if (value !== undefined) possible.push({ parts: [part], found: [token], value });
    }
  }
  possible.sort((one, other) => other.value - one.value);
  const left = new Set<AskedPart | Token>([...asked, ...tokens]);
  return [...possible, ...joinedPairs(asked, tokens)].filter(({ parts, found }) => {
    const wanted = [...parts, ...found];
    if (!wanted.every((one) => left.has(one))) return false;
    for (const one of wanted) left.delete(one);
    return true;
  });
}

/** "Abdul Rahman" and "Abdulrahman". */
function joinedPairs(asked: readonly AskedPart[], tokens: readonly Token[]): Pair[] {
  const pairs: Pair[] = [];
  for (const parts of neighbours(asked)) {
    const token = tokens.find(({ text }) => text === parts[0].text + parts[1].text);
    if (token !== undefined) pairs.push({ parts, found: [token], value: 1 });
  }
  for (const found of neighbours(tokens)) {
    const part = asked.find(({ text }) => text === found[0].text + found[1].text);
    if (part !== undefined) pairs.push({ parts: [part], found, value: 1 });
  }
  return pairs;
}

/** Each part with the next. */
export function neighbours<Part>(parts: readonly Part[]): [Part, Part][] {
  return parts.slice(1).map((part, i) => [parts[i]!, part]);
}
