/** What is done to accounts and their holders that the contract wants audited. */
import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Deed } from './audited.ts';
import type { World } from './world.ts';

export function deedsWithAccounts(world: World): Record<string, () => Promise<Deed>> {
  const accounts = world.network.client(AccountService, 'platform.gateway');
  const { staff, newcomer } = world;
  const who = staff.id;

  const open = async () => {
    const { id: subjectId, headers } = await newcomer();
    const kind = { accountType: AccountType.CHECKING, currencyCode: 'EUR' };
    const holder = { legalName: 'Ada Lovelace', taxId: '12345' };
    const request = { requestId: uuidv7(), ...kind, ...holder };
    const { account } = await accounts.createAccount(request, { headers });
    return { resourceId: account!.accountId, subjectId, headers };
  };
  const change = async (does: 'freezeAccount' | 'unfreezeAccount') => {
    const { resourceId: accountId, subjectId } = await open();
    await accounts[does]({ requestId: uuidv7(), accountId, reason: 'a test' }, staff);
    return { resourceId: accountId, who, subjectId };
  };
  return {
    'account.freeze': () => change('freezeAccount'),
    'account.unfreeze': () => change('unfreezeAccount'),
    'ledger_account.set_status': () => change('freezeAccount'),
    'customer.erase': async () => {
      const { resourceId: accountId, subjectId: ownerId, headers } = await open();
      await accounts.closeAccount({ requestId: uuidv7(), accountId }, { headers });
      await accounts.eraseCustomer({ requestId: uuidv7(), ownerId }, staff);
      return { resourceId: ownerId, who };
    },
  };
}
