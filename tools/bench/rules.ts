/** Rules: a decision by a thousand of them, as they are compiled, against the library's evaluator; and a look for a name. */
import { uuidv7 } from '#kit/ids.ts';
import { readCondition } from '#services/finance/risk/condition.ts';
import { compileCondition } from '#services/finance/risk/domain/compile.ts';
import { decide, type ReadyRule, type ReadyRuleSet } from '#services/finance/risk/domain/decide.ts';
import { type Inputs, inputsOf, type Velocity } from '#services/finance/risk/domain/variables.ts';
import type { Action, Facts } from '#services/finance/risk/domain.ts';
import { facts, leg } from '#services/finance/risk/testing.ts';
import { bindingsOf, createOracle, type Oracle } from '#services/finance/risk/testing-oracle.ts';
import { type Benchmark, type BenchOptions, type Figures, percentile } from './benchmark.ts';
import { measureSanctions, sanctionsTargets } from './sanctions.ts';

const ruleCount = 1_000;
const transactionCount = 500;
/** Decisions that the library makes as well: it takes milliseconds for each. */
const comparedCount = 150;

export const rules: Benchmark = {
  name: 'rules',
  title: `microseconds of a decision by ${ruleCount} rules: compiled against the library's evaluator`,
  targets: { p99Us: { atMost: 200 }, ...sanctionsTargets },
  run,
};

/** Any whole number from 0 up to below `end`. */
const anyBelow = (end: number) => Math.floor(Math.random() * end);

const anyOf = <Item>(items: readonly Item[]): Item => items[anyBelow(items.length)]!;

const currencies = ['EUR', 'USD', 'GBP', 'SEK'];

/** A condition of three terms, as analysts write them; about one decision in ten is met by any of a thousand. */
function anyCondition(): string {
  const amount = 100_000 + anyBelow(5_000_000);
  const currency = anyOf(currencies);
  return anyOf([
    `transaction.amount_minor > ${amount} && transaction.currency == "${currency}" && destination.age_seconds < ${anyBelow(90_000)}`,
    `transaction.type == "WITHDRAWAL" && velocity.account.sum_24h > ${amount * 9} && !transaction.is_by_service`,
    `velocity.person.count_1h > ${20 + anyBelow(50)} && transaction.currency in ["${currency}", "CHF"] && transaction.hour < 6`,
    `source.account_type == "SAVINGS" && transaction.total_minor * 10 > velocity.counterparty.sum_30d && transaction.weekday > ${4 + anyBelow(3)}`,
    `transaction.amount_minor % 1000 == ${anyBelow(1_000)} && velocity.counterparty.count_24h >= ${5 + anyBelow(5)} && source.age_seconds < 86400`,
  ]);
}

function anyVelocity(): Velocity {
  const counts = () =>
    [1, 5, 40].map((most) => ({
      count: anyBelow(most * 10),
      sum: BigInt(anyBelow(most * 500_000)),
    }));
  return { account: counts(), person: counts(), counterparty: counts() };
}

function anyFacts(): Facts {
  const { requestedAt } = facts();
  const amountMinor = BigInt(1 + anyBelow(3_000_000));
  return facts({
    type: anyOf(['TRANSFER', 'PAYMENT', 'WITHDRAWAL']),
    legs: [leg({ amountMinor, currency: anyOf(currencies) })],
    requestedAt: requestedAt + BigInt(anyBelow(7 * 86_400)),
  });
}

async function run(options: BenchOptions): Promise<Figures> {
  const { seconds, say } = options;
  const conditions = Array.from({ length: ruleCount }, anyCondition);
  const actions: Action[] = ['REVIEW', 'DENY', 'ALLOW'];
  const ready = conditions.map((condition): ReadyRule => {
    const evaluate = compileCondition(readCondition(condition, 'condition'));
    return { ruleId: uuidv7(), action: anyOf(actions), explanation: '', evaluate };
  });
  const set: ReadyRuleSet = { version: 1n, mode: 'COLLECT_ALL', rules: ready };
  const transactions = Array.from({ length: transactionCount }, () => ({
    facts: anyFacts(),
    velocity: anyVelocity(),
  }));
  const inputs = transactions.map((one) => inputsOf(one.facts, one.velocity));

  const decideOne = (i: number) => {
    const { facts: known, velocity } = transactions[i % transactionCount]!;
    decide(set, inputsOf(known, velocity));
  };
  // The first decisions pay for the compiler.
  measure(Math.min(1, seconds / 2), decideOne);
  const compiled = measure(seconds, decideOne);
  const compared = compare(ready, conditions.map(createOracle), inputs);
  const figures = {
    p50Us: percentile(compiled, 0.5),
    p99Us: percentile(compiled, 0.99),
    libraryP50Us: percentile(compared.latenciesUs, 0.5),
    libraryP99Us: percentile(compared.latenciesUs, 0.99),
    decisionsPerSecond: compiled.length / (compiled.reduce((a, b) => a + b, 0) / 1e6),
  };
  say(`  ${compiled.length} decisions, ${comparedCount} of them compared rule by rule`);
  const screening = await measureSanctions(options);
  return {
    figures: { ...figures, ...screening.figures },
    violations: compared.violations + screening.violations,
  };
}

/** Does a thing again and again for so long; answers how long it took each time, in microseconds. */
function measure(seconds: number, once: (i: number) => void): number[] {
  const latenciesUs: number[] = [];
  const until = performance.now() + seconds * 1_000;
  for (let i = 0; performance.now() < until; i += 1) {
    const at = performance.now();
    once(i);
    latenciesUs.push((performance.now() - at) * 1_000);
  }
  return latenciesUs;
}

/** Asks the library the same; a rule that says something else is a violation. */
function compare(ready: readonly ReadyRule[], oracles: readonly Oracle[], all: readonly Inputs[]) {
  const latenciesUs: number[] = [];
  let violations = 0;
  for (const inputs of all.slice(0, comparedCount)) {
    const at = performance.now();
    const bindings = bindingsOf(inputs);
    const expected = oracles.map((oracle) => oracle(bindings));
    latenciesUs.push((performance.now() - at) * 1_000);
    ready.forEach(({ evaluate }, i) => {
      if (evaluate(inputs) !== expected[i]) violations += 1;
    });
  }
  return { latenciesUs, violations };
}
