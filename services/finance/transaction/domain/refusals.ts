/** Why the ledger refuses: one class for each reason of the contract. Pure. */
import { DomainError } from '#kit/errors.ts';

/** No such transaction, or not one that the caller may see. */
export class TransactionNotFound extends DomainError<{ transaction_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'TRANSACTION_NOT_FOUND';
}

/** No such account, or not one that the caller may use so. */
export class AccountNotFound extends DomainError<{ account_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'ACCOUNT_NOT_FOUND';
}

/** ISO 4217 knows no such currency. */
export class UnknownCurrency extends DomainError<{ currency_code: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'UNKNOWN_CURRENCY';
}

/** An account takes part in a transaction of another currency than its own, which `currency_code` is. */
export class CurrencyMismatch extends DomainError<{ account_id: string; currency_code: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CURRENCY_MISMATCH';
}

/** A leg leads back to where it comes from. */
export class SameAccount extends DomainError<{ account_id: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'SAME_ACCOUNT';
}

/** A source or a destination is named that the type has not, or one is missing that it has. */
export class PartiesInvalid extends DomainError<{ type: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'PARTIES_INVALID';
}

/** Deposits are for staff and services. */
export class TypeNotAllowed extends DomainError<{ type: string }> {
  readonly code = 'permission_denied';
  readonly reason = 'TYPE_NOT_ALLOWED';
}

/** Less is available than wanted. Minor units. */
export class InsufficientFunds extends DomainError<{
  transaction_id: string;
  account_id: string;
  required_minor: string;
  available_minor: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'INSUFFICIENT_FUNDS';
}

/** Nothing leaves the account for now. */
export class AccountFrozen extends DomainError<{ transaction_id: string; account_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_FROZEN';
}

/** The account takes part in nothing any more. `transaction_id` is there when a transaction was refused. */
export class AccountClosed extends DomainError<
  { account_id: string } | { transaction_id: string; account_id: string }
> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_CLOSED';
}

/** A balance would leave the range of 64 bits. */
export class BalanceOutOfRange extends DomainError<{ transaction_id: string; account_id: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'BALANCE_OUT_OF_RANGE';
}

/** Risk or compliance refused it; why is for staff. */
export class TransactionDenied extends DomainError<{ transaction_id: string }> {
  readonly code = 'permission_denied';
  readonly reason = 'TRANSACTION_DENIED';
}

/** A service that must agree does not answer, or did so too long ago. Never recorded: the same request may be sent again. */
export class VerdictUnavailable extends DomainError<{ service: string }> {
  readonly code = 'unavailable';
  readonly reason = 'VERDICT_UNAVAILABLE';
}

/** It is no authorization, or one that is over. */
export class TransactionNotOpen extends DomainError<{ transaction_id: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'TRANSACTION_NOT_OPEN';
}

/** An analyst has to decide before it can be captured. */
export class TransactionInReview extends DomainError<{ transaction_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'TRANSACTION_IN_REVIEW';
}

/** More is to be captured than was authorized. */
export class CaptureTooLarge extends DomainError<{
  transaction_id: string;
  authorized_minor: string;
}> {
  readonly code = 'out_of_range';
  readonly reason = 'CAPTURE_TOO_LARGE';
}

/** A part is to be captured of what has further legs. */
export class CaptureNotDivisible extends DomainError<{ transaction_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CAPTURE_NOT_DIVISIBLE';
}

/** It did not complete, or is a reversal itself. */
export class TransactionNotReversible extends DomainError<{
  transaction_id: string;
  status: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'TRANSACTION_NOT_REVERSIBLE';
}

/** It was moved back already. */
export class TransactionReversed extends DomainError<{
  transaction_id: string;
  reversal_id: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'TRANSACTION_REVERSED';
}

/** Nobody has to decide it, or somebody did. */
export class TransactionNotInReview extends DomainError<{
  transaction_id: string;
  status: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'TRANSACTION_NOT_IN_REVIEW';
}

/** Nobody reviews what they asked for. */
export class ReviewerIsInitiator extends DomainError<{ transaction_id: string }> {
  readonly code = 'permission_denied';
  readonly reason = 'REVIEWER_IS_INITIATOR';
}

/** The second approval comes from who gave the first. */
export class ReviewerHasReviewed extends DomainError<{ transaction_id: string }> {
  readonly code = 'permission_denied';
  readonly reason = 'REVIEWER_HAS_REVIEWED';
}

/** There is an account with this id. */
export class AccountExists extends DomainError<{ account_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'ACCOUNT_EXISTS';
}

/** Money is on it, or held there. Minor units. */
export class AccountNotEmpty extends DomainError<{
  account_id: string;
  posted_minor: string;
  held_minor: string;
  incoming_minor: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'ACCOUNT_NOT_EMPTY';
}
