/** What the people of the bank do while customers pay. */
import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { batchOutcomes } from '#kit/load/batch.ts';
import { systemAccountId } from '#services/finance/transaction/domain/system.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { Desk } from '../desk.ts';
import type { Act } from '../load.ts';
import { pause, tolerate } from '../patience.ts';
import { welcome } from '../people.ts';
import type { Random } from '../random.ts';
import { type Bank, currencies, deposit, openAccount } from './bank.ts';
import { movementOf } from './customer.ts';
import { refusals, type Teller } from './teller.ts';

export interface StaffDeps {
  mesh: Mesh;
  desk: Desk;
  bank: Bank;
  teller: Teller;
}

const depositMinorMax = 50_000;
/** From ten thousand on one analyst has to look at it, from a hundred thousand on two; more than a million is denied. */
const largeMinors = [2_000_000n, 15_000_000n, 15_000_000n, 200_000_000n];
const wageMinorMax = 100;
const wagesMax = 12;
const feeMinor = 25n;
const frozenMs = 100;
const entriesMax = 100;

/** The acts of the clerks, each of whom does one thing after the other. */
export function createTasks({ mesh, desk, bank, teller }: StaffDeps): Act[] {
  const ledger = mesh.client(TransactionService, 'finance.transaction');
  const clerk = (random: Random) => random.pick(bank.staff);
  const frozen = new Set<string>();

  /** Moves so much that somebody has to look at it. */
  async function moveMuch(random: Random): Promise<void> {
    const source = random.pick(bank.rich);
    const { currency, accountId } = source;
    const others = bank.rich.filter((each) => each.currency === currency);
    const other = random.pick(others.filter((each) => each.accountId !== accountId));
    const request = movementOf(source, other.accountId, random.pick(largeMinors));
    await teller.review(await teller.execute(source, request), random);
  }

  /** Wages of many, from the account that everybody pays into; somebody may be on the list twice. */
  async function payWages(random: Random): Promise<void> {
    const merchant = random.pick(bank.merchants);
    const paid = bank.customers.filter(({ currency }) => currency === merchant.currency);
    const count = 2 + random.below(wagesMax);
    const requests = Array.from({ length: count }, () => {
      const amountMinor = 1n + BigInt(random.below(wageMinorMax));
      return movementOf(merchant, random.pick(paid).accountId, amountMinor);
    });
    if (random.percent(20)) requests.push(requests[0]!);
    const { batchExecuteTransactions } = TransactionService.method;
    const { results } = await desk.write(clerk(random), batchExecuteTransactions, { requests });
    for (const outcome of batchOutcomes(results)) {
      await tolerate(refusals, async () => {
        if ('error' in outcome) throw outcome.error;
      });
    }
  }

  /** Exchanges money for a fee: three legs, which move together. */
  async function exchange(random: Random): Promise<void> {
    const source = random.pick(bank.customers);
    const target = random.pick(bank.merchants.filter((each) => each.currency !== source.currency));
    const amountMinor = 100n + BigInt(random.below(wageMinorMax));
    const leg = (sourceAccountId: string, destinationAccountId: string, currencyCode: string) => ({
      sourceAccountId,
      destinationAccountId,
      amount: { currencyCode, amountMinor: currencyCode === source.currency ? feeMinor : 90n },
    });
    await teller.execute(clerk(random), {
      ...movementOf(source, systemAccountId('EXCHANGE', source.currency), amountMinor),
      furtherLegs: [
        leg(source.accountId, systemAccountId('FEES', source.currency), source.currency),
        leg(systemAccountId('EXCHANGE', target.currency), target.accountId, target.currency),
      ],
    });
  }

  /** Moves back what was moved by mistake; two may try. */
  async function reverse(random: Random): Promise<void> {
    const transactionId = teller.anyCompleted(random);
    if (transactionId === undefined) return;
    const back = async () => {
      const request = { requestId: uuidv7(), transactionId, reference: 'a mistake' };
      await tolerate([...refusals, 'TRANSACTION_REVERSED'], () =>
        desk.write(clerk(random), TransactionService.method.reverseTransaction, request),
      );
    };
    await Promise.all(random.percent(30) ? [back(), back()] : [back()]);
  }

  /** Nothing leaves an account from the answer on that it is frozen. */
  async function freeze(random: Random): Promise<void> {
    const { accountId } = random.pick(bank.customers);
    if (frozen.has(accountId)) return;
    frozen.add(accountId);
    const [one, other] = [clerk(random), clerk(random)];
    const change = () => ({ requestId: uuidv7(), accountId, reason: 'a look' });
    await desk.write(one, AccountService.method.freezeAccount, change());
    const { balances } = await desk.insist(one, () =>
      ledger.getBalances({ accountIds: [accountId] }, one),
    );
    await pause(frozenMs);
    const { entries } = await desk.insist(one, () =>
      ledger.listEntries({ accountId, pageSize: entriesMax }, one),
    );
    await desk.write(other, AccountService.method.unfreezeAccount, change());
    frozen.delete(accountId);
    const { sequence = 0n } = balances[0]!;
    if (entries.some((entry) => entry.sequence > sequence && entry.deltaMinor < 0n)) {
      throw new Error(`money left ${accountId} while it was frozen`);
    }
  }

  /** A further account, which may be closed again at once. */
  async function open(random: Random): Promise<void> {
    const holder = random.pick(bank.customers);
    const accountId = await openAccount(desk, holder, random.pick(currencies));
    if (random.percent(50)) return;
    const request = { requestId: uuidv7(), accountId };
    await desk.write(holder, AccountService.method.closeAccount, request);
  }

  /** Somebody new, whose keys are made. */
  async function join(random: Random): Promise<void> {
    await openAccount(desk, await welcome(mesh, desk), random.pick(currencies));
  }

  async function reveal(random: Random): Promise<void> {
    const { accountId } = random.pick(bank.customers);
    const { revealAccountNumber } = AccountService.method;
    await desk.write(clerk(random), revealAccountNumber, { requestId: uuidv7(), accountId });
  }

  async function takeIn(random: Random): Promise<void> {
    const amountMinor = 1n + BigInt(random.below(depositMinorMax));
    await deposit(desk, clerk(random), random.pick(bank.customers), amountMinor);
  }

  return [takeIn, moveMuch, payWages, exchange, reverse, freeze, open, join, reveal];
}
