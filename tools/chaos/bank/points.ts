/** The named places of the code (kit/debug.ts): those at which a run of the bank kills, and those that it leaves to others. */

/** Places between two effects of what moves money, and of an account that is opened, frozen or looked into. */
export const bankPoints: Readonly<Record<string, readonly string[]>> = {
  'platform.notification': ['platform.notification.before-commit'],
  'platform.audit': [
    'platform.audit.entries-added',
    'platform.audit.leaves-taken',
    'platform.audit.tiles-written',
  ],
  'finance.account': [
    'finance.account.drawn',
    'finance.account.before-created',
    'finance.account.after-created',
    'kit.vault.keys-made',
    'finance.account.after-screening',
    'finance.account.after-ledger',
    'finance.account.before-opened',
    'finance.account.after-status',
    'finance.account.before-revealed',
    'finance.account.after-revealed',
  ],
  'finance.compliance': [
    'finance.compliance.before-decision',
    'finance.compliance.before-detection',
    'finance.compliance.before-case-commit',
    'finance.compliance.before-screening-commit',
    'finance.compliance.before-rule-commit',
  ],
  'finance.risk': [
    'finance.risk.before-commit',
    'finance.risk.before-settle',
    'finance.risk.before-rules',
  ],
  'finance.transaction': ['finance.transaction.before-commit', 'finance.transaction.before-expiry'],
};

const erased =
  'whoever is erased is answered otherwise afterwards, and a run asks for everything once more';

/** Places of these services at which no run of the bank kills, and why. */
export const otherPoints: Readonly<Record<string, string>> = {
  'finance.account.before-erased': erased,
  'finance.account.after-erased': erased,
  'finance.account.after-audit-erased': erased,
  'platform.audit.erased': erased,
  'finance.risk.before-lapse':
    'nothing would have to be heard of a transaction for minutes; services/finance/risk/races.test.ts dies there',
  'finance.account.after-screening-some':
    'the sanctions list would have to change; services/finance/account/deaths.test.ts dies there',
};
