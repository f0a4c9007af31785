import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Transaction as TransactionMessage,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { subscription } from '#kit/bus/consumer.ts';
import { PoisonEvent } from '#kit/bus/event.ts';
import type { Clock } from '#kit/clock.ts';
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { searchCycles } from './cycle-search.ts';
import { type AccountWindow, cyclesOf, findingsOf, isOwn } from './domain/decide.ts';
import { addMovement, type Movement, tagOf } from './domain/window.ts';
import type { Finding, Leg, Party, Transaction } from './domain.ts';
import { typeFromProto } from './proto.ts';
import type { RuleBook } from './rule-book.ts';
import type { FindingStore, Found } from './store/findings.ts';
import type { RuleStore } from './store/rules.ts';
import type { WindowStore } from './store/windows.ts';

/** What the detector reads and leaves behind. */
export interface DetectorDeps {
  windows: WindowStore;
  findings: FindingStore;
  rules: RuleStore;
  ruleBook: RuleBook;
  clock: Clock;
}

/**
 * Puts what was posted into the windows of its accounts, and looks at it once more: transactions that were checked side by
 * side did not see each other, and what services do by themselves was not stopped. Findings open cases and stop nothing.
 */
export function detectorSubscription(deps: DetectorDeps) {
  return subscription({
    name: 'transactions',
    schema: TransactionsChangedSchema,
    concerns: ({ transactions }) => transactions.some(moves),
    handle: (events, tx) =>
      detect(
        deps,
        tx,
        events.flatMap(({ message }) => message.transactions.filter(moves)),
      ),
  });
}

/** A correction says nothing about a customer: neither what was moved back, nor the moving back. */
function moves(message: TransactionMessage): boolean {
  return (
    message.status === TransactionStatus.COMPLETED &&
    message.reversesTransactionId === '' &&
    message.reversedByTransactionId === ''
  );
}

async function detect(
  { windows, findings, rules, ruleBook, clock }: DetectorDeps,
  tx: Tx,
  messages: readonly TransactionMessage[],
): Promise<void> {
  const known = await windows.lock(tx, accountsOf(messages));
  if (known.size === 0) return;
  const posted = messages.map((message) => transactionOf(message, known));
  const present = await ruleBook.of(await rules.readVersion());
  const changed = new Set<string>();
  const found: Found[] = [];
  for (const transaction of posted) {
    found.push(...findingsOf(transaction, present.rules, known).flatMap(foundIn(transaction)));
    apply(known, transaction, changed);
  }
  const searches = posted.flatMap((transaction) => cyclesOf(transaction, present.rules));
  const movements = new Map([...known].map(([id, window]) => [id, window.movements]));
  for (const { search, finding } of await searchCycles(searches, movements, windows.read)) {
    found.push(...foundIn(search.transaction)(finding));
  }
  await file(findings, tx, found, clock.now());
  windows.save(
    tx,
    [...changed].map((accountId) => known.get(accountId)!),
  );
  await debugPoint('finance.compliance.before-detection');
}

/** What the check found is in a case already, which may have been decided meanwhile. */
async function file(
  findings: FindingStore,
  tx: Tx,
  found: readonly Found[],
  now: number,
): Promise<void> {
  if (found.length === 0) return;
  const filed = await findings.readFiled(
    tx,
    found.map(({ transactionId }) => transactionId!),
  );
  const news = found.filter(
    ({ transactionId, typology }) => !filed.has(`${transactionId} ${typology}`),
  );
  await findings.file(tx, news, now);
}

function foundIn({ transactionId, at }: Transaction) {
  return ({ typology, ...finding }: Finding): Found[] =>
    typology === undefined ? [] : [{ ...finding, typology, transactionId, at }];
}

/** Puts the movements of a transaction into the windows of its accounts, and notes which. */
function apply(
  known: Map<string, AccountWindow>,
  transaction: Transaction,
  changed: Set<string>,
): void {
  const { transactionId, type, at, initiatorId } = transaction;
  const add = (accountId: string, movement: Movement) => {
    const window = known.get(accountId);
    if (window === undefined) return;
    const movements = addMovement(window.movements, movement);
    if (movements === window.movements) return;
    known.set(accountId, { ...window, movements });
    changed.add(accountId);
  };
  for (const leg of transaction.legs) {
    const { source, destination, amountMinor } = leg;
    const movement = {
      at,
      amountMinor,
      type,
      isOwn: isOwn(leg),
      isByService: initiatorId === '',
      transactionTag: tagOf(transactionId),
    };
    const [from, to] = [source.accountId, destination.accountId];
    add(from, { ...movement, isIncoming: false, counterpartyId: to });
    add(to, { ...movement, isIncoming: true, counterpartyId: from });
  }
}

function accountsOf(messages: readonly TransactionMessage[]): string[] {
  const accountIds = new Set<string>();
  for (const { sourceAccountId, destinationAccountId, furtherLegs } of messages) {
    accountIds.add(sourceAccountId).add(destinationAccountId);
    for (const leg of furtherLegs) {
      accountIds.add(leg.sourceAccountId).add(leg.destinationAccountId);
    }
  }
  return [...accountIds];
}

/** Whose accounts they are is in their windows; one without belongs to the system. */
function transactionOf(
  message: TransactionMessage,
  known: ReadonlyMap<string, AccountWindow>,
): Transaction {
  const { transactionId, amount, updateTime, initiatorId } = message;
  const type = typeFromProto(message.type);
  if (type === undefined || amount === undefined || updateTime === undefined) {
    throw new PoisonEvent();
  }
  const party = (accountId: string): Party => {
    const { ownerId = '', openedAt = 0 } = known.get(accountId) ?? {};
    return { accountId, ownerId, openedAt };
  };
  const legs: Leg[] = [
    {
      source: party(message.sourceAccountId),
      destination: party(message.destinationAccountId),
      amountMinor: message.capturedMinor,
      currency: amount.currencyCode,
    },
  ];
  for (const { sourceAccountId, destinationAccountId, amount: part } of message.furtherLegs) {
    if (part === undefined) throw new PoisonEvent();
    legs.push({
      source: party(sourceAccountId),
      destination: party(destinationAccountId),
      amountMinor: part.amountMinor,
      currency: part.currencyCode,
    });
  }
  return { transactionId, type, legs, initiatorId, at: timestampMs(updateTime) };
}
