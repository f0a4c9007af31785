/** What a run of the bank begins with: people who are signed in, and their accounts with money on them. */
import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { Desk } from '../desk.ts';
import { findOwner, hire, type Person, severally, welcome } from '../people.ts';

/** Somebody with an account. */
export interface Holder extends Person {
  readonly accountId: string;
  readonly currency: string;
}

export interface Bank {
  readonly customers: readonly Holder[];
  /** One for each currency, whose account everybody pays into. */
  readonly merchants: readonly Holder[];
  /** They move amounts that somebody has to look at. */
  readonly rich: readonly Holder[];
  /** Many, for each of them is rate limited like everybody. */
  readonly staff: readonly Person[];
}

export const currencies = ['EUR', 'USD'] as const;

const richCount = 4;
const staffCount = 10;
const customerMinor = 500_000n;
const richMinor = 100_000_000_00n;

export async function openBank(mesh: Mesh, desk: Desk, customerCount: number): Promise<Bank> {
  const owner = await findOwner(mesh);
  const staff = await severally(staffCount, () => hire(mesh, desk, owner));
  let settled = 0;
  const settle = (amountMinor: bigint) => async (): Promise<Holder> => {
    // Every other one, so that each group has as many of each currency.
    const currency = currencies[settled % currencies.length]!;
    const clerk = staff[settled % staff.length]!;
    settled += 1;
    const person = await welcome(mesh, desk);
    const accountId = await openAccount(desk, person, currency);
    await deposit(desk, clerk, { accountId, currency }, amountMinor);
    return Object.assign(person, { accountId, currency });
  };
  return {
    merchants: await severally(currencies.length, settle(customerMinor)),
    rich: await severally(richCount, settle(richMinor)),
    customers: await severally(customerCount, settle(customerMinor)),
    staff,
  };
}

/** Opens an account, as its holder asks for it. */
export async function openAccount(desk: Desk, holder: Person, currency: string): Promise<string> {
  const kind = { accountType: AccountType.CHECKING, currencyCode: currency };
  const request = { requestId: uuidv7(), ...kind, legalName: 'Ada Lovelace', taxId: '12-345-678' };
  const { account } = await desk.write(holder, AccountService.method.createAccount, request);
  return account!.accountId;
}

/** Somebody of the staff takes in money. */
export async function deposit(
  desk: Desk,
  clerk: Person,
  { accountId, currency }: Pick<Holder, 'accountId' | 'currency'>,
  amountMinor: bigint,
): Promise<void> {
  await desk.write(clerk, TransactionService.method.executeTransaction, {
    requestId: uuidv7(),
    type: TransactionType.DEPOSIT,
    destinationAccountId: accountId,
    amount: { currencyCode: currency, amountMinor },
    reference: 'cash',
  });
}
