import { EntriesMadeSchema } from '#gen/platform/audit/v1/made_pb.ts';
import { type MadeEntry, openEntries } from '#kit/audit/made-entry.ts';
import { subscription } from '#kit/bus/consumer.ts';
import { PoisonEvent } from '#kit/bus/event.ts';
import { SealBroken } from '#kit/identity/aead.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import type { Entries, ToldAct } from './ingest.ts';

/** Takes in what the services of the mesh have done. `sealer` opens what the kit sealed on the way. */
export function createSubscriptions({ entries, sealer }: { entries: Entries; sealer: Sealer }) {
  return [
    subscription({
      name: 'entries',
      schema: EntriesMadeSchema,
      async handle(events, tx) {
        const made = events.flatMap(({ id, message }) => open(sealer, message.sealedEntries, id));
        await entries.add(tx, made.map(toAct));
      },
    }),
  ];
}

/** A secret that is not known here may be later: the event waits among the dead letters until it is replayed. */
function open(sealer: Sealer, sealed: Uint8Array, eventId: string): MadeEntry[] {
  try {
    return openEntries(sealer, sealed, eventId);
  } catch (error) {
    if (error instanceof SealBroken) throw new PoisonEvent();
    throw error;
  }
}

function toAct({ address, userAgent, ...act }: MadeEntry): ToldAct {
  return { ...act, origin: { address, userAgent } };
}
