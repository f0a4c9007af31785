import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import { SessionsRevokedSchema } from '#gen/platform/identity/v1/identity_pb.ts';
import type { Bus } from '../bus/bus.ts';
import { limits } from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Revocations } from './access-token.ts';

/**
 * The sessions that were revoked within the life of an access token. It goes by session ids and never by the time of
 * issue, so clocks that differ open no gap; a person is revoked by all of their sessions.
 */
export interface RevocationList extends Revocations {
  /** From now on, and until their tokens have expired at `expiresAt`, these sessions do not count. */
  revoke(sessionIds: readonly string[], expiresAt: number): void;
  /** Calls `listener` when sessions are revoked, however late that is heard of. The answer unsubscribes. */
  onRevoked(listener: () => void): () => void;
  readonly size: number;
}

/**
 * Makes an empty list; followRevocations fills it. `now` is in milliseconds since the epoch. Past
 * limits.revokedSessionsMax the oldest sessions are forgotten, and their last tokens count again until they expire.
 */
export function createRevocations(now: () => number = Date.now): RevocationList {
  const expiries = new Map<string, number>();
  const listeners = new Set<() => void>();

  /** They come in the order in which they expire, or nearly so; past the bound the oldest go. */
  function forgetOld(): void {
    for (const [sessionId, expiresAt] of expiries) {
      if (expiresAt > now() && expiries.size <= limits.revokedSessionsMax) return;
      expiries.delete(sessionId);
    }
  }

  return {
    get size() {
      return expiries.size;
    },
    isRevoked: ({ sessionId }) => expiries.has(sessionId),
    revoke(sessionIds, expiresAt) {
      for (const sessionId of sessionIds) expiries.set(sessionId, expiresAt);
      // Also of what has expired: a stream outlives the token that opened it, and the bus may have been away for longer.
      for (const listener of listeners) listener();
      forgetOld();
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The service in whose name sessions are revoked, whoever issues them. */
const publisher = 'platform.identity';

/** How long the stream remembers: the life of a token, and room for clocks and for a process that starts slowly. */
const memory = { ageMsMax: limits.accessTokenMsMax + 5 * 60_000 };
/** What a reader is told when its place in the stream is gone: it might go on behind what it never saw. */
const lost = new Set(['consumer_deleted', 'consumer_not_found', 'stream_not_found']);

/** Makes the stream in which revocations are published. For the service that issues tokens. */
export function ensureRevocationStream(bus: Bus): Promise<void> {
  return bus.ensureStreams(publisher, memory);
}

/** Keeps a list up to date until it is stopped, also when the bus was away. */
export interface RevocationFeed {
  /** Revocations on the bus that have not arrived here. */
  pending(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Keeps a list up to date from the bus. The stream keeps what a token's life may still need, so a reader takes all of
 * it: resolves when everything published before the start is in the list. After a gap, or when the stream was made anew,
 * all of it is read again, which harms nothing.
 */
export async function followRevocations(options: {
  bus: Bus;
  revocations: RevocationList;
  log: Logger;
}): Promise<RevocationFeed> {
  const { bus, revocations, log } = options;
  const stream = bus.streamOf(publisher);
  let stopped = false;
  let seen = 0;
  let messages: ConsumerMessages | undefined;
  let wake = () => {};

  async function lastPublished(): Promise<number> {
    return (await bus.manager.streams.info(stream)).state.last_seq;
  }

  function take(message: { seq: number; subject: string; data: Uint8Array }): void {
    if (message.subject === bus.subject(SessionsRevokedSchema.typeName)) {
      const { sessionIds, expireTime } = fromBinary(SessionsRevokedSchema, message.data);
      revocations.revoke(sessionIds, expireTime === undefined ? 0 : timestampMs(expireTime));
    }
    seen = message.seq;
    wake();
  }

  async function open(): Promise<void> {
    await ensureRevocationStream(bus);
    const { state } = await bus.manager.streams.info(stream);
    // What has been dropped by age cannot arrive any more.
    seen = state.messages === 0 ? state.last_seq : 0;
    const consumer = await bus.js.consumers.get(stream, { deliver_policy: DeliverPolicy.All });
    const expires = limits.revocationsSilenceMsMax;
    const opened = await consumer.consume({ expires, callback: take });
    messages = opened;
    void closeWhenLost(opened);
    const closed = opened.closed().then(() => {
      throw new Error(`the reader of ${stream} was closed`);
    });
    try {
      await Promise.race([replayed(state.last_seq), closed]);
    } catch (error) {
      // Or it would go on beside the one that is opened in its place.
      await opened.close();
      throw error;
    }
    closed.catch(() => reopen());
  }

  async function closeWhenLost(opened: ConsumerMessages): Promise<void> {
    for await (const status of opened.status()) {
      // What the server sent into a connection that broke is not sent again, and nothing else tells of it.
      const isBehind = status.type === 'heartbeat' && status.lastStreamSequence > seen;
      if (isBehind || lost.has(status.type)) await opened.close();
    }
  }

  function replayed(last: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`the revocations in ${stream} did not arrive`));
      const timer = setTimeout(late, limits.revocationsReplayMsMax);
      wake = () => {
        if (seen < last && !stopped) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  }

  async function reopen(): Promise<void> {
    if (stopped) return;
    log.warn({ stream }, 'revocations.reopened');
    await new Promise((resolve) => setTimeout(resolve, limits.revocationsReopenMs));
    if (!stopped) await open().catch(() => reopen());
  }

  await open();
  return {
    pending: async () => Math.max(0, (await lastPublished()) - seen),
    async stop() {
      stopped = true;
      wake();
      await messages?.close();
    },
  };
}
