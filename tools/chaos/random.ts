/** Numbers that follow from a seed, so that a run can be had again. */
export interface Random {
  /** An integer from 0 up to but not including `bound`. */
  below(bound: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** True in so many of a hundred cases. */
  percent(share: number): boolean;
}

/** mulberry32: small, fast, and good enough to choose victims. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    pick: (items) => items[below(items.length)]!,
    percent: (share) => below(100) < share,
  };
}

/** Draws one item after the other, each once, and then begins anew in another order. */
export function createDeck<Item>(items: readonly Item[], random: Random): () => Item {
  let rest: Item[] = [];
  return () => {
    if (rest.length === 0) rest = [...items];
    return rest.splice(random.below(rest.length), 1)[0]!;
  };
}
