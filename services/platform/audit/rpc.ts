import { timestampMs } from '@bufbuild/protobuf/wkt';
import type {
  AuditService,
  EraseSubjectResponseSchema,
  ListAuditLogsRequest,
  LogActionRequest,
  LogActionResponseSchema,
} from '#gen/platform/audit/v1/audit_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import { uuidv7 } from '#kit/ids.ts';
import { InvalidPageToken } from '#kit/mesh-errors.ts';
import { cutPage, decodePageToken, encodePageToken } from '#kit/page.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { Vault } from '#kit/vault/vault.ts';
import { EntryNotFound, limits, readDetails } from './domain.ts';
import type { Entries, ToldAct } from './ingest.ts';
import { createProofRpc } from './proofs.ts';
import { entryToProto } from './proto.ts';
import type { LogIdentity } from './sealing.ts';
import type { Filter, Leaf, Position, Store } from './store.ts';

export interface RpcDeps {
  database: Database;
  store: Store;
  vault: Vault;
  entries: Entries;
  log: LogIdentity;
  /** Keeps the hashes of requests that hold what describes a person from being guessed at. */
  sealer: Sealer;
  clock: Clock;
}

export function createAuditRpc(deps: RpcDeps): Handlers<typeof AuditService> {
  const { database, store, vault, entries, sealer, clock } = deps;

  async function toProtos(leaves: readonly Leaf[]) {
    const open = await entries.open(leaves.map(({ leaf }) => leaf));
    return leaves.map(({ index }, i) => entryToProto(open[i]!, index));
  }

  return {
    ...createProofRpc(deps),

    async getAuditLog({ entryId }) {
      const leaf = await store.findLeaf(entryId);
      if (leaf === undefined) throw new EntryNotFound({ entry_id: entryId });
      const [auditLog] = await toProtos([leaf]);
      return { auditLog };
    },

    async listAuditLogs(request) {
      const filter = filterOf(request);
      const query = ['ListAuditLogs', ...Object.values(filter).map((one) => String(one ?? ''))];
      const before = decodePosition(query, request.pageToken);
      const size = request.pageSize || limits.pageSizeDefault;
      const leaves = await store.list(filter, before, size + 1);
      const all = await toProtos(leaves);
      const { page, nextPageToken } = cutPage(all, size, ({ actTime, leafIndex }) =>
        encodePageToken(query, [String(timestampMs(actTime)), String(leafIndex)]),
      );
      return { auditLogs: page, nextPageToken };
    },

    logAction(request, call) {
      const act = toAct(request, call, clock.now());
      const key = requestKey(call, request, call.method.input, sealer);
      return answerOnce<typeof LogActionResponseSchema>(database, call, key, async (tx) => {
        await entries.add(tx, [act]);
        return { entryId: act.entryId };
      });
    },

    eraseSubject(request, call) {
      const key = requestKey(call, request);
      return answerOnce<typeof EraseSubjectResponseSchema>(database, call, key, async (tx) => {
        await vault.erase(tx, [request.subjectId]);
        await debugPoint('platform.audit.erased');
        return {};
      });
    },
  };
}

function filterOf(request: ListAuditLogsRequest): Filter {
  const { who, action, resource, resourceId, fromTime, untilTime } = request;
  const from = fromTime && timestampMs(fromTime);
  return { who, action, resource, resourceId, from, until: untilTime && timestampMs(untilTime) };
}

function decodePosition(query: readonly string[], token: string): Position | undefined {
  const parts = decodePageToken(query, token, 2);
  if (parts === undefined) return undefined;
  if (!parts.every((part) => /^\d{1,15}$/.test(part))) throw new InvalidPageToken();
  return { actedAt: Number(parts[0]), index: Number(parts[1]) };
}

/** Throws DetailsInvalid. */
function toAct(request: LogActionRequest, call: Call, now: number): ToldAct {
  const { userId, action, resourceId, subjectId, detailsJson, personalJson } = request;
  const personal = readDetails(personalJson, 'personal_json');
  return {
    entryId: uuidv7(now),
    actedAt: now,
    userId,
    service: call.caller.service ?? '',
    action,
    resource: action.slice(0, action.indexOf('.')),
    resourceId,
    subjectId: subjectId || userId,
    details: readDetails(detailsJson, 'details_json'),
    traceId: call.trace?.traceId ?? '',
    origin: call.origin,
    personal: personal === '{}' ? '' : personal,
  };
}
