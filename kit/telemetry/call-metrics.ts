import type { DescMethod } from '@bufbuild/protobuf';
import { Counter, type Histogram, type Registry } from 'prom-client';

/** Counts one call of a method: how it ended ("ok" or the name of its error) and how long it took. */
export type CallRecorder = (status: string, seconds: number) => void;

/** Upper bounds in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What was counted of one method. */
interface Tally {
  labels: { service: string; method: string };
  byStatus: Map<string, number>;
  /** Calls between a bound and the one before it; the last are those above all bounds. */
  buckets: number[];
  seconds: number;
  record: CallRecorder;
}

/**
 * Registers `<prefix>_calls_total` and `<prefix>_seconds`, and answers the recorder of a method, always the same one. A call
 * only adds to numbers: what prom-client does for each observation, sorting and joining labels, waits until somebody asks.
 */
export function createCallMetrics(
  registry: Registry,
  options: { prefix: string; callsHelp: string; secondsHelp: string },
): (method: DescMethod) => CallRecorder {
  const { prefix } = options;
  const tallies = new Map<DescMethod, Tally>();

  new Counter({
    name: `${prefix}_calls_total`,
    help: options.callsHelp,
    labelNames: ['service', 'method', 'code'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, byStatus } of tallies.values()) {
        for (const [code, count] of byStatus) this.inc({ ...labels, code }, count);
      }
    },
  });
  const name = `${prefix}_seconds`;
  const histogram = {
    name,
    get: async () => ({
      name,
      help: options.secondsHelp,
      type: 'histogram',
      aggregator: 'sum',
      values: [...tallies.values()].flatMap((tally) => samplesOf(name, tally)),
    }),
  };
  // The library's own histogram takes observations one at a time only; its registry asks for no more than this.
  registry.registerMetric(histogram as unknown as Histogram);

  return (method) => {
    let tally = tallies.get(method);
    if (tally === undefined) {
      tally = emptyTally(method);
      tallies.set(method, tally);
    }
    return tally.record;
  };
}

function emptyTally(method: DescMethod): Tally {
  const byStatus = new Map<string, number>();
  const buckets = Array.from({ length: bounds.length + 1 }, () => 0);
  const tally: Tally = {
    labels: { service: method.parent.typeName, method: method.name },
    byStatus,
    buckets,
    seconds: 0,
    record(status, seconds) {
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      tally.seconds += seconds;
      let bucket = 0;
      while (bucket < bounds.length && seconds > bounds[bucket]!) bucket += 1;
      buckets[bucket]! += 1;
    },
  };
  return tally;
}

function samplesOf(name: string, { labels, buckets, seconds }: Tally) {
  let count = 0;
  const cumulated = buckets.map((calls, i) => {
    count += calls;
    const le = bounds[i] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...cumulated,
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
