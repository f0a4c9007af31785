import { sha256 } from '#kit/derived-id.ts';

/** Chance that follows from a seed: the same seed, asked as often, answers the same. */
export interface Shuffle {
  /** From 0 up to but not including `bound`. */
  below(bound: number): number;
  /** The same items in another order. */
  order<Item>(items: readonly Item[]): Item[];
}

export function createShuffle(seed: number): Shuffle {
  let draws = 0;
  function next(): number {
    draws += 1;
    return sha256(`${seed} ${draws}`).readUInt32BE() / 2 ** 32;
  }
  return {
    below: (bound) => next() * bound,
    order(items) {
      const drawn = items.map((item) => ({ item, place: next() }));
      return drawn.sort((a, b) => a.place - b.place).map(({ item }) => item);
    },
  };
}
