import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { SessionsRevokedSchema } from '#gen/platform/identity/v1/identity_pb.ts';
import { type Bus, connectBus } from '../bus/bus.ts';
import { createTestClock } from '../clock.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { createLogger } from '../telemetry/log.ts';
import { createRevocations, followRevocations } from './revocations.ts';

const user = (sessionId: string) => ({ id: 'person', roles: [], sessionId, issuedAt: 0 });
const log = createLogger('test', { level: 'silent' });

describe('the list of revoked sessions', () => {
  test('forgets a session when its tokens have expired by themselves', () => {
    const clock = createTestClock();
    const list = createRevocations(clock.now);
    list.revoke(['a', 'b'], clock.now() + 600_000);
    expect([list.isRevoked(user('a')), list.isRevoked(user('c'))]).toEqual([true, false]);
    clock.advance({ minutes: 11 });
    list.revoke(['c'], clock.now() + 600_000);
    expect([list.size, list.isRevoked(user('c'))]).toEqual([1, true]);
  });

  test('tells of a session whose tokens had expired before it was heard of, and forgets it', () => {
    const list = createRevocations();
    const told: boolean[] = [];
    list.onRevoked(() => told.push(list.isRevoked(user('a'))));
    list.revoke(['a'], Date.now() - 1);
    expect(told).toEqual([true]);
    expect(list.size).toBe(0);
  });

  test('is bounded, and lets the oldest go first', () => {
    const list = createRevocations();
    const ids = Array.from({ length: limits.revokedSessionsMax + 1 }, (_, i) => `session ${i}`);
    list.revoke(ids, Date.now() + 600_000);
    expect(list.size).toBe(limits.revokedSessionsMax);
    expect([list.isRevoked(user(ids[0]!)), list.isRevoked(user(ids[1]!))]).toEqual([false, true]);
  });
});

describe('revocations on the bus', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  async function connect(namespace: string): Promise<Bus> {
    const bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
    stops.push(() => bus.close());
    return bus;
  }

  async function follow(bus: Bus) {
    const revocations = createRevocations();
    const feed = await followRevocations({ bus, revocations, log });
    stops.push(() => feed.stop());
    return { revocations, feed };
  }

  function publish(bus: Bus, sessionIds: string[]): Promise<void> {
    const expireTime = timestampFromMs(Date.now() + 600_000);
    const message = create(SessionsRevokedSchema, { userId: uuidv7(), sessionIds, expireTime });
    const type = SessionsRevokedSchema.typeName;
    const payload = toBinary(SessionsRevokedSchema, message);
    const event = { id: uuidv7(), type, key: message.userId, payload, createdAt: Date.now() };
    return bus.send([{ ...event, traceparent: undefined }]);
  }

  /** Resolves when the list knows a session. */
  function untilRevoked(revocations: ReturnType<typeof createRevocations>, sessionId: string) {
    return new Promise<void>((resolve) => {
      revocations.onRevoked(() => {
        if (revocations.isRevoked(user(sessionId))) resolve();
      });
    });
  }

  test('reach every process that runs, and every one that starts later', async () => {
    const namespace = `test_${randomBytes(6).toString('hex')}`;
    const [first, second] = [await connect(namespace), await connect(namespace)];
    const early = await follow(first);
    const heard = untilRevoked(early.revocations, 'b');
    await publish(second, ['a', 'b']);
    await heard;
    expect(await early.feed.pending()).toBe(0);

    const late = await follow(second);
    expect(late.revocations.isRevoked(user('a'))).toBe(true);
    expect(await late.feed.pending()).toBe(0);
  });

  test('that were published while the connection was lost arrive when it is back', async () => {
    const namespace = `test_${randomBytes(6).toString('hex')}`;
    const [reader, writer] = [await connect(namespace), await connect(namespace)];
    const { revocations, feed } = await follow(reader);
    const heard = untilRevoked(revocations, 'late');
    await reader.nats.reconnect();
    await publish(writer, ['late']);
    await heard;
    expect(await feed.pending()).toBe(0);
  });

  test('are read from a stream that was made anew', async () => {
    const namespace = `test_${randomBytes(6).toString('hex')}`;
    const bus = await connect(namespace);
    const { revocations } = await follow(bus);
    await publish(bus, ['before']);
    await bus.manager.streams.delete(bus.streamOf('platform.identity'));
    await bus.ensureStreams('platform.identity');
    const heard = untilRevoked(revocations, 'after');
    await publish(bus, ['after']);
    await heard;
  });
});
