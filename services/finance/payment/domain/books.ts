/** The names by which this service and the ledger speak of the same things. Pure. */
import { uuidAfter, uuidOf } from '#kit/derived-id.ts';

/** The ledger's account of the shop in a currency: its id follows from what it is for, as those of all its system accounts. */
export function shopAccountId(currency: string): string {
  return uuidOf('finance.transaction', 'SHOP', currency);
}

/** The ledger's account for what cards have paid. */
export function cardsAccountId(currency: string): string {
  return uuidOf('finance.transaction', 'CARDS', currency);
}

/** The request_id of what is asked of the ledger under a key of a payment, which begins with the payment's id. */
export function requestIdOf(key: string): string {
  return uuidAfter(paymentIdOf(key), key);
}

/** The payment that a key is about, which `keyOf` and `originOf` in domain/work.ts make. */
export function paymentIdOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

/** The operation that a key names: "charge", "capture:<id>". */
export function operationOf(key: string): string {
  return key.slice(key.indexOf(':') + 1);
}

/** The id that the ledger gives to what this service asks for by a method: it follows from who asks and their request_id. */
export function transactionIdOf(
  method: 'AuthorizeTransaction' | 'ExecuteTransaction',
  requestId: string,
): string {
  return uuidAfter(requestId, `finance.payment/${method}`);
}
