/** Why compliance refuses. Pure. */
import { DomainError } from '#kit/errors.ts';

/** The transaction was decided upon with other content. */
export class DecisionExists extends DomainError<{ transaction_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'DECISION_EXISTS';
}

/** The present rule set has no such rule. */
export class RuleNotFound extends DomainError<{ rule_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'RULE_NOT_FOUND';
}

/** There are limits.rulesMax of them. */
export class TooManyRules extends DomainError<{ limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_RULES';
}

/** A rule is to become one of another typology. */
export class TypologyFixed extends DomainError<{ rule_id: string; typology: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'TYPOLOGY_FIXED';
}

/** Somebody else changed the rule since it was read. */
export class RuleChanged extends DomainError<{ rule_id: string; version: string }> {
  readonly code = 'aborted';
  readonly reason = 'RULE_CHANGED';
}

/** ISO 4217 knows no such currency. */
export class UnknownCurrency extends DomainError<{ currency_code: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'UNKNOWN_CURRENCY';
}

/** There is no such case. */
export class CaseNotFound extends DomainError<{ case_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'CASE_NOT_FOUND';
}

/** The case was decided already. */
export class CaseNotOpen extends DomainError<{ case_id: string; state: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CASE_NOT_OPEN';
}

/** A case is to be reported that nobody confirmed. */
export class CaseNotConfirmed extends DomainError<{ case_id: string; state: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CASE_NOT_CONFIRMED';
}

/** The journal or the evidence of a case has no more room. */
export class CaseFull extends DomainError<{ case_id: string; limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'CASE_FULL';
}

/** A customer is to be unblocked by a case that does not block them. */
export class CustomerNotBlocked extends DomainError<{ case_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'CUSTOMER_NOT_BLOCKED';
}

/** The process could load no sanctions list, or not the one that is in force elsewhere. */
export class SanctionsListMissing extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'SANCTIONS_LIST_MISSING';
}
