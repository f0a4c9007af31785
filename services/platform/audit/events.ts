import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  EntriesMadeSchema,
  type MadeEntry,
  type SealedPart,
  SealedPartsSchema,
} from '#gen/platform/audit/v1/made_pb.ts';
import { subscription } from '#kit/bus/consumer.ts';
import { PoisonEvent } from '#kit/bus/event.ts';
import { SealBroken, type Sealer } from '#kit/identity/sealer.ts';
import type { Entries, ToldAct } from './ingest.ts';

/** Takes in what the services of the mesh have done. `sealer` opens what the kit sealed on the way. */
export function createSubscriptions({ entries, sealer }: { entries: Entries; sealer: Sealer }) {
  return [
    subscription({
      name: 'entries',
      schema: EntriesMadeSchema,
      async handle(events, tx) {
        const acts = events.flatMap(({ id, message }) => {
          const parts = openParts(sealer, message.sealedParts, id);
          if (parts.length !== message.entries.length) throw new PoisonEvent();
          return message.entries.map((made, i) => toAct(made, parts[i]!));
        });
        await entries.add(tx, acts);
      },
    }),
  ];
}

/** A secret that is not known here may be later: the event waits among the dead letters until it is replayed. */
function openParts(sealer: Sealer, sealed: Uint8Array, eventId: string): SealedPart[] {
  try {
    return fromBinary(SealedPartsSchema, sealer.open(sealed, eventId)).parts;
  } catch (error) {
    if (error instanceof SealBroken) throw new PoisonEvent();
    throw error;
  }
}

function toAct(made: MadeEntry, part: SealedPart): ToldAct {
  const { entryId, actTime, userId, service, action, resource, resourceId, subjectId } = made;
  return {
    entryId,
    actedAt: actTime === undefined ? 0 : timestampMs(actTime),
    userId,
    service,
    action,
    resource,
    resourceId,
    subjectId,
    details: part.detailsJson || '{}',
    traceId: made.traceId,
    origin: { address: part.address, userAgent: part.userAgent },
    personal: part.personalJson,
  };
}
