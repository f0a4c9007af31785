/** Accounts and rules for the tests of the domain, and a ledger that posts to them. */
import { readFileSync } from 'node:fs';
import type { Party, Transaction } from '../domain.ts';
import { type AccountWindow, cycleFinding, cyclesOf, findingsOf, isOwn } from './decide.ts';
import type { Parameters, Rule } from './rules.ts';
import { addMovement, type MovementList, tagOf } from './window.ts';

/** The rules that the service begins with, as the migration has them. */
export function firstRules(): Rule[] {
  const file = new URL('../migrations/0001_compliance.sql', import.meta.url);
  const [, json] = /values \(1, '(\[.*?\n\])'\)/s.exec(readFileSync(file, 'utf8'))!;
  const rules = JSON.parse(json!, (key, value) => (/Major/.test(key) ? BigInt(value) : value));
  return rules as Rule[];
}

/** A rule with these parameters, which demands a review. */
export function ruleOf(parameters: Parameters): Rule {
  const spec = { name: 'rule', action: 'REVIEW' as const, isEnabled: true, parameters };
  const more = { currencyCodes: [], includesPayments: false };
  return { ruleId: 'rule', spec: { ...spec, ...more }, version: 1n, staffId: '', updatedAt: 0 };
}

const idOf = (kind: number, n: number) =>
  `00000000-0000-7000-800${kind}-${n.toString(16).padStart(12, '0')}`;

/** The nth account, of the nth customer. */
export function accountOf(n: number): Party {
  return { accountId: idOf(1, n), ownerId: idOf(2, n), openedAt: 0 };
}

/** Where cash comes from and goes to. */
export const outsideAccount: Party = { accountId: idOf(3, 0), ownerId: '', openedAt: 0 };

let transactions = 0;

/** A transaction in euros, which its source's owner asks for. */
export function transactionOf(
  source: Party,
  destination: Party,
  wanted: { euros: number; at: number; type?: Transaction['type']; initiatorId?: string },
): Transaction {
  const { euros, at, type = 'TRANSFER', initiatorId = source.ownerId || 'teller' } = wanted;
  transactions += 1;
  const amountMinor = BigInt(Math.round(euros * 100));
  return {
    transactionId: idOf(4, transactions),
    type,
    legs: [{ source, destination, amountMinor, currency: 'EUR' }],
    initiatorId,
    at,
  };
}

/** Posts transactions as the detector does, by the same functions, and notes what the rules find in each. */
export function createTestLedger(rules: readonly Rule[]) {
  const windows = new Map<string, AccountWindow>();
  const movementsOf = new Map<string, MovementList>();
  const windowOf = ({ accountId, ownerId, openedAt }: Party): AccountWindow =>
    windows.get(accountId) ?? { accountId, ownerId, openedAt, movements: [] };

  function apply(transaction: Transaction): void {
    const { transactionId, type, at, initiatorId } = transaction;
    for (const leg of transaction.legs) {
      for (const isIncoming of [false, true]) {
        const party = isIncoming ? leg.destination : leg.source;
        const other = isIncoming ? leg.source : leg.destination;
        if (party.ownerId === '') continue;
        const window = windowOf(party);
        const movements = addMovement(window.movements, {
          at,
          amountMinor: leg.amountMinor,
          isIncoming,
          type,
          isOwn: isOwn(leg),
          isByService: initiatorId === '',
          counterpartyId: other.accountId,
          transactionTag: tagOf(transactionId),
        });
        windows.set(party.accountId, { ...window, movements });
        movementsOf.set(party.accountId, movements);
      }
    }
  }

  return {
    /** Answers "<owner> <typology>" of what was found. */
    post(transaction: Transaction): string[] {
      const found = findingsOf(transaction, rules, windows);
      apply(transaction);
      for (const search of cyclesOf(transaction, rules)) {
        const finding = cycleFinding(search, movementsOf);
        if (finding !== undefined) found.push(finding);
      }
      return found.map(({ ownerId, typology }) => `${ownerId} ${typology}`);
    },
  };
}
