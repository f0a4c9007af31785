import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import { searchCycles } from './cycle-search.ts';
import { cyclesOf, findingsOf, gravestOf, standingsOf, stopping } from './domain/decide.ts';
import { DecisionExists } from './domain/refusals.ts';
import type { RuleSet } from './domain/rules.ts';
import { type Decision, type Finding, isStoppable, limits, type Transaction } from './domain.ts';
import type { RuleBook } from './rule-book.ts';
import type { CheckFacts, CheckStore, Named } from './store/checks.ts';
import type { FindingStore, Found } from './store/findings.ts';
import type { NewAccount, WindowStore } from './store/windows.ts';

/** A transaction to be decided upon, and the content that the decision is bound to. */
export interface Check {
  readonly transaction: Transaction;
  readonly contentHash: Uint8Array;
}

/** Decides upon transactions, as many at once as there are. Throws DecisionExists. */
export type Checker = Coalescer<Check, Decision>;

/** What checks are decided by and leave behind. */
export interface CheckerDeps {
  database: Database;
  checks: CheckStore;
  windows: WindowStore;
  findings: FindingStore;
  ruleBook: RuleBook;
  clock: Clock;
}

/**
 * A batch costs one read when nothing is found. Whatever stops a transaction is kept with its case in one transaction
 * before it is answered.
 */
export function createChecker(deps: CheckerDeps): Checker {
  const { checks, windows, ruleBook, clock } = deps;

  async function run(batch: readonly Check[]): Promise<Outcome<Decision>[]> {
    const now = clock.now();
    const named = namesOf(batch);
    const facts = await checks.readFacts(named);
    const rules = await ruleBook.of(facts.ruleSetVersion);
    const fresh = undecided(batch, facts);
    const found = await findAll(fresh, facts, rules);
    const decided = fresh.map((check, i) => decide(check, found[i]!, rules.version, now));
    // Before the answer: what is posted afterwards is put into the windows that are there.
    if (facts.windows.size < named.accountIds.length) await welcome(fresh, facts);
    const inForce = await keep(deps, decided, now);
    for (const decision of decided) {
      const { transactionId } = decision;
      facts.decisions.set(transactionId, inForce.get(transactionId) ?? decision);
    }
    return batch.map(({ transaction: { transactionId }, contentHash }) =>
      toOutcome(facts.decisions.get(transactionId)!, contentHash),
    );
  }

  /** What stops each of the transactions. */
  async function findAll(
    batch: readonly Check[],
    facts: CheckFacts,
    { rules }: RuleSet,
  ): Promise<Finding[][]> {
    const found = batch.map(({ transaction }) => [
      ...standingsOf(transaction, facts.standings),
      ...(isStoppable(transaction) ? findingsOf(transaction, rules, facts.windows) : []),
    ]);
    const searches = batch.flatMap(({ transaction }) =>
      isStoppable(transaction) ? cyclesOf(transaction, rules) : [],
    );
    if (searches.length === 0) return found.map(stopping);
    const known = new Map([...facts.windows].map(([id, { movements }]) => [id, movements]));
    const places = new Map(batch.map(({ transaction }, i) => [transaction, i]));
    for (const { search, finding } of await searchCycles(searches, known, windows.read)) {
      found[places.get(search.transaction)!]!.push(finding);
    }
    return found.map(stopping);
  }

  /** Makes windows for the accounts of customers that are checked for the first time. */
  async function welcome(batch: readonly Check[], facts: CheckFacts): Promise<void> {
    const strangers = new Map<string, NewAccount>();
    for (const { transaction } of batch) {
      for (const { source, destination } of transaction.legs) {
        for (const party of [source, destination]) {
          if (party.ownerId === '' || facts.windows.has(party.accountId)) continue;
          strangers.set(party.accountId, party);
        }
      }
    }
    if (strangers.size > 0) await windows.insert([...strangers.values()]);
  }

  return createCoalescer<Check, Decision>({
    name: 'finance.compliance.check',
    timeoutMs: limits.checkMsMax,
    itemsMax: limits.checkBatchMax,
    // They only read, mostly: while one waits for the database, another is decided.
    batchesMax: limits.checkBatchesMax,
    run,
  });
}

/** Keeps the decisions that stop something, with what they were decided by. Answers those that are in force. */
async function keep(
  { database, checks, findings }: CheckerDeps,
  decided: readonly Decision[],
  now: number,
): Promise<Map<string, Decision>> {
  const stopped = decided.filter(({ action }) => action !== 'ALLOW');
  if (stopped.length === 0) return new Map();
  return database.transaction(async (tx) => {
    const inForce = await checks.keep(tx, stopped);
    // Another process may have decided upon some meanwhile, and opened their cases.
    const ours = stopped.filter((one) => inForce.get(one.transactionId) === one);
    await findings.file(tx, ours.flatMap(foundBy), now);
    await debugPoint('finance.compliance.before-decision');
    return inForce;
  });
}

/** Those that nobody decided yet, each once however often it is asked about. */
function undecided(batch: readonly Check[], { decisions }: CheckFacts): Check[] {
  const fresh = new Map<string, Check>();
  for (const check of batch) {
    const { transactionId } = check.transaction;
    if (!decisions.has(transactionId) && !fresh.has(transactionId)) fresh.set(transactionId, check);
  }
  return [...fresh.values()];
}

function foundBy({ findings, transactionId, decidedAt }: Decision): Found[] {
  return findings.flatMap(({ typology, ...finding }) =>
    typology === undefined ? [] : [{ ...finding, typology, transactionId, at: decidedAt }],
  );
}

function decide(
  { transaction: { transactionId }, contentHash }: Check,
  findings: readonly Finding[],
  ruleSetVersion: bigint,
  now: number,
): Decision {
  const action = gravestOf(findings);
  const decisionId = uuidv7();
  return {
    decisionId,
    transactionId,
    contentHash,
    action,
    ruleSetVersion,
    findings,
    decidedAt: now,
  };
}

function toOutcome(decision: Decision, contentHash: Uint8Array): Outcome<Decision> {
  if (Buffer.compare(decision.contentHash, contentHash) === 0) return { value: decision };
  return { error: new DecisionExists({ transaction_id: decision.transactionId }) };
}

function namesOf(batch: readonly Check[]): Named {
  const accountIds = new Set<string>();
  const ownerIds = new Set<string>();
  for (const { transaction } of batch) {
    for (const { source, destination } of transaction.legs) {
      for (const { accountId, ownerId } of [source, destination]) {
        if (ownerId === '') continue;
        accountIds.add(accountId);
        ownerIds.add(ownerId);
      }
    }
  }
  const transactionIds = batch.map(({ transaction }) => transaction.transactionId);
  return { accountIds: [...accountIds], ownerIds: [...ownerIds], transactionIds };
}
