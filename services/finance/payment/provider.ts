import type { Account } from './domain/record.ts';
import type { Fact } from './domain.ts';

/**
 * What was learned: facts, possibly none new, or that nobody knows. `unknown` covers time-outs, refused connections and
 * every answer that does not say what happened; the same call may then be made again, under the same key.
 */
export type ProviderAnswer = readonly Fact[] | 'unknown';

interface Money {
  amountMinor: bigint;
  currency: string;
}

/** What a card pays by. */
export interface CardPayer {
  token: string;
}

/** From which account of the ledger to which a payment goes, and whose the first must be. */
export interface AccountPayer extends Account {
  userId: string;
}

/**
 * Who moves the money: the provider of the cards, or the ledger. Every call carries a key, and a provider does what is
 * asked under one key at most once, however often it is asked. No function throws.
 */
export interface Provider<Payer = CardPayer> {
  /** Authorizes and captures at once: `captured` or `declined`, or `voided` when `void` came first. */
  charge(call: { key: string } & Payer & Money): Promise<ProviderAnswer>;
  /** Holds an amount: `authorized`, `declined` or `voided`. */
  authorize(call: { key: string } & Payer & Money): Promise<ProviderAnswer>;
  /** Takes part or all of what is held under `origin`, and gives the rest free: `captured` or `declined`. */
  capture(call: { key: string; origin: string } & Money): Promise<ProviderAnswer>;
  /**
   * Sees to it that nothing stays held under `origin`, even when that call is still under way and arrives later:
   * `voided`; or `captured` or `declined` when that is how it ended before. The facts are about `origin`.
   */
  void(call: { origin: string }): Promise<ProviderAnswer>;
  /** Gives back part of what was captured under `origin`: `refunded` or `refused`. */
  refund(call: { key: string; origin: string } & Money): Promise<ProviderAnswer>;
  /** What became of a key; `none` when the provider has never seen it, or has to be asked again for what is left of it. */
  lookup(key: string): Promise<ProviderAnswer | 'none'>;
  /** Ends calls in flight: their outcome is unknown. */
  close(): Promise<void>;
}
