import type { Clock } from '#kit/clock.ts';
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { isSameDigest, type Sealer } from '#kit/identity/sealer.ts';
import { type Customer, type Hit, screenCustomer } from './domain/customers.ts';
import { sanctionsRuleId } from './domain/decide.ts';
import { toLatin } from './domain/letters.ts';
import type { NameMatch, NameQuery } from './domain/name-index.ts';
import { SanctionsListMissing } from './domain/refusals.ts';
import { limits } from './domain.ts';
import type { SanctionsList, SanctionsLists } from './sanctions-list.ts';
import type { CustomerStore } from './store/customers.ts';
import type { FindingStore, Found } from './store/findings.ts';
import type { ListStore } from './store/lists.ts';

/** A customer after their name was looked for. */
export interface Screened {
  readonly customer: Customer;
  /** The case of what was found now; empty when nothing new was. */
  readonly caseId: string;
}

/** Looks for names on the sanctions list. */
export interface Screener {
  /** The best matches, and the list that they are of. Throws SanctionsListMissing. */
  screenName(query: NameQuery): { matches: NameMatch[]; list: SanctionsList };
  /**
   * Screens a customer, and keeps what came of it in the transaction. Throws SanctionsListMissing, also when this process
   * has not got the list that is in force.
   */
  screenCustomer(tx: Tx, ownerId: string, query: NameQuery): Promise<Screened>;
}

/** The digest of a name is made by `sealer`: nobody can try names against it. */
export function createScreener(deps: {
  lists: SanctionsLists;
  listStore: ListStore;
  customers: CustomerStore;
  findings: FindingStore;
  sealer: Sealer;
  clock: Clock;
}): Screener {
  const { lists, listStore, customers, findings, sealer, clock } = deps;

  function present(): SanctionsList {
    const list = lists.current();
    if (list === undefined) throw new SanctionsListMissing();
    return list;
  }

  /** Another process may have told of a newer list, whose customers must not be found clear by an older one. */
  async function inForce(tx: Tx): Promise<SanctionsList> {
    const list = present();
    if (list.version === (await listStore.readVersion(tx))) return list;
    await lists.look();
    // Read again: the look may have put this very list into force.
    const next = present();
    if (next.version === (await listStore.readVersion(tx))) return next;
    throw new SanctionsListMissing();
  }

  return {
    screenName(query) {
      const list = present();
      return { matches: list.index.search(query, limits.matchesMax), list };
    },

    async screenCustomer(tx, ownerId, query) {
      const before = await customers.lock(tx, ownerId);
      const list = await inForce(tx);
      const [nameDigest, ...formerDigests] = sealer.digests('name', toLatin(query.name));
      const known = before?.nameDigest;
      const isSameName =
        known !== undefined &&
        [nameDigest, ...formerDigests].some((digest) => isSameDigest(digest, known));
      const found = list.index.search(query, limits.matchesMax);
      const hits = found.map(({ entry, score }) => ({ entryId: entry.entryId, score }));
      const now = clock.now();
      const listVersion = list.version;
      const looked = { ownerId, nameDigest, isSameName, listVersion, hits, now };
      const { after: customer, news } = screenCustomer(before, looked);
      await customers.save(tx, customer);
      const [caseId = ''] = await findings.file(
        tx,
        news.map((hit) => foundBy(customer, hit)),
        now,
      );
      await debugPoint('finance.compliance.before-screening-commit');
      return { customer, caseId };
    },
  };
}

/** Without the name, and without the parts of it that matched. */
function foundBy({ ownerId, match, listVersion, screenedAt }: Customer, hit: Hit): Found {
  return {
    ruleId: sanctionsRuleId,
    typology: 'SANCTIONS',
    action: match,
    ownerId,
    explanation: `the name is like entry ${hit.entryId} of list ${listVersion}: ${hit.score} %`,
    amountMinor: 0n,
    currency: '',
    transactionId: undefined,
    at: screenedAt,
  };
}
