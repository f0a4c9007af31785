import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { eur, ledgerOf } from '#services/finance/transaction/testing.ts';
import type { MakeBelongings } from '../belongings.ts';
import { openAccount } from './finance-account.ts';

/** Two accounts, what moved between them, and what is held. */
export const belongings: MakeBelongings = async (shop, account) => {
  const { id, headers, mark, quantity, requestId } = account;
  const ledger = ledgerOf(shop.network);
  const one = await openAccount(shop, account, uuidv7());
  const two = await openAccount(shop, account, uuidv7());
  await ledger.payments.executeTransaction({
    requestId: uuidv7(),
    type: TransactionType.DEPOSIT,
    destinationAccountId: one,
    amount: eur(100_000n + quantity),
  });
  const transfer = (request: string) =>
    ledger.transfer(one, two, quantity, {
      as: { headers },
      reference: mark,
      requestId: request,
    });
  const moved = (await transfer(requestId)).transaction!;
  const another = (await transfer(uuidv7())).transaction!;
  const held = await ledger.authorize(one, two, quantity, {
    as: { headers },
    reference: mark,
    requestId,
  });
  const accounts = [one, two];
  return {
    names: {
      account_id: accounts,
      source_account_id: accounts,
      destination_account_id: accounts,
      payee_account_id: accounts,
      transaction_id: [moved, another, held].map(({ transactionId }) => transactionId),
      owner_id: [id],
      initiator_id: [id],
      on_behalf_of_user_id: [id],
    },
    traces: [`"${quantity}"`],
    stir: async () => [(await transfer(uuidv7())).transaction!.transactionId],
  };
};
