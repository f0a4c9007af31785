import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { MakeBelongings } from '../belongings.ts';

/** Two accounts, with the mark in the name of their holder, and a third that was closed. */
export const belongings: MakeBelongings = async ({ network }, account) => {
  const { id, headers, mark, quantity, requestId } = account;
  const client = network.client(AccountService, 'platform.gateway');
  const taxId = `DE-${quantity}-${mark.slice(0, 20)}`;
  const open = async (request: string) => {
    const { account: made } = await client.createAccount(
      {
        requestId: request,
        accountType: AccountType.SAVINGS,
        currencyCode: 'EUR',
        legalName: mark,
        taxId,
      },
      { headers },
    );
    return made!.accountId;
  };
  const accountIds = [await open(requestId), await open(uuidv7()), await open(uuidv7())];
  await client.closeAccount({ requestId, accountId: accountIds[2]! }, { headers });
  const [accountId] = accountIds;
  const { accountNumber } = await client.revealAccountNumber(
    { requestId, accountId: accountId! },
    { headers },
  );
  await client.revealHolder({ requestId, accountId: accountId! }, { headers });
  return { names: { account_id: accountIds, owner_id: [id] }, traces: [accountNumber, taxId] };
};
