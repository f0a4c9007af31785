/** Customers who pay each other and the shops around, and repeat themselves. */
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Act } from '../load.ts';
import type { Random } from '../random.ts';
import type { Bank, Holder } from './bank.ts';
import type { Teller } from './teller.ts';

const paymentMinorMax = 300;
/** Going and coming, they make a circle that compliance looks at. */
const circleMinor = 250_000n;
/** More than anybody has, and less than somebody would have to look at. */
const tooMuchMinor = 900_000n;
const doorsMax = 2;
const heldSeconds = 600;

/** What a customer does; what is there twice is done twice as often. */
const habits = [
  ...['transfer', 'transfer', 'transfer', 'hot', 'hot', 'hot', 'twice', 'again', 'withdraw'],
  ...['pay', 'pay', 'pay', 'pay', 'overdraw', 'circle'],
] as const;

/** One caller, who acts for these customers: each call is one deal, and all that comes of it. */
export function createCaller(
  { bank, teller }: { bank: Bank; teller: Teller },
  customers: readonly Holder[],
): Act {
  const othersOf = ({ accountId, currency }: Holder) =>
    bank.customers.filter((each) => each.currency === currency && each.accountId !== accountId);
  const merchantOf = ({ currency }: Holder) =>
    bank.merchants.find((each) => each.currency === currency)!;

  /** Money is held first; then it is taken, in part, given free, or forgotten. */
  async function pay(random: Random, customer: Holder): Promise<void> {
    const merchant = merchantOf(customer);
    const amountMinor = 2n + BigInt(random.below(paymentMinorMax));
    const dice = random.below(100);
    const isForgotten = dice < 15;
    const held = await teller.authorize(customer, {
      ...movementOf(customer, merchant.accountId, amountMinor),
      type: TransactionType.PAYMENT,
      holdSeconds: isForgotten ? 1 : heldSeconds,
    });
    if (held === undefined || isForgotten) return;
    await teller.review(held, random);
    const { transactionId } = held;
    const taker = random.percent(50) ? merchant : random.pick(bank.staff);
    if (dice < 50) await teller.capture(taker, transactionId, 0n);
    else if (dice < 75) await teller.capture(taker, transactionId, amountMinor / 2n);
    else if (dice < 90) await teller.void(taker, transactionId);
    else {
      await Promise.all([
        teller.capture(taker, transactionId, 0n),
        teller.void(random.pick(bank.staff), transactionId),
      ]);
    }
  }

  /** What is paid comes back. */
  async function circle(random: Random, customer: Holder): Promise<void> {
    const other = random.pick(othersOf(customer));
    const out = movementOf(customer, other.accountId, circleMinor);
    await teller.review(await teller.execute(customer, out), random);
    const back = movementOf(other, customer.accountId, circleMinor);
    await teller.review(await teller.execute(other, back), random);
  }

  return async (random) => {
    const customer = random.pick(customers);
    const habit = random.pick(habits);
    if (habit === 'pay') return pay(random, customer);
    if (habit === 'circle') return circle(random, customer);
    const door = random.below(doorsMax);
    const amountMinor = 1n + BigInt(random.below(paymentMinorMax));
    const other = habit === 'hot' ? merchantOf(customer) : random.pick(othersOf(customer));
    const request = movementOf(
      customer,
      habit === 'withdraw' ? '' : other.accountId,
      habit === 'overdraw' ? tooMuchMinor : amountMinor,
    );
    const [transaction] = await Promise.all([
      teller.execute(customer, request, door),
      habit === 'twice' && teller.execute(customer, request, door + 1),
    ]);
    if (habit === 'again') await teller.execute(customer, request, door + 1);
    await teller.review(transaction, random);
  };
}

/** A request to move money to an account, or out of the bank where none is named. */
export function movementOf(
  { accountId, currency }: Pick<Holder, 'accountId' | 'currency'>,
  destinationAccountId: string,
  amountMinor: bigint,
) {
  return {
    requestId: uuidv7(),
    type: destinationAccountId === '' ? TransactionType.WITHDRAWAL : TransactionType.TRANSFER,
    sourceAccountId: accountId,
    destinationAccountId,
    amount: { currencyCode: currency, amountMinor },
    reference: 'as agreed',
  };
}
