/** What a benchmark is: figures that are ratios wherever possible, targets, and broken invariants, which are none. */

/** A bound for one figure. */
export type Target = { atLeast: number } | { atMost: number };

export interface Figures {
  figures: Record<string, number>;
  /** Invariants found broken: money made, stock oversold. Anything but 0 fails the benchmark. */
  violations: number;
}

export interface BenchOptions {
  /** How long each variant runs in total, spread over the rounds. */
  seconds: number;
  /** Writes a line for the reader; the result itself is printed at the end. */
  say(line: string): void;
}

export interface Benchmark {
  name: string;
  /** One line: what is compared with what. */
  title: string;
  targets: Record<string, Target>;
  run(options: BenchOptions): Promise<Figures>;
}

export function meets(value: number, target: Target): boolean {
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

/**
 * Runs variants in turn, several times over, so that a neighbour's load falls on all alike. Answers what each variant made
 * of each round.
 */
export async function interleave<Name extends string>(
  rounds: number,
  variants: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const results = {} as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(variants) as [Name, () => Promise<number>][]) {
      results[name] ??= [];
      results[name].push(await run());
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which a share of the values lies; 0 when there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Rounds to three significant digits: more would be noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Calls that were made, by their latencies in milliseconds. */
export interface Loaded {
  perSecond: number;
  latenciesMs: number[];
}

/**
 * Keeps `callers` calls in flight for a time (closed loop): each caller makes its next call when the last one is
 * answered. Answers calls per second and the latencies in milliseconds.
 */
export async function closedLoop(options: {
  callers: number;
  seconds: number;
  call: (caller: number, n: number) => Promise<void>;
}): Promise<Loaded> {
  const { callers, seconds, call } = options;
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; performance.now() < until; n += 1) {
        const at = performance.now();
        await call(caller, n);
        latenciesMs.push(performance.now() - at);
      }
    }),
  );
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  return { perSecond: latenciesMs.length / elapsedSeconds, latenciesMs };
}

/**
 * Starts calls at fixed times, whether or not earlier ones were answered (open loop): a slow answer then cannot hide
 * the ones behind it. Latencies count from the time at which a call was due. Throws when a call failed.
 */
export async function openLoop(options: {
  perSecond: number;
  seconds: number;
  call: (n: number) => Promise<void>;
}): Promise<Loaded> {
  const { perSecond, seconds, call } = options;
  const latenciesMs: number[] = [];
  let failures = 0;
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  const total = Math.floor(perSecond * seconds);
  for (let n = 0; n < total; n += 1) {
    const dueAt = startedAt + (n * 1000) / perSecond;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    calls.push(
      call(n).then(
        () => void latenciesMs.push(performance.now() - dueAt),
        () => {
          failures += 1;
        },
      ),
    );
  }
  await Promise.all(calls);
  if (failures > 0) throw new Error(`${failures} of ${total} calls failed`);
  return { perSecond, latenciesMs };
}
