import { type Transaction, TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Job } from '#kit/service.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { transactionIdOf } from './domain/books.ts';
import {
  hear,
  type LedgerSays,
  partiesOf,
  type Settlement,
  settlementRequestId,
} from './domain/settlement.ts';
import { limits } from './domain.ts';
import { failureOf, isHeld, type Ledger } from './ledger.ts';
import type { Settlements } from './store/settlements.ts';

/**
 * Brings captures and refunds of cards into the ledger. What belongs to a settlement is written down before the ledger is
 * asked, under a request_id that follows from it: whoever dies, and however many ask, it is moved once. Payments do not
 * wait for it, and without a ledger they go on.
 */
export function createSettlementJob(deps: {
  ledger: Ledger;
  settlements: Settlements;
  clock: Clock;
  log: Logger;
}): Job {
  const { ledger, settlements, clock, log } = deps;

  async function ask(settlement: Settlement): Promise<LedgerSays> {
    const { settlementId, state, transactionId, currency, amountMinor } = settlement;
    if (state === 'IN_REVIEW') return saysOf(await ledger.read(transactionId!));
    const requestId = settlementRequestId(settlement);
    const said = await ledger.execute({
      requestId,
      type: TransactionType.PAYMENT,
      ...partiesOf(settlement),
      amount: { currencyCode: currency, amountMinor },
      reference: `settlement ${settlementId}`,
    });
    if (!('refusal' in said)) return saysOf(said.transaction);
    if (said.refusal !== 'REQUEST_ID_REUSED') {
      return { kind: 'refused', transactionId: said.transactionId, failure: said.refusal };
    }
    // Asked for by another release, in other words: what came of that counts.
    return saysOf(await ledger.read(transactionIdOf('ExecuteTransaction', requestId)));
  }

  async function settle(before: Settlement): Promise<void> {
    const { settlementId } = before;
    await debugPoint('finance.payment.before-settle');
    const said = await ask(before).catch((error): LedgerSays => {
      log.debug({ error, settlementId }, 'payment.ledger_silent');
      return { kind: 'unknown' };
    });
    await debugPoint('finance.payment.after-settle');
    const after = hear(before, said, clock.now());
    await settlements.update(before, after);
    const { failure, transactionId } = after;
    if (said.kind === 'refused') {
      log.error({ settlementId, transactionId, failure }, 'payment.settlement_refused');
    } else if (said.kind === 'in_review' && before.state !== 'IN_REVIEW') {
      log.warn({ settlementId, transactionId }, 'payment.settlement_in_review');
    }
  }

  async function bind(kind: Settlement['kind']): Promise<number> {
    const now = clock.now();
    return Number(await settlements.bind(kind, { newId: uuidv7(now), now }));
  }

  return {
    name: 'finance.payment.settlement',
    everyMs: limits.settleEveryMs,
    async run() {
      const due = await settlements.findDue(clock.now());
      await Promise.all(due.map(settle));
      return due.length + (await bind('CAPTURE')) + (await bind('REFUND'));
    },
    // Those that rest are left out: nobody waits for a ledger that is away, or for an analyst.
    pending: () => settlements.countDue(clock.now()),
  };
}

function saysOf(transaction: Transaction | undefined): LedgerSays {
  if (transaction === undefined) return { kind: 'unknown' };
  const { transactionId, status } = transaction;
  if (status === TransactionStatus.COMPLETED) return { kind: 'settled', transactionId };
  if (isHeld(transaction)) return { kind: 'in_review', transactionId };
  return { kind: 'refused', transactionId, failure: failureOf(transaction) };
}
