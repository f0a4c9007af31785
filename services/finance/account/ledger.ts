import {
  type Balance,
  type LedgerAccountStatus,
  TransactionService,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { RequestKey } from '#kit/db/request-key.ts';
import { uuidOf } from '#kit/derived-id.ts';
import { RpcError } from '#kit/errors.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import type { ServiceDeps } from '#kit/service.ts';
import { AccountClosed, AccountNotEmpty } from './domain/refusals.ts';
import type { Account } from './domain.ts';

/** The ledger, which alone knows what is on an account and what it may take part in. */
export interface Ledger {
  /** The balances of accounts that it has, at most 100, all of one moment. */
  balances(accountIds: readonly string[]): Promise<ReadonlyMap<string, Balance>>;
  /** Opens an account, or finds that it has. */
  open(account: Account): Promise<void>;
  /**
   * Gives an account a status, in the name of the person whose call is being answered; once for a request. Throws
   * AccountClosed and AccountNotEmpty.
   */
  setStatus(
    accountId: string,
    status: LedgerAccountStatus,
    key: Pick<RequestKey, 'scope' | 'requestId'>,
  ): Promise<Balance>;
}

export function createLedger(client: ServiceDeps['client']): Ledger {
  const own = client(TransactionService, 'finance.transaction');
  // So that the audit log of the ledger has the person.
  const forPerson = client(TransactionService, 'finance.transaction', { forwardsUser: true });
  return {
    async balances(accountIds) {
      if (accountIds.length === 0) return new Map();
      const { balances } = await own.getBalances({ accountIds: [...accountIds] });
      return new Map(balances.map((balance) => [balance.accountId, balance]));
    },

    async open({ accountId, ownerId, type, currency, creditLimitMinor }) {
      await own.openLedgerAccount({
        requestId: uuidOf('open', accountId),
        accountId,
        ownerId,
        accountType: AccountType[type],
        currencyCode: currency,
        creditLimitMinor,
      });
    },

    async setStatus(accountId, status, { scope, requestId }) {
      try {
        const request = { requestId: uuidOf(scope, requestId), accountId, status };
        return (await forPerson.setLedgerAccountStatus(request)).balance!;
      } catch (error) {
        throw error instanceof RpcError ? toRefusal(error, requestId) : error;
      }
    },
  };
}

/** What the ledger refuses, this service does, in its own words; anything else is not for the caller. */
function toRefusal(error: RpcError, requestId: string): Error {
  switch (error.reason) {
    case 'ACCOUNT_CLOSED':
      return new AccountClosed(error.metadata as AccountClosed['metadata']);
    case 'ACCOUNT_NOT_EMPTY':
      return new AccountNotEmpty(error.metadata as AccountNotEmpty['metadata']);
    case 'REQUEST_ID_REUSED':
      return new RequestIdReused({ request_id: requestId });
    default:
      return error;
  }
}
