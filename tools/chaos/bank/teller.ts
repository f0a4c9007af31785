/** How money is moved: asked for at the desk until it is answered, with the refusals that anybody may get. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AuthorizeTransactionRequestSchema,
  Awaiting,
  type ExecuteTransactionRequestSchema,
  type Transaction,
  TransactionService,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Desk } from '../desk.ts';
import type { Progress } from '../load.ts';
import { tolerate } from '../patience.ts';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import type { Bank } from './bank.ts';

export type Movement = MessageInitShape<typeof ExecuteTransactionRequestSchema> & {
  requestId: string;
};
export type Authorization = MessageInitShape<typeof AuthorizeTransactionRequestSchema> & {
  requestId: string;
};

/** Moves money for people. Undefined is answered where the bank refuses, as it may. */
export interface Teller {
  execute(person: Person, request: Movement, door?: number): Promise<Transaction | undefined>;
  authorize(person: Person, request: Authorization): Promise<Transaction | undefined>;
  capture(person: Person, transactionId: string, amountMinor: bigint): Promise<void>;
  void(person: Person, transactionId: string): Promise<void>;
  /** Analysts decide what waits for them; nothing happens when nothing does. */
  review(transaction: Transaction | undefined, random: Random): Promise<void>;
  /** A transaction that was completed lately. */
  anyCompleted(random: Random): string | undefined;
}

const { executeTransaction, authorizeTransaction, captureTransaction } = TransactionService.method;
const { voidTransaction, reviewTransaction } = TransactionService.method;

/** What an account may not allow, and what the rules may deny. */
export const refusals = ['INSUFFICIENT_FUNDS', 'ACCOUNT_FROZEN', 'TRANSACTION_DENIED'];
const tooLate = ['TRANSACTION_NOT_OPEN', 'TRANSACTION_IN_REVIEW', 'ACCOUNT_FROZEN'];
const decided = [
  'TRANSACTION_NOT_IN_REVIEW',
  'REVIEWER_HAS_REVIEWED',
  'REVIEWER_IS_INITIATOR',
  'ACCOUNT_FROZEN',
];
const completedMax = 200;
const analystsMax = 3;

export function createTeller(deps: { desk: Desk; bank: Bank; progress: Progress }): Teller {
  const { desk, bank, progress } = deps;
  const completed: string[] = [];

  function note(transaction: Transaction | undefined, succeeded: () => void) {
    if (transaction?.status !== TransactionStatus.COMPLETED) return;
    succeeded();
    completed.push(transaction.transactionId);
    if (completed.length > completedMax) completed.shift();
  }

  return {
    async execute(person, request, door = 0) {
      const succeeded = progress.begin();
      const answer = await tolerate(refusals, () =>
        desk.write(person, executeTransaction, request, door),
      );
      note(answer?.transaction, succeeded);
      return answer?.transaction;
    },

    async authorize(person, request) {
      const answer = await tolerate(refusals, () =>
        desk.write(person, authorizeTransaction, request),
      );
      return answer?.transaction;
    },

    async capture(person, transactionId, amountMinor) {
      const succeeded = progress.begin();
      const request = { requestId: uuidv7(), transactionId, amountMinor };
      const answer = await tolerate(tooLate, () => desk.write(person, captureTransaction, request));
      note(answer?.transaction, succeeded);
    },

    async void(person, transactionId) {
      const request = { requestId: uuidv7(), transactionId };
      await tolerate(tooLate, () => desk.write(person, voidTransaction, request));
    },

    async review(transaction, random) {
      if (transaction?.awaits !== Awaiting.REVIEW) return;
      const { transactionId } = transaction;
      const decide = async () => {
        const approves = random.percent(75);
        const request = { requestId: uuidv7(), transactionId, approves, note: 'looked at' };
        const analyst = random.pick(bank.staff);
        await tolerate(decided, () => desk.write(analyst, reviewTransaction, request));
      };
      if (random.percent(30)) await Promise.all([decide(), decide()]);
      // Some stay undecided: fewer look at them than have to.
      else for (let left = 1 + random.below(analystsMax); left > 0; left -= 1) await decide();
    },

    anyCompleted: (random) => (completed.length === 0 ? undefined : random.pick(completed)),
  };
}
