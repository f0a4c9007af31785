/** Who listens to which keys, for the streams of this process. */
export interface Listeners<News extends unknown[]> {
  /** Calls `hear` whenever one of the keys is told of. The answer ends it. */
  join(keys: readonly string[], hear: (...news: News) => void): () => void;
  tell(key: string, ...news: News): void;
  /** Keys that somebody listens to. */
  readonly size: number;
}

/** Makes a set without listeners. `tell` calls them one after the other before it returns, so they must not throw. */
export function createListeners<News extends unknown[]>(): Listeners<News> {
  const byKey = new Map<string, Set<(...news: News) => void>>();

  function leave(key: string, hear: (...news: News) => void): void {
    const listeners = byKey.get(key);
    listeners?.delete(hear);
    if (listeners?.size === 0) byKey.delete(key);
  }

  return {
    join(keys, hear) {
      for (const key of keys) byKey.set(key, (byKey.get(key) ?? new Set()).add(hear));
      return () => {
        for (const key of keys) leave(key, hear);
      };
    },
    tell(key, ...news) {
      for (const hear of byKey.get(key) ?? []) hear(...news);
    },
    get size() {
      return byKey.size;
    },
  };
}
