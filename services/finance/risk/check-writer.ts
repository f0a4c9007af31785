import type { Clock } from '#kit/clock.ts';
import { retryCollisions } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { DomainError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import type { Book } from './domain/book.ts';
import { type Candidate, type Checked, check } from './domain/check.ts';
import type { Claim } from './domain/claims.ts';
import type { ReadyRuleSet } from './domain/decide.ts';
import { type Decision, DecisionExists, type Facts, limits } from './domain.ts';
import type { RuleBook } from './rule-book.ts';
import type { Stores } from './store.ts';

/** A transaction to decide upon, with what it takes of the windows. */
export interface Question {
  readonly facts: Facts;
  readonly claims: readonly Claim[];
}

/** Takes checks, and answers each when its decision is durable. */
export type CheckWriter = Coalescer<Question, Decision>;

interface WriterDeps {
  readonly database: Database;
  readonly stores: Stores;
  readonly ruleBook: RuleBook;
  readonly clock: Clock;
}

/**
 * Decides whatever arrived while the last transaction was being committed, in one transaction. A decision is the record
 * of its request: there is one for each transaction, and who asks again gets it, until it lapses. Nobody looks for earlier
 * decisions first: the insert shows a repeat, which undoes the batch and does it again with a look.
 */
export function createCheckWriter(deps: WriterDeps): CheckWriter {
  return createCoalescer<Question, Decision>({
    name: 'finance.risk.check',
    timeoutMs: kitLimits.statementMsMax,
    itemsMax: limits.batchMax,
    run(questions) {
      let looks = false;
      return retryCollisions(() => {
        const isLooking = looks;
        looks = true;
        return deps.database.transaction((tx) => decideAll(deps, tx, questions, isLooking));
      });
    },
  });
}

async function decideAll(
  { stores, ruleBook, clock }: WriterDeps,
  tx: Tx,
  questions: readonly Question[],
  isLooking: boolean,
): Promise<Outcome<Decision>[]> {
  const ids = questions.map(({ facts }) => facts.transactionId);
  const subjects = new Set(questions.flatMap(({ claims }) => claims.map(({ subject }) => subject)));
  // Sent behind each other without waiting: the connection keeps the order, and so the order of the locks.
  const [version, kept, book] = await Promise.all([
    stores.ruleSets.hold(tx),
    isLooking ? stores.decisions.find(tx, ids) : new Map<string, Decision>(),
    stores.velocity.open(tx, [...subjects]),
  ]);
  const ruleSet = await ruleBook.of(version);
  const now = clock.now();
  const made: Checked[] = [];
  const outcomes = questions.map((question): Outcome<Decision> => {
    const { transactionId } = question.facts;
    const known = kept.get(transactionId);
    const repeated = known && repeat(known, question.facts);
    if (repeated !== undefined) return repeated;
    const renewals = known === undefined ? 0 : known.renewals + 1;
    const outcome = tryCheck(book, ruleSet, { ...question, renewals, now });
    if ('error' in outcome) return outcome;
    made.push(outcome.value);
    kept.set(transactionId, outcome.value.decision);
    return { value: outcome.value.decision };
  });
  const reservations = made.flatMap(({ reservation }) => reservation ?? []);
  const decisions = made.map(({ decision }) => decision);
  stores.decisions.insert(tx, decisions);
  stores.velocity.write(tx, book);
  stores.reservations.insert(tx, reservations);
  await debugPoint('finance.risk.before-commit');
  return outcomes;
}

function tryCheck(
  book: Book,
  ruleSet: ReadyRuleSet,
  candidate: Omit<Candidate, 'decisionId'>,
): Outcome<Checked> {
  try {
    return { value: check(book, ruleSet, { ...candidate, decisionId: uuidv7(candidate.now) }) };
  } catch (error) {
    if (error instanceof DomainError) return { error };
    throw error;
  }
}

/** The former answer again, when the transaction is still the same; undefined when that has lapsed. */
function repeat(known: Decision, { transactionId, contentHash }: Facts) {
  if (Buffer.compare(known.contentHash, contentHash) !== 0) {
    return { error: new DecisionExists({ transaction_id: transactionId }) };
  }
  return known.lapsedAt === undefined ? { value: known } : undefined;
}
