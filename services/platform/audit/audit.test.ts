import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { countWaiting } from '#kit/testing/meet.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { hashLeaf, provesConsistency, provesInclusion } from './log/merkle.ts';
import { openCheckpoint, readVerifier } from './log/note.ts';

let network: Network;
let staff: Person;
beforeAll(async () => {
  network = await startNetwork(['platform.audit', 'platform.user', 'commerce.inventory']);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

const logs = () => network.client(AuditService, 'platform.audit');
const inner = (service: string) => network.client(AuditService, 'platform.audit', { service });

const setStock = (sku: string, onHand = 5n, by = staff) =>
  network
    .client(InventoryService, 'commerce.inventory')
    .setStock({ requestId: uuidv7(), sku, onHand }, by);

async function signUp(email: string): Promise<string> {
  const password = 'correct horse battery';
  const request = { requestId: uuidv7(), email, password, name: 'Ada Lovelace' };
  const { user } = await network.client(UserService, 'platform.user').createUser(request);
  await network.settle();
  return user!.userId;
}

/** Entries that fit, after all that is under way is sealed. */
async function find(filter: Parameters<ReturnType<typeof logs>['listAuditLogs']>[0]) {
  await network.settle();
  return (await logs().listAuditLogs(filter, staff)).auditLogs;
}

const checkpoint = async () => {
  const { note, verifiers } = await logs().getCheckpoint({}, staff);
  return openCheckpoint(note, verifiers.map(readVerifier));
};

describe('an audited call', () => {
  test('is in the log, with who did what to what, when, from where and in which trace', async () => {
    const before = Date.now();
    await setStock('sku-1');
    const [entry, ...more] = await find({ resource: 'stock', resourceId: 'sku-1' });
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      userId: staff.id,
      service: '',
      action: 'stock.set',
      subjectId: staff.id,
      personalJson: '',
      isOriginErased: false,
      isPersonalErased: false,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(JSON.parse(entry!.detailsJson)).toMatchObject({ sku: 'sku-1', onHand: '5' });
    expect(Number(entry!.actTime!.seconds) * 1000).toBeGreaterThan(before - 1000);
    const { auditLog } = await logs().getAuditLog({ entryId: entry!.entryId }, staff);
    expect(auditLog).toEqual(entry);
  });

  test('is in the log once, however often it is sent', async () => {
    const request = { requestId: uuidv7(), sku: 'sku-2', onHand: 1n };
    const inventory = network.client(InventoryService, 'commerce.inventory');
    await Promise.all(Array.from({ length: 5 }, () => inventory.setStock(request, staff)));
    await inventory.setStock(request, staff);
    expect(await find({ resource: 'stock', resourceId: 'sku-2' })).toHaveLength(1);
  });

  test('is not in the log when it was refused', async () => {
    const inventory = network.client(InventoryService, 'commerce.inventory');
    const request = { requestId: uuidv7(), sku: 'no-such-sku', delta: -5n, reason: 'broken' };
    await expect(inventory.adjustStock(request, staff)).rejects.toMatchObject({
      reason: 'SKU_NOT_FOUND',
    });
    expect(await find({ resource: 'stock', resourceId: 'no-such-sku' })).toEqual([]);
  });

  test('shows what describes a person to staff, and in no table', async () => {
    const userId = await signUp('canary-of-the-log@example.com');
    const [entry] = await find({ resource: 'user', resourceId: userId });
    expect(entry).toMatchObject({ userId: '', subjectId: userId, action: 'user.create' });
    expect(JSON.parse(entry!.personalJson)).toMatchObject({
      email: 'canary-of-the-log@example.com',
      name: 'Ada Lovelace',
    });
    expect(entry!.detailsJson).not.toContain('correct horse');
    const rows = await network.sql`select leaf::text from platform_audit.audit_entry`;
    expect(rows.map(({ leaf }) => leaf).join()).not.toMatch(/canary-of-the-log|127\.0\.0\.1/);
  });
});

describe('a list', () => {
  test('holds each entry that fits once, the latest first, page by page', async () => {
    for (let i = 0; i < 7; i += 1) await setStock('sku-pages', BigInt(i));
    await network.settle();
    const seen: string[] = [];
    let pageToken = '';
    const filter = {
      who: staff.id,
      action: 'stock.set',
      resource: 'stock',
      resourceId: 'sku-pages',
    };
    do {
      const page = await logs().listAuditLogs({ ...filter, pageSize: 3, pageToken }, staff);
      seen.push(...page.auditLogs.map(({ detailsJson }) => JSON.parse(detailsJson).onHand ?? '0'));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1', '0']);
    const damaged = { ...filter, pageToken: 'x' };
    await expect(logs().listAuditLogs(damaged, staff)).rejects.toMatchObject({
      reason: 'INVALID_PAGE_TOKEN',
    });
  });

  test('leaves out what does not fit one of its filters', async () => {
    await setStock('sku-filters');
    const [entry] = await find({ resource: 'stock', resourceId: 'sku-filters' });
    const fits = { resource: 'stock', resourceId: 'sku-filters' };
    const { actTime } = entry!;
    expect(await find({ ...fits, fromTime: actTime! })).toHaveLength(1);
    expect(await find({ ...fits, untilTime: actTime! })).toEqual([]);
    expect(await find({ ...fits, who: uuidv7() })).toEqual([]);
    expect(await find({ ...fits, action: 'stock.adjust' })).toEqual([]);
    await expect(find({ resourceId: 'sku-filters' })).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
    });
  });

  test('is for staff only', async () => {
    await expect(logs().listAuditLogs({}, await network.person())).rejects.toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
  });
});

describe('an action that a service logs', () => {
  const action = () => ({
    requestId: uuidv7(),
    action: 'account.review',
    resourceId: uuidv7(),
    subjectId: uuidv7(),
    detailsJson: '{ "rule": 7 }',
    personalJson: '{"iban":"canary-iban"}',
  });

  test('is in the log once, as done by the service', async () => {
    const asked = action();
    const client = inner('finance.account');
    const answers = await Promise.all([client.logAction(asked), client.logAction(asked)]);
    expect(new Set(answers.map(({ entryId }) => entryId)).size).toBe(1);
    const found = await find({ who: 'finance.account', resource: 'account' });
    expect(found).toMatchObject([
      {
        entryId: answers[0]!.entryId,
        service: 'finance.account',
        resourceId: asked.resourceId,
        subjectId: asked.subjectId,
        detailsJson: '{"rule":7}',
        personalJson: '{"iban":"canary-iban"}',
      },
    ]);
  });

  test('that dies before its commit is not in the log, and is in it once when it is asked for again', async () => {
    const asked = { ...action(), resourceId: 'died' };
    const client = inner('finance.account');
    const disarm = armDebugPoint('platform.audit.entries-added', () => {
      throw new Error('dies here');
    });
    await expect(client.logAction(asked)).rejects.toMatchObject({ code: 'internal' });
    disarm();
    expect(await find({ resource: 'account', resourceId: 'died' })).toEqual([]);
    await client.logAction(asked);
    expect(await find({ resource: 'account', resourceId: 'died' })).toHaveLength(1);
  });

  test('is refused when its details are no JSON object, and is kept whatever characters they have', async () => {
    const client = inner('finance.account');
    for (const detailsJson of ['[1]', '"x"', '{', 'null']) {
      await expect(client.logAction({ ...action(), detailsJson })).rejects.toMatchObject({
        reason: 'DETAILS_INVALID',
        metadata: { field: 'details_json' },
      });
    }
    await expect(client.logAction({ ...action(), personalJson: '1' })).rejects.toMatchObject({
      metadata: { field: 'personal_json' },
    });
    const odd = { 'a\0b': 'c\0d', path: 'C:\\u0000', half: '\ud800', 山: '行' };
    const asked = { ...action(), detailsJson: JSON.stringify(odd) };
    await client.logAction(asked);
    const [entry] = await find({ resource: 'account', resourceId: asked.resourceId });
    expect(JSON.parse(entry!.detailsJson)).toEqual({
      'a\ufffdb': 'c\ufffdd',
      path: 'C:\\u0000',
      half: '\ufffd',
      山: '行',
    });
  });
});

describe('an erased person', () => {
  test('is read by nobody any more, while all proofs stay as they were', async () => {
    const userId = await signUp('erased@example.com');
    const filter = { resource: 'user', resourceId: userId };
    const [entry] = await find(filter);
    const { entryId } = entry!;
    const proof = await logs().getInclusionProof({ entryId }, staff);

    const asked = { requestId: uuidv7(), subjectId: userId };
    await inner('platform.user').eraseSubject(asked);
    await inner('platform.user').eraseSubject(asked);
    const [erased] = await find(filter);
    const gone = { address: '', userAgent: '', personalJson: '' };
    const marks = { isOriginErased: true, isPersonalErased: true };
    expect(erased).toEqual({ ...entry, ...gone, ...marks });
    const { treeSize } = proof;
    const again = await logs().getInclusionProof({ entryId, treeSize }, staff);
    expect(again).toMatchObject({ leaf: proof.leaf, hashes: proof.hashes });
    expect(await find({ action: 'subject.erase', resource: 'subject' })).toMatchObject([
      { resourceId: userId, service: 'platform.user' },
    ]);
  });

  test('stays readable when the erasure dies before its commit, and is erased by the next', async () => {
    const userId = await signUp('nearly-erased@example.com');
    const filter = { resource: 'user', resourceId: userId };
    const asked = { requestId: uuidv7(), subjectId: userId };
    const disarm = armDebugPoint('platform.audit.erased', () => {
      throw new Error('dies here');
    });
    const client = inner('platform.user');
    await expect(client.eraseSubject(asked)).rejects.toMatchObject({ code: 'internal' });
    disarm();
    expect(await find(filter)).toMatchObject([{ isPersonalErased: false }]);
    const others = Array.from({ length: 4 }, () => ({ requestId: uuidv7(), subjectId: userId }));
    await Promise.all([asked, asked, ...others].map((one) => client.eraseSubject(one)));
    expect(await find(filter)).toMatchObject([{ isPersonalErased: true }]);
  });

  test('is erased from what is taken in at the same moment', async () => {
    const subjectId = uuidv7();
    const client = inner('finance.account');
    const log = (resourceId: string) =>
      client.logAction({
        requestId: uuidv7(),
        ...{ subjectId, action: 'account.race', resourceId, personalJson: '{"name":"Ada"}' },
      });
    await log('before');
    const hold = holdAt('platform.audit.entries-added', 1);
    const logging = log('during');
    await hold.reached;
    const erasing = inner('platform.user').eraseSubject({ requestId: uuidv7(), subjectId });
    await expect.poll(() => countWaiting(network.sql)).toBeGreaterThan(0);
    hold.letGo();
    await Promise.all([logging, erasing]);
    const found = await find({ who: 'finance.account', action: 'account.race' });
    expect(found.map(({ personalJson }) => personalJson)).toEqual(['', '']);
  });

  test('is not described by what comes later either', async () => {
    const subjectId = uuidv7();
    await inner('platform.user').eraseSubject({ requestId: uuidv7(), subjectId });
    const told = { subjectId, action: 'account.close', resourceId: 'late' };
    const personalJson = '{"name":"Ada"}';
    await inner('finance.account').logAction({ requestId: uuidv7(), ...told, personalJson });
    expect(await find({ resource: 'account', resourceId: 'late' })).toMatchObject([
      { personalJson: '', isPersonalErased: true, isOriginErased: true },
    ]);
  });
});

describe('a proof', () => {
  test('convinces whoever has a checkpoint, of each entry and of each later checkpoint', async () => {
    await setStock('sku-proof-1');
    await network.settle();
    const earlier = await checkpoint();
    await setStock('sku-proof-2');
    const [entry] = await find({ resource: 'stock', resourceId: 'sku-proof-2' });
    const later = await checkpoint();

    const { entryId } = entry!;
    const { leaf, leafIndex, hashes } = await logs().getInclusionProof({ entryId }, staff);
    const of = { leafHash: hashLeaf(leaf), index: Number(leafIndex), ...later };
    expect(provesInclusion({ ...of, proof: hashes.map(Buffer.from) })).toBe(true);
    expect(JSON.parse(Buffer.from(leaf).toString())).toMatchObject({ entry_id: entryId });

    const fromSize = BigInt(earlier.size);
    const consistency = await logs().getConsistencyProof({ fromSize }, staff);
    const proof = consistency.hashes.map(Buffer.from);
    expect(provesConsistency({ from: earlier, to: later, proof })).toBe(true);
    await expect(
      logs().getInclusionProof({ entryId, treeSize: fromSize }, staff),
    ).rejects.toMatchObject({ reason: 'ENTRY_NOT_FOUND', metadata: { entry_id: entryId } });
  });

  test('is not there for a tree or an entry that is not there', async () => {
    const { size } = await checkpoint();
    const treeSize = BigInt(size + 1);
    const tooLarge = {
      reason: 'TREE_SIZE_OUT_OF_RANGE',
      metadata: { tree_size: String(treeSize), limit: String(size) },
    };
    const entryId = uuidv7();
    await expect(logs().getInclusionProof({ entryId, treeSize }, staff)).rejects.toMatchObject(
      tooLarge,
    );
    await expect(logs().getConsistencyProof({ fromSize: treeSize }, staff)).rejects.toMatchObject(
      tooLarge,
    );
    for (const call of [logs().getInclusionProof, logs().getAuditLog]) {
      await expect(call({ entryId }, staff)).rejects.toMatchObject({ reason: 'ENTRY_NOT_FOUND' });
    }
  });
});
