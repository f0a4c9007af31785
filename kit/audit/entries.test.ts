import { create, fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  InventoryService,
  ReserveStockRequestSchema,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { EntriesMadeSchema } from '#gen/platform/audit/v1/made_pb.ts';
import {
  CreateUserRequestSchema,
  CreateUserResponseSchema,
  UserService,
} from '#gen/platform/user/v1/user_pb.ts';
import type { Database } from '../db/database.ts';
import { requestKey } from '../db/request-key.ts';
import { answerBatchOnce, type BatchWork, type Mutation } from '../db/request-log.ts';
import { DomainError } from '../errors.ts';
import { SealBroken } from '../identity/aead.ts';
import { nobody } from '../identity/caller.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Call } from '../rpc/server/call.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { createEntrySealer, openEntries } from './made-entry.ts';

class Taken extends DomainError {
  readonly code = 'already_exists';
  readonly reason = 'TAKEN';
}

const sealer = createEntrySealer('what all processes of the mesh share');
const origin = { address: '192.0.2.7', userAgent: 'canary-browser/1.0' };
const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
let testing: TestSchema;
/** Of two processes that host the same service. */
let database: Database;
let other: Database;

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  database = testing.open();
  other = testing.open();
});
beforeEach(async () => {
  await database.sql`delete from outbox`;
});
afterAll(() => testing.stop());

const callOf = (more: Partial<Call> = {}) =>
  ({
    caller: nobody,
    method: UserService.method.createUser,
    origin,
    trace,
    auditSealer: sealer,
    ...more,
  }) as Call;

function mutation(email: string, { requestId = uuidv7(), call = callOf() } = {}): Mutation<string> {
  const password = 'canary-password';
  const request = create(CreateUserRequestSchema, { requestId, email, password, name: 'Ada' });
  return { key: requestKey(call, request), response: CreateUserResponseSchema, item: email };
}

const answers: BatchWork<string> = async (_, emails) =>
  emails.map((email) =>
    email === 'taken' ? { error: new Taken() } : { value: { user: { userId: `id of ${email}` } } },
  );

const answer = (mutations: Mutation<string>[], on = database, work = answers) =>
  answerBatchOnce(on, UserService.typeName, mutations, work);

/** The events that wait to be published, with what is sealed in them. */
async function published() {
  const rows = await database.sql<{ event_id: string; type: string; payload: Buffer }[]>`
    select event_id, type, payload from outbox order by seq`;
  return rows.map(({ event_id: id, type, payload }) => {
    expect(type).toBe(EntriesMadeSchema.typeName);
    const { sealedEntries } = fromBinary(EntriesMadeSchema, payload);
    return { payload, sealedEntries, entries: openEntries(sealer, sealedEntries, id) };
  });
}

describe('a mutation that is audited', () => {
  test('leaves an entry that says who did what to what, when, from where and in which trace', async () => {
    const since = Date.now();
    await answer([mutation('ada@example.com')]);
    const [made] = await published();
    const [entry] = made!.entries;
    expect(entry).toMatchObject({
      userId: '',
      service: '',
      action: 'user.create',
      resource: 'user',
      resourceId: 'id of ada@example.com',
      subjectId: 'id of ada@example.com',
      traceId: trace.traceId,
      ...origin,
      personal: '{"email":"ada@example.com","name":"Ada"}',
    });
    expect(Object.keys(JSON.parse(entry!.details))).toEqual(['requestId']);
    expect(entry!.actedAt).toBeGreaterThanOrEqual(since);
  });

  test('of a person has that person as its subject where the contract names nobody else', async () => {
    const user = { id: uuidv7(), roles: [], sessionId: 's', issuedAt: 0 };
    const call = callOf({
      caller: { user, service: 'platform.gateway' },
      method: UserService.method.changePassword,
    });
    const request = create(UserService.method.changePassword.input, { requestId: uuidv7() });
    const key = requestKey(call, request);
    const changed = { key, response: UserService.method.changePassword.output, item: '' };
    await answer([changed], database, async () => [{ value: {} }]);
    const [made] = await published();
    const { id } = user;
    const service = 'platform.gateway';
    expect(made!.entries).toMatchObject([{ userId: id, subjectId: id, resourceId: id, service }]);
  });

  test('shows nothing before the log opens it, and opens as no other event', async () => {
    await answer([mutation('canary@example.com')]);
    const [made] = await published();
    const shown = made!.payload.toString('latin1');
    for (const canary of ['canary', origin.address, 'Ada']) expect(shown).not.toContain(canary);
    expect(() => openEntries(sealer, made!.sealedEntries, uuidv7())).toThrow(SealBroken);
  });

  test('leaves none when it is refused, when it is repeated, and when all of it is undone', async () => {
    const once = mutation('once');
    const all = [once, mutation('taken'), { ...once }];
    expect((await answer(all)).map((outcome) => 'error' in outcome)).toEqual([false, true, false]);
    await answer([once]);
    await answer([once], other);
    const failing = answer([mutation('undone')], database, async () => {
      throw new Error('dead');
    });
    await expect(failing).rejects.toThrow('dead');
    const made = await published();
    expect(made.flatMap(({ entries }) => entries.map(({ resourceId }) => resourceId))).toEqual([
      'id of once',
    ]);
  });

  test('leaves one when two processes answer it at once', async () => {
    const requestId = uuidv7();
    const both = [database, other].map((on) => answer([mutation('both', { requestId })], on));
    await Promise.all(both);
    const made = await published();
    expect(made.flatMap(({ entries }) => entries)).toHaveLength(1);
  });
});

describe('a batch', () => {
  test('leaves one event with an entry for each, in order', async () => {
    const emails = Array.from({ length: limits.coalesceBatchMax }, (_, i) => `${i}@example.com`);
    await answer(emails.map((email) => mutation(email)));
    const made = await published();
    expect(made).toHaveLength(1);
    expect(made[0]!.entries.map(({ resourceId }) => resourceId)).toEqual(
      emails.map((email) => `id of ${email}`),
    );
    expect(made[0]!.entries[7]!.personal).toContain('"7@example.com"');
    // Compressed, or they would weigh more than all else in the transaction.
    expect(made[0]!.payload.length).toBeLessThan(200 * emails.length);
  });

  test('leaves several events when its entries would not fit into one', async () => {
    const long = 'x'.repeat(limits.auditDetailsBytesMax - 100);
    const count = 80;
    await answer(Array.from({ length: count }, (_, i) => mutation(`${i}${long}`)));
    const made = await published();
    expect(made.length).toBeGreaterThan(1);
    expect(made.flatMap(({ entries }) => entries)).toHaveLength(count);
    for (const { payload } of made) {
      expect(payload.length).toBeLessThan(limits.outboxPayloadBytesMax);
    }
  });
});

test('an item of a batch is audited by the method for one of them, and what is not audited leaves nothing', async () => {
  const { method } = InventoryService;
  const request = create(ReserveStockRequestSchema, { requestId: uuidv7() });
  const call = callOf({ method: method.batchReserveStock });
  expect(requestKey(call, request, ReserveStockRequestSchema).entry).toBeUndefined();
  const item = create(CreateUserRequestSchema, { requestId: uuidv7() });
  const batch = callOf({ method: { ...UserService.method.batchGetUsers } });
  expect(requestKey(batch, item, CreateUserRequestSchema).entry?.rule.action).toBe('user.create');
});

test('a server without a sealer audits nothing', async () => {
  await answer([mutation('ada', { call: callOf({ auditSealer: undefined }) })]);
  expect(await published()).toEqual([]);
});
