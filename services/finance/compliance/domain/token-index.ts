/** Finds the parts of names that are like one, among tens of thousands. Pure. */
import { likeness, soundOf } from './tokens.ts';

/** A part of a name of the list. */
export interface Token {
  readonly id: number;
  readonly text: string;
  readonly sound: string;
  weight: number;
  /** The names that have it, by their place. */
  readonly names: number[];
}

/** Parts by their spelling and their sound. */
export interface TokenIndex {
  /** The part that is written so; undefined when the list has none. */
  get(text: string): Token | undefined;
  /** All parts that are like one, with how like they are. */
  like(text: string): Map<Token, number>;
}

/** Two letters may be wrong in a part of so many; see likeness. */
const longLength = 8;

export function createTokenIndex(tokens: ReadonlyMap<string, Token>): TokenIndex {
  const bySound = new Map<string, Token[]>();
  // Ids by two letters and the length of the part: what is much longer or shorter need not be looked at.
  const byPair = new Map<string, number[]>();
  const all = [...tokens.values()];
  for (const token of all) {
    push(bySound, token.sound, token);
    for (const pair of pairsOf(token.text)) push(byPair, pair + token.text.length, token.id);
  }
  const shared = new Uint8Array(all.length);
  const none: number[] = [];

  /** Parts that have so many pairs of letters in common with this one. */
  function nearbyOf(text: string): Token[] {
    const pairs = pairsOf(text);
    const apart = text.length >= longLength ? 2 : 1;
    // A wrong letter spoils two pairs, and two that are swapped three.
    const least = Math.max(1, pairs.length - (apart === 2 ? 4 : 3));
    const met: number[] = [];
    for (const pair of pairs) {
      for (let length = text.length - apart; length <= text.length + apart; length += 1) {
        for (const id of byPair.get(pair + length) ?? none) {
          const count = shared[id]! + 1;
          shared[id] = count;
          if (count === least) met.push(id);
        }
      }
    }
    shared.fill(0);
    return met.map((id) => all[id]!);
  }

  return {
    get: (text) => tokens.get(text),
    like(text) {
      const part = { text, sound: soundOf(text) };
      const found = new Map<Token, number>();
      for (const token of [...nearbyOf(text), ...(bySound.get(part.sound) ?? [])]) {
        const value = likeness(part, token);
        if (value > 0) found.set(token, value);
      }
      return found;
    },
  };
}

/** The letters of a part two by two, with its ends; each once. */
function pairsOf(text: string): string[] {
  const ended = `^${text}$`;
  const pairs = Array.from({ length: ended.length - 1 }, (_, i) => ended.slice(i, i + 2));
  return [...new Set(pairs)];
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
