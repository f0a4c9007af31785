import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Shop } from '#services/commerce/order/testing.ts';
import type { Account } from '../account.ts';
import type { MakeBelongings } from '../belongings.ts';

/**
 * An account that was revealed and closed. Those in use are named with what moved between them, by finance-transaction.ts:
 * they tell more.
 */
export const belongings: MakeBelongings = async (shop, account) => {
  const { id, headers, requestId } = account;
  const client = clientOf(shop);
  const accountId = await openAccount(shop, account, requestId);
  const request = { requestId, accountId };
  const { accountNumber } = await client.revealAccountNumber(request, { headers });
  await client.revealHolder(request, { headers });
  await client.closeAccount(request, { headers });
  return { names: { owner_id: [id] }, traces: [accountId, accountNumber, taxIdOf(account)] };
};

const clientOf = ({ network }: Shop) => network.client(AccountService, 'platform.gateway');
const taxIdOf = ({ quantity, mark }: Account) => `DE-${quantity}-${mark.slice(0, 20)}-0`;

/** Opens one for somebody, with the mark in the name of its holder. Answers its id. */
export async function openAccount(
  shop: Shop,
  account: Account,
  requestId: string,
): Promise<string> {
  const { headers, mark: legalName } = account;
  const kind = { accountType: AccountType.CHECKING, currencyCode: 'EUR' };
  const request = { requestId, ...kind, legalName, taxId: taxIdOf(account) };
  return (await clientOf(shop).createAccount(request, { headers })).account!.accountId;
}
