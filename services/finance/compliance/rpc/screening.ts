import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ComplianceService,
  NameKind,
  type ScreenCustomerResponseSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Database } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { NameQuery } from '../domain/name-index.ts';
import { SanctionsListMissing } from '../domain/refusals.ts';
import { limits } from '../domain.ts';
import type { SanctionsLists } from '../sanctions-list.ts';
import type { Screener } from '../screener.ts';

type ScreeningHandlers = Pick<
  Handlers<typeof ComplianceService>,
  'screenName' | 'screenCustomer' | 'getSanctionsList'
>;

/** Screens names and customers. */
export function createScreeningRpc(deps: {
  database: Database;
  screener: Screener;
  lists: SanctionsLists;
  sealer: Sealer;
}): ScreeningHandlers {
  const { database, screener, lists, sealer } = deps;
  return {
    screenName(request) {
      const query = queryFromProto(request, request.scoreMin || limits.scoreMin);
      const { matches, list } = screener.screenName(query);
      return {
        matches: matches.map(({ entry, name, score, matchedTokens }) => ({
          entryId: entry.entryId,
          name,
          kind: NameKind[entry.kind],
          score,
          matchedTokens: [...matchedTokens],
          programs: [...entry.programs],
        })),
        listVersion: list.version,
      };
    },

    screenCustomer(request, call) {
      // A name can be guessed: the record of the request must not tell whether a guess is right.
      const key = requestKey(call, request, undefined, sealer);
      return answerOnce<typeof ScreenCustomerResponseSchema>(database, call, key, async (tx) => {
        const query = queryFromProto(request, limits.reviewScoreMin);
        const { customer, caseId } = await screener.screenCustomer(tx, request.ownerId, query);
        const { match, listVersion } = customer;
        return { action: VerdictAction[match], caseId, listVersion };
      });
    },

    getSanctionsList() {
      const list = lists.current();
      if (list === undefined) throw new SanctionsListMissing();
      return {
        listVersion: list.version,
        entryCount: list.entryCount,
        nameCount: list.index.nameCount,
        loadTime: timestampFromMs(list.loadedAt),
        fault: lists.fault(),
      };
    },
  };
}

const kinds: Readonly<Record<number, NameQuery['kind']>> = {
  [NameKind.PERSON]: 'PERSON',
  [NameKind.ENTITY]: 'ENTITY',
};
const countryNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });

function queryFromProto(
  request: { name: string; kind: NameKind; birthYear: number; countryCode: string },
  scoreMin: number,
): NameQuery {
  const { name, kind, birthYear, countryCode } = request;
  return {
    name,
    kind: kinds[kind],
    birthYear,
    country: countryCode === '' ? undefined : countryNames.of(countryCode),
    scoreMin,
  };
}
