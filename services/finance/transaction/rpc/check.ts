import type { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { isUuid } from '#kit/ids.ts';
import { InvalidPageToken } from '#kit/mesh-errors.ts';
import { decodePageToken, encodePageToken } from '#kit/page.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { limits } from '../domain.ts';
import { beginning, type Checks, type Place } from '../store/checks.ts';

const query = ['CheckInvariants'];

export function createCheckRpc({
  checks,
}: {
  checks: Checks;
}): Pick<Handlers<typeof TransactionService>, 'checkInvariants'> {
  return {
    async checkInvariants({ pageSize, pageToken }) {
      const place = decodePlace(pageToken);
      const size = pageSize || limits.checkedEntriesDefault;
      const [totals, piece] = await Promise.all([
        checks.totals(),
        checks.entriesAfter(place, size),
      ]);
      const { last, accountCount, entryCount } = piece;
      const violations = [...totals.violations, ...piece.violations];
      return {
        sums: totals.sums.map(({ currency, ...sum }) => ({ currencyCode: currency, ...sum })),
        accountCount,
        entryCount,
        violations: violations.slice(0, limits.violationsMax),
        nextPageToken:
          last === undefined ? '' : encodePageToken(query, [last.accountId, String(last.sequence)]),
      };
    },
  };
}

function decodePlace(token: string): Place {
  const parts = decodePageToken(query, token, 2);
  if (parts === undefined) return beginning;
  const [accountId = '', sequence = ''] = parts;
  if (!isUuid(accountId) || !/^\d{1,18}$/.test(sequence)) throw new InvalidPageToken();
  return { accountId, sequence: BigInt(sequence) };
}
