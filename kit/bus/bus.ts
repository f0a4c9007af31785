import {
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type MsgHdrs, MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { limits } from '../limits.ts';
import { parseTraceparent } from '../telemetry/trace.ts';
import type { WireEvent } from './event.ts';
import { createPublisher } from './publisher.ts';

/** The events of the mesh on NATS JetStream. One stream per publishing service; a subject is the event's type. */
export interface Bus {
  /** Prefix of all streams, subjects and consumers: separates meshes (tests) on one server. May be empty. */
  readonly namespace: string;
  readonly nats: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: JetStreamManager;
  /** The subject of an event type, or of a wildcard below it. */
  subject(type: string): string;
  /** The stream that holds the events of a service: "commerce.order". */
  streamOf(service: string): string;
  /**
   * Makes the stream of a service, and the one of its dead letters, or brings them up to date. `ageMsMax` is how long its
   * events are kept, limits.eventAgeMsMax when absent.
   */
  ensureStreams(service: string, options?: { ageMsMax?: number }): Promise<void>;
  /** Resolves when JetStream holds every event; rejects otherwise, and then some may be held all the same. */
  send(events: readonly WireEvent[]): Promise<void>;
  /**
   * Hears the messages of events of a type as they pass, without memory: for hints such as "look again", never for
   * effects. The answer unsubscribes.
   */
  listen(type: string, hear: (payload: Uint8Array) => void): () => void;
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Bytes of events are not bounded here: a full stream would drop its oldest event unread, whereas a full server refuses new
 * ones, which then wait in the outbox.
 *
 * NOTE: a consumer that is away for longer than the stream keeps events never gets those that were dropped meanwhile, and
 * nothing tells it: the last event that it acknowledged says nothing of the events of other types which lie behind it.
 * Whoever was away for longer than limits.eventAgeMsMax compares its books with those of the service that published.
 */
const eventRetention = { max_msgs: -1, discard: DiscardPolicy.Old };

/**
 * Dead letters wait for people, however long. When there are too many, further ones are refused, and their events stay
 * unacknowledged where they are: nothing is dropped to make room.
 */
const deadLetterRetention = {
  max_age: 0,
  max_msgs: limits.deadLettersMax,
  discard: DiscardPolicy.New,
};

const nanos = (ms: number) => ms * 1_000_000;

/**
 * Connects to NATS, as `name` in its list of connections. Rejects when the server is not there at first; later it is
 * looked for again and again, for ever.
 */
export async function connectBus(options: {
  url: string;
  namespace?: string;
  name: string;
}): Promise<Bus> {
  const namespace = options.namespace ?? '';
  const nats = await connect({
    servers: options.url,
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: limits.busReconnectMs,
    reconnectJitter: limits.busReconnectMs,
    pingInterval: limits.busPingMs,
    // Each publish would make two errors in advance, only for their stacks: a tenth of what an event costs.
    noAsyncTraces: true,
  });
  const js = jetstream(nats);
  const manager = await jetstreamManager(nats);
  const publisher = createPublisher(nats, limits.statementMsMax / 2);
  const subject = (type: string) => (namespace === '' ? type : `${namespace}.${type}`);
  const streamOf = (service: string) =>
    [namespace, service].filter(Boolean).join('_').replaceAll('.', '_');

  async function ensure(
    name: string,
    subjects: string,
    retention: Pick<StreamConfig, 'max_age' | 'max_msgs' | 'discard'>,
  ): Promise<void> {
    const config = {
      name,
      subjects: [subjects],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_bytes: -1,
      duplicate_window: nanos(limits.eventRepeatMsMax),
      ...retention,
    };
    // Adding a stream that is there with the same settings changes nothing, so processes may race.
    await manager.streams.add(config).catch(() => manager.streams.update(name, config));
  }

  return {
    namespace,
    nats,
    js,
    manager,
    subject,
    streamOf,
    async ensureStreams(service, { ageMsMax = limits.eventAgeMsMax } = {}) {
      const kept = { ...eventRetention, max_age: nanos(ageMsMax) };
      await ensure(streamOf(service), subject(`${service}.>`), kept);
      await ensure(streamOf(`dead.${service}`), subject(`dead.${service}.>`), deadLetterRetention);
    },
    send: (events) =>
      publisher.publish(
        events.map((event) => ({
          subject: subject(event.type),
          payload: event.payload,
          headers: toHeaders(event),
        })),
      ),
    listen(type, hear) {
      const subscription = nats.subscribe(subject(type), {
        callback: (error, message) => {
          if (error === null) hear(message.data);
        },
      });
      return () => subscription.unsubscribe();
    },
    async check() {
      // A ping to the server; a connection that is being made again does not answer.
      if (nats.isClosed()) throw new Error('the connection to NATS is closed');
      await nats.flush();
    },
    async close() {
      publisher.close();
      await nats.close();
    },
  };
}

/**
 * The CloudEvents attributes as headers, and the id by which JetStream knows a repeat. Source: CloudEvents NATS protocol
 * binding, binary mode.
 */
export function toHeaders(event: WireEvent): MsgHdrs {
  // From a record: `set` looks at all headers, twice, for every one.
  return MsgHdrsImpl.fromRecord({
    'Nats-Msg-Id': [event.id],
    'ce-specversion': ['1.0'],
    'ce-id': [event.id],
    'ce-type': [event.type],
    'ce-source': [`/${event.type.slice(0, event.type.lastIndexOf('.'))}`],
    'ce-subject': [event.key],
    'ce-time': [new Date(event.createdAt).toISOString()],
    'content-type': ['application/protobuf'],
    ...(event.traceparent === undefined ? {} : { traceparent: [event.traceparent] }),
  });
}

/** Reads what toHeaders wrote. What is missing is empty or 0; a trace that cannot be read is left out. */
export function fromHeaders(from: MsgHdrs | undefined, payload: Uint8Array): WireEvent {
  const found = new Map<string, readonly string[]>(from);
  const read = (name: string) => found.get(name)?.[0] ?? '';
  const traceparent = read('traceparent') || undefined;
  return {
    id: read('ce-id'),
    type: read('ce-type'),
    key: read('ce-subject'),
    payload,
    traceparent: parseTraceparent(traceparent) && traceparent,
    createdAt: Date.parse(read('ce-time')) || 0,
  };
}
