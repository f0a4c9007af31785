import {
  Awaiting,
  type Transaction,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { operationOf, paymentIdOf, requestIdOf, transactionIdOf } from './domain/books.ts';
import { type Fact, limits } from './domain.ts';
import { failureOf, isHeld, type Ledger } from './ledger.ts';
import type { AccountPayer, Provider, ProviderAnswer } from './provider.ts';

type Asked = { key: string } & AccountPayer & { amountMinor: bigint; currency: string };

/**
 * Pays from accounts of the ledger. Whatever begins a payment holds the money there by one authorization, whose id
 * follows from the payment, so that it can be voided while it is reviewed; a charge captures it at once. All that is asked
 * has a request_id that follows from its key, and the ledger answers a request once for ever: it is what makes two
 * drivers do a thing once.
 */
export function createLedgerProvider({
  ledger,
  log,
}: {
  ledger: Ledger;
  log: Logger;
}): Provider<AccountPayer> {
  /** What a function finds out; what it throws, nobody knows. Undefined while somebody has to decide. */
  async function answer(work: () => Promise<Fact | undefined>): Promise<ProviderAnswer> {
    try {
      const fact = await work();
      return fact === undefined ? 'unknown' : [fact];
    } catch (error) {
      log.debug({ error }, 'payment.ledger_silent');
      return 'unknown';
    }
  }

  /** Holds the money, or finds what became of that; a text says why it was refused. */
  async function hold(asked: Asked): Promise<Transaction | Barred | string> {
    const { key, accountId, payeeAccountId, userId, amountMinor, currency } = asked;
    // The ledger lets a service use any account. Somebody else's is as one that is not there.
    if ((await ledger.ownerOf(accountId)) !== userId.toLowerCase()) return 'ACCOUNT_NOT_FOUND';
    const said = await ledger.authorize({
      requestId: requestIdOf(key),
      type: TransactionType.PAYMENT,
      sourceAccountId: accountId,
      destinationAccountId: payeeAccountId,
      amount: { currencyCode: currency, amountMinor },
      reference: `payment ${paymentIdOf(key)}`,
      onBehalfOfUserId: userId,
      holdSeconds: limits.holdSeconds,
    });
    if ('refusal' in said) {
      // Who voids it came first.
      return said.refusal === 'REQUEST_ID_REUSED' ? await settleOrigin(key) : said.refusal;
    }
    const { transaction } = said;
    // What was answered before is what it was then.
    if (transaction.awaits === Awaiting.CAPTURE) return transaction;
    return (await ledger.read(transaction.transactionId)) ?? transaction;
  }

  /**
   * What became of the authorization of a payment. When there is none, there will be none: its request_id is used up for
   * a request that the ledger refuses, and refuses for ever. Whichever of the two is recorded first is the only one.
   */
  async function settleOrigin(origin: string): Promise<Transaction | Barred> {
    const transactionId = transactionIdOf('AuthorizeTransaction', requestIdOf(origin));
    const found = await ledger.read(transactionId);
    if (found !== undefined) return found;
    await debugPoint('finance.payment.before-bar');
    const paymentId = paymentIdOf(origin);
    const said = await ledger.authorize({
      requestId: requestIdOf(origin),
      type: TransactionType.PAYMENT,
      // From an account to itself, and one that is a payment: no such transaction can be.
      sourceAccountId: paymentId,
      destinationAccountId: paymentId,
      amount: { currencyCode: 'EUR', amountMinor: 1n },
    });
    assert('refusal' in said, 'the ledger refuses what bars a request');
    if (said.refusal !== 'REQUEST_ID_REUSED') return barred;
    // The other was faster; or it was refused, and left no transaction.
    return (await ledger.read(transactionId)) ?? refused;
  }

  /** Takes what is held, or finds that it is gone; what cannot be taken is given free. */
  async function take(
    key: string,
    of: Transaction,
    amountMinor: bigint,
  ): Promise<Fact | undefined> {
    const { transactionId, amount } = of;
    const requestId = requestIdOf(key);
    const said = await ledger.capture({ requestId, transactionId, amountMinor });
    const fact = { ...factAbout(key), amountMinor, currency: amount!.currencyCode };
    if ('transaction' in said) return { ...fact, kind: 'captured' };
    if (said.refusal === 'TRANSACTION_NOT_OPEN') {
      const now = await ledger.read(transactionId);
      assert(now !== undefined, 'a transaction never goes');
      return factOf(key, now);
    }
    await debugPoint('finance.payment.before-release');
    await release(transactionId);
    return { ...fact, kind: 'declined', code: said.refusal.toLowerCase() };
  }

  /** Gives free what is held: a second time changes nothing, so each has an id of its own. */
  async function release(transactionId: string): Promise<void> {
    await ledger.void({ requestId: uuidv7(), transactionId });
  }

  async function begin(asked: Asked): Promise<Fact | undefined> {
    const { key, amountMinor } = asked;
    const held = await hold(asked);
    if (typeof held === 'string')
      return { ...factAbout(key), kind: 'declined', code: held.toLowerCase() };
    if ('kind' in held) return { ...factAbout(key), ...held };
    if (!isToBeTaken(key, held)) return factOf(key, held);
    await debugPoint('finance.payment.after-hold');
    return take(key, held, amountMinor);
  }

  return {
    charge: (asked) => answer(() => begin(asked)),
    authorize: (asked) => answer(() => begin(asked)),

    capture: ({ key, origin, amountMinor }) =>
      answer(async () => {
        const held = await ledger.read(
          transactionIdOf('AuthorizeTransaction', requestIdOf(origin)),
        );
        assert(held !== undefined, 'what is captured was authorized');
        return take(key, held, amountMinor);
      }),

    void: ({ origin }) =>
      answer(async () => {
        const found = await settleOrigin(origin);
        if ('kind' in found) return { ...factAbout(origin), ...found };
        if (!isHeld(found)) return factOf(origin, found);
        await release(found.transactionId);
        const now = await ledger.read(found.transactionId);
        assert(now !== undefined, 'a transaction never goes');
        return factOf(origin, now);
      }),

    refund: ({ key, origin, amountMinor, currency }) =>
      answer(async () => {
        const paid = await ledger.read(
          transactionIdOf('AuthorizeTransaction', requestIdOf(origin)),
        );
        assert(paid !== undefined, 'what is given back was taken');
        const requestId = requestIdOf(key);
        // Not a reversal: that is of the whole, whatever parts were given back before.
        const said = await ledger.execute({
          requestId,
          type: TransactionType.PAYMENT,
          sourceAccountId: paid.destinationAccountId,
          destinationAccountId: paid.sourceAccountId,
          amount: { currencyCode: currency, amountMinor },
          reference: `refund of payment ${paymentIdOf(key)}`,
        });
        if ('refusal' in said) {
          return {
            ...factAbout(key),
            amountMinor,
            currency,
            kind: 'refused',
            code: said.refusal.toLowerCase(),
          };
        }
        const { transaction } = said;
        if (transaction.status === TransactionStatus.COMPLETED) return refundOf(key, transaction);
        const now = await ledger.read(transaction.transactionId);
        return now && refundOf(key, now);
      }),

    async lookup(key) {
      const [kind] = operationOf(key).split(':');
      // To ask again is to look it up: the ledger gives its first answer.
      if (kind === 'capture') return 'none';
      const method = kind === 'refund' ? 'ExecuteTransaction' : 'AuthorizeTransaction';
      let isOpen = false;
      const looked = await answer(async () => {
        const found = await ledger.read(transactionIdOf(method, requestIdOf(key)));
        isOpen = found === undefined || isToBeTaken(key, found);
        if (found === undefined || isOpen) return undefined;
        return kind === 'refund' ? refundOf(key, found) : factOf(key, found);
      });
      return isOpen ? 'none' : looked;
    },

    async close() {
      ledger.close();
    },
  };
}

/** There is no authorization, and none can come; or there was a request for one, which was refused. */
type Barred = { kind: 'voided' | 'declined'; code: string };
const barred: Barred = { kind: 'voided', code: '' };
const refused: Barred = { kind: 'declined', code: 'refused' };

function factAbout(key: string) {
  return {
    paymentId: paymentIdOf(key),
    operation: operationOf(key),
    amountMinor: 0n,
    currency: '',
    code: '',
  };
}

/** Whether a charge has to ask for its capture: also of what was given free, for that may be because it was refused. */
function isToBeTaken(key: string, { awaits, status }: Transaction): boolean {
  const isOver = status === TransactionStatus.CANCELLED;
  return operationOf(key) === 'charge' && (isOver || awaits === Awaiting.CAPTURE);
}

/** What an authorization says of the payment that it is for; undefined while that is open. */
export function factOf(key: string, transaction: Transaction): Fact | undefined {
  const { status, awaits, amount, capturedMinor } = transaction;
  const { currencyCode: currency, amountMinor } = amount!;
  const about = { ...factAbout(key), amountMinor, currency };
  const isCapture = operationOf(key).startsWith('capture:');
  switch (status) {
    case TransactionStatus.COMPLETED:
      return { ...about, kind: 'captured', amountMinor: capturedMinor };
    case TransactionStatus.FAILED:
      return { ...about, kind: 'declined', code: failureOf(transaction).toLowerCase() };
    case TransactionStatus.CANCELLED: {
      const code = failureOf(transaction).toLowerCase();
      // What nobody approved in time is declined; a hold that ran out is an authorization that is gone.
      const isDeclined = isCapture || (code === 'expired' && operationOf(key) === 'charge');
      return isDeclined ? { ...about, kind: 'declined', code } : { ...about, kind: 'voided' };
    }
    default: {
      const isAuthorized = awaits === Awaiting.CAPTURE && operationOf(key) === 'authorize';
      return isAuthorized ? { ...about, kind: 'authorized' } : undefined;
    }
  }
}

/** What a transaction says of the refund that it is; undefined while it is open. */
function refundOf(key: string, transaction: Transaction): Fact | undefined {
  const { status, amount } = transaction;
  if (isHeld(transaction)) return undefined;
  const { currencyCode: currency, amountMinor } = amount!;
  const about = { ...factAbout(key), amountMinor, currency };
  if (status === TransactionStatus.COMPLETED) return { ...about, kind: 'refunded' };
  return { ...about, kind: 'refused', code: failureOf(transaction).toLowerCase() };
}
