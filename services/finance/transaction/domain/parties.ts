/** Who may move what between whom. Pure. */
import { decimalsOf } from '#kit/currency.ts';
import type { AccountIdentity, Initiator, Intent, Leg, TransactionType } from '../domain.ts';
import {
  AccountNotFound,
  CurrencyMismatch,
  PartiesInvalid,
  SameAccount,
  TypeNotAllowed,
  UnknownCurrency,
} from './refusals.ts';
import { systemAccountId } from './system.ts';

/**
 * Puts the system's account for the outside world where a deposit comes from or a withdrawal goes to. Throws
 * UnknownCurrency, PartiesInvalid when other accounts are named than the type has, and TypeNotAllowed.
 */
export function firstLegOf(
  type: TransactionType,
  named: Leg,
  { mayUseAnyAccount }: Initiator,
): Leg {
  if (type === 'DEPOSIT' && !mayUseAnyAccount) throw new TypeNotAllowed({ type });
  const { sourceId, destinationId, currency } = named;
  if (decimalsOf(currency) === undefined) throw new UnknownCurrency({ currency_code: currency });
  const isFitting =
    (sourceId === '') === (type === 'DEPOSIT') &&
    (destinationId === '') === (type === 'WITHDRAWAL');
  if (!isFitting) throw new PartiesInvalid({ type });
  const outside = systemAccountId('OUTSIDE', currency);
  return {
    ...named,
    sourceId: sourceId || outside,
    destinationId: destinationId || outside,
  };
}

/**
 * Holds the legs of an intent to their accounts, which `find` knows by id. People take from what is theirs and give to
 * customers; staff and services use any account. Throws AccountNotFound, CurrencyMismatch, SameAccount and
 * UnknownCurrency.
 */
export function checkParties(
  { type, legs, initiator }: Pick<Intent, 'type' | 'legs' | 'initiator'>,
  find: (accountId: string) => AccountIdentity | undefined,
): void {
  legs.forEach((leg, i) => {
    const { sourceId, destinationId, currency } = leg;
    if (decimalsOf(currency) === undefined) throw new UnknownCurrency({ currency_code: currency });
    const [source, destination] = [find(sourceId), find(destinationId)];
    const goesOut = type === 'WITHDRAWAL' && i === 0;
    const { mayUseAnyAccount, userId } = initiator;
    if (source === undefined || !(mayUseAnyAccount || source.ownerId === userId)) {
      throw new AccountNotFound({ account_id: sourceId });
    }
    // Behind what only says that there is no such account: nobody learns by it which there are.
    if (sourceId === destinationId) throw new SameAccount({ account_id: sourceId });
    const isOpenToPeople = destination?.ownerId !== undefined || goesOut;
    if (destination === undefined || !(mayUseAnyAccount || isOpenToPeople)) {
      throw new AccountNotFound({ account_id: destinationId });
    }
    for (const account of [source, destination]) {
      if (account.currency === currency) continue;
      const { accountId, currency: own } = account;
      throw new CurrencyMismatch({ account_id: accountId, currency_code: own });
    }
  });
}
