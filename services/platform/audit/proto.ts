/** Domain to proto. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { OpenEntry } from './ingest.ts';

export function entryToProto(entry: OpenEntry, leafIndex: number) {
  const { entryId, userId, service, action, resource, resourceId, subjectId, traceId } = entry;
  return {
    entryId,
    leafIndex: BigInt(leafIndex),
    actTime: timestampFromMs(entry.actedAt),
    userId,
    service,
    action,
    resource,
    resourceId,
    subjectId,
    detailsJson: entry.details,
    traceId,
    address: entry.origin?.address ?? '',
    userAgent: entry.origin?.userAgent ?? '',
    personalJson: entry.personal ?? '',
    isOriginErased: entry.origin === undefined,
    isPersonalErased: entry.personal === undefined,
  };
}
