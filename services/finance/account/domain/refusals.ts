/** Why the service refuses: one class for each reason of the contract. Pure. */
import { DomainError } from '#kit/errors.ts';

/** No such account, or not one of the caller's; `account_id` when one was named. */
export class AccountNotFound extends DomainError<Record<string, string>> {
  readonly code = 'not_found';
  readonly reason = 'ACCOUNT_NOT_FOUND';
}

/** Nobody of this id, or not the caller, who may name nobody else. */
export class OwnerNotFound extends DomainError<{ owner_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'OWNER_NOT_FOUND';
}

/** The person is suspended or has left. */
export class OwnerNotActive extends DomainError<{ owner_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'OWNER_NOT_ACTIVE';
}

/** ISO 4217 knows no such currency. */
export class UnknownCurrency extends DomainError<{ currency_code: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'UNKNOWN_CURRENCY';
}

/** Only staff grant credit. */
export class CreditLimitNotAllowed extends DomainError {
  readonly code = 'permission_denied';
  readonly reason = 'CREDIT_LIMIT_NOT_ALLOWED';
}

/** The owner has limits.accountsPerOwnerMax already. */
export class TooManyAccounts extends DomainError<{ limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_ACCOUNTS';
}

/** A number was mistyped, or is another bank's. */
export class AccountNumberInvalid extends DomainError {
  readonly code = 'invalid_argument';
  readonly reason = 'ACCOUNT_NUMBER_INVALID';
}

/** A closed account stays closed. */
export class AccountClosed extends DomainError<{ account_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_CLOSED';
}

/** Money is on the account, held there or on its way; the ledger says so. */
export class AccountNotEmpty extends DomainError<{
  account_id: string;
  posted_minor: string;
  held_minor: string;
  incoming_minor: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_NOT_EMPTY';
}

/** A customer is to be erased who still has this account. */
export class AccountNotClosed extends DomainError<{ account_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_NOT_CLOSED';
}

/** Nobody of this id ever had an account. */
export class CustomerNotFound extends DomainError<{ owner_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'CUSTOMER_NOT_FOUND';
}

/** What was known of the customer is gone. */
export class CustomerErased extends DomainError<{ owner_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CUSTOMER_ERASED';
}
