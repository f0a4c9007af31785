/** Screening of names: how long one look takes among 20,000 names, and that it finds what it is to find. */
import {
  createNameIndexBuilder,
  type NameIndex,
} from '#services/finance/compliance/domain/name-index.ts';
import type { ListEntry } from '#services/finance/compliance/domain/sdn.ts';
import { type Benchmark, type BenchOptions, type Figures, percentile } from './benchmark.ts';

const nameCount = 20_000;
const queryCount = 2_000;
/** The share of the names of the list that are to be found with a letter wrong. */
const recallMin = 0.9;

/** What is asked of it, for the benchmark that it is a part of. */
export const sanctionsTargets = {
  sanctionsP99Ms: { atMost: 5 },
  sanctionsRecall: { atLeast: recallMin },
} as const satisfies Benchmark['targets'];

/** Any whole number from 0 up to below `end`. */
const anyBelow = (end: number) => Math.floor(Math.random() * end);

const anyOf = <Item>(items: readonly Item[]): Item => items[anyBelow(items.length)]!;

const givenNames =
  'mohammed ahmed ali hassan hussein ivan vladimir sergey maria juan carlos yusuf omar khalid kim wei peter john'.split(
    ' ',
  );
const syllables =
  'ka ro mi ta len vos tri gor pet ski ov ev in al dar wi shi kha lid mus far zar qa si bal ond ere nko vic'.split(
    ' ',
  );
const kinds = ['trading', 'shipping', 'company', 'group', 'international'];
const suffixes = ['llc', 'ltd', 'co', 'gmbh'];

/** A word that nobody is called; of so few syllables that many others are like it. */
function anyWord(): string {
  return Array.from({ length: 2 + anyBelow(3) }, () => anyOf(syllables)).join('');
}

function anyEntry(entryId: string): ListEntry {
  const isPerson = Math.random() < 0.6;
  const name = isPerson
    ? `${anyWord().toUpperCase()}, ${anyOf(givenNames)} ${anyOf(givenNames)}`
    : `${anyWord()} ${anyWord()} ${anyOf(kinds)} ${anyOf(suffixes)}`;
  const kind = isPerson ? 'PERSON' : 'ENTITY';
  return { entryId, kind, names: [name], programs: [], birthYears: [], countries: [] };
}

/** A name with two letters of one of its longer words swapped. */
function misspelt(name: string): string {
  const words = name.split(' ');
  const long = anyOf([...words.keys()].filter((i) => words[i]!.length > 5));
  if (long === undefined) return name;
  const word = words[long]!;
  const at = 1 + anyBelow(word.length - 3);
  words[long] = word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
  return words.join(' ');
}

/** Half of them are on the list, misspelt; the others are called like many who are. */
export async function measureSanctions({ seconds, say }: BenchOptions): Promise<Figures> {
  const entries = Array.from({ length: nameCount }, (_, i) => anyEntry(String(i)));
  const builder = createNameIndexBuilder();
  const startedAt = performance.now();
  for (const entry of entries) builder.add(entry);
  const index = builder.finish();
  const indexMs = performance.now() - startedAt;

  const queries = Array.from({ length: queryCount }, (_, i) => {
    const entry = anyOf(entries);
    if (i % 2 === 0) return { name: misspelt(entry.names[0]!), entry };
    return { name: `${anyOf(givenNames)} ${anyOf(givenNames)} ${anyWord()}`, entry: undefined };
  });
  const fastest = fastestOf(index, queries, seconds);
  const listed = queries.filter(({ entry }) => entry !== undefined);
  const missed = listed.filter(
    ({ name, entry }) => !look(index, name).some((match) => match.entry === entry),
  );
  const exact = entries.slice(0, queryCount).filter(({ names, entryId }) => {
    const [best] = look(index, names[0]!);
    return best === undefined || (best.score !== 100 && best.entry.entryId !== entryId);
  });
  const recall = 1 - missed.length / listed.length;
  say(`  ${index.nameCount} names indexed in ${Math.round(indexMs)} ms`);
  say(`  misspelt names found: ${(recall * 100).toFixed(1)} %`);
  return {
    figures: {
      sanctionsP50Ms: percentile(fastest, 0.5),
      sanctionsP99Ms: percentile(fastest, 0.99),
      sanctionsRecall: recall,
      sanctionsIndexMs: indexMs,
    },
    // A name as it is on the list is found, always.
    violations: exact.length,
  };
}

/** Each name's fastest look in milliseconds: a neighbour is in the way of one look, and not of the same in each round. */
function fastestOf(
  index: NameIndex,
  queries: readonly { name: string }[],
  seconds: number,
): number[] {
  const fastest = queries.map(() => Number.POSITIVE_INFINITY);
  const until = performance.now() + seconds * 1000;
  // The first round pays for the compiler.
  for (let round = 0; round < 3 || performance.now() < until; round += 1) {
    queries.forEach(({ name }, i) => {
      const at = performance.now();
      look(index, name);
      if (round > 0) fastest[i] = Math.min(fastest[i]!, performance.now() - at);
    });
  }
  return fastest;
}

function look(index: NameIndex, name: string) {
  const query = { name, kind: undefined, birthYear: 0, country: undefined, scoreMin: 80 };
  return index.search(query, 20);
}
