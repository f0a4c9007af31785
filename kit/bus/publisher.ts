import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { remainingMs } from '../scope.ts';

/** A message for a subject that a stream holds. */
export interface Publication {
  subject: string;
  payload: Uint8Array;
  headers: MsgHdrs;
}

/** Sends messages to JetStream and waits until it holds them. */
export interface Publisher {
  /**
   * Resolves when JetStream holds every message; rejects otherwise, and then some may be held all the same. Waits as
   * long as the budget of the current scope lasts, and no longer than it was made to.
   */
  publish(publications: readonly Publication[]): Promise<void>;
  close(): void;
}

/** JetStream did not take a message, or has not said so in time; the text is the server's. */
export class PublishFailed extends Error {}

interface Batch {
  waiting: number;
  resolve(): void;
  reject(error: PublishFailed): void;
}

/**
 * Publishes many messages for one wait. The client's own `publish` is a request with a timer, a subscription and two
 * errors made in advance for each message, which costs more than all the rest of an event.
 */
export function createPublisher(nats: NatsConnection, timeoutMs: number): Publisher {
  const inbox = createInbox();
  const batches = new Map<string, Batch>();
  let made = 0;

  const acknowledgements = nats.subscribe(`${inbox}.*`, {
    callback: (_, message) => {
      const batch = batches.get(message.subject);
      const refusal = refusalOf(message);
      if (batch === undefined) return;
      if (refusal !== undefined) return batch.reject(new PublishFailed(refusal));
      batch.waiting -= 1;
      if (batch.waiting === 0) batch.resolve();
    },
  });

  // What was sent to a server that is gone is not acknowledged any more.
  void (async () => {
    for await (const { type } of nats.status()) {
      if (type !== 'disconnect') continue;
      for (const batch of batches.values()) batch.reject(new PublishFailed('disconnected'));
    }
  })();

  return {
    async publish(publications) {
      if (publications.length === 0) return;
      made += 1;
      const reply = `${inbox}.${made}`;
      const waitMs = Math.max(0, Math.min(timeoutMs, remainingMs()));
      let timer: NodeJS.Timeout | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          batches.set(reply, { waiting: publications.length, resolve, reject });
          timer = setTimeout(() => reject(new PublishFailed('no answer in time')), waitMs);
          for (const { subject, payload, headers } of publications) {
            nats.publish(subject, payload, { reply, headers });
          }
        });
      } finally {
        clearTimeout(timer);
        batches.delete(reply);
      }
    },
    close: () => acknowledgements.unsubscribe(),
  };
}

/** Undefined for an acknowledgement. Source: NATS ADR-1 (JetStream JSON API), PubAck. */
function refusalOf(message: Msg): string | undefined {
  if (message.data.length === 0) return message.headers?.description || 'no stream takes it';
  const { error } = message.json<{ error?: { description?: string } }>();
  return error && (error.description ?? 'refused');
}
