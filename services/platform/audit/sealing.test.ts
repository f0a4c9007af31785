import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { countWaiting } from '#kit/testing/meet.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { hashLeaf, rootOf } from './log/merkle.ts';
import { openCheckpoint, readVerifier } from './log/note.ts';
import { splitLeaves, tileWidth } from './log/tiles.ts';
import { LogDamaged } from './sealing.ts';
import { madeOf, publishAll } from './testing.ts';

let network: Network;
/** A second process of the mesh that hosts the same service. */
let other: Network;
let staff: Person;
let disarm = () => {};
beforeAll(async () => {
  network = await startNetwork(['platform.audit']);
  other = await startNetwork(['platform.audit'], { joins: network });
  staff = await network.person({ roles: ['staff'] });
});
afterEach(() => disarm());
afterAll(async () => {
  await other.stop();
  await network.stop();
});

const logs = () => network.client(AuditService, 'platform.audit');
const publishMany = (resource: string, counts: readonly number[]) => {
  let from = 0;
  const events = counts.map((count) => {
    from += count;
    return madeOf(resource, count, { from: from - count });
  });
  return publishAll(network.service('platform.audit').database, events);
};

/** The leaves of the log that are about a resource, after all that is under way is sealed; and that the log is sound. */
async function sealed(resource: string): Promise<string[]> {
  await network.settle();
  await other.settle();
  const leaves = await expectSound();
  return leaves
    .map((leaf) => JSON.parse(leaf) as { resource: string; resource_id: string })
    .filter((leaf) => leaf.resource === resource)
    .map((leaf) => leaf.resource_id);
}

/** Copies the log as a mirror does, and holds it against its checkpoint. Answers the leaves. */
async function expectSound(): Promise<string[]> {
  const { note, verifiers } = await logs().getCheckpoint({}, staff);
  const { size, root } = openCheckpoint(note, verifiers.map(readVerifier));
  const leaves: Buffer[] = [];
  for (let index = 0; index * tileWidth < size; index += 1) {
    const width = Math.min(tileWidth, size - index * tileWidth);
    const of = { index: BigInt(index), width };
    const { entries } = await logs().getEntryBundle(of, staff);
    const { hashes } = await logs().getTile({ ...of, level: 0 }, staff);
    const bundle = splitLeaves(entries);
    expect(Buffer.concat(bundle.map(hashLeaf))).toEqual(Buffer.from(hashes));
    leaves.push(...bundle);
  }
  expect(leaves).toHaveLength(size);
  expect(rootOf(leaves.map(hashLeaf))).toEqual(root);
  return leaves.map(String);
}

const leafAbout = (resource: string, resourceId: string) =>
  JSON.stringify({
    entry_id: uuidv7(),
    acted_ms: 1,
    user_id: '',
    service: 'testing.maker',
    action: `${resource}.make`,
    resource,
    resource_id: resourceId,
    details: {},
  });

const names = (resource: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${resource} ${i}`);

const count = async (table: string) => {
  const [row] = await network.sql.unsafe(`select count(*)::integer as count from ${table}`);
  return row!.count as number;
};

describe('sealing', () => {
  test('makes leaves of all entries, however many, those of one event in their order', async () => {
    const counts = [1, 255, 300, 1_000, 1_000, 44];
    await publishMany('many', counts);
    const total = counts.reduce((sum, one) => sum + one);
    expect(total).toBeGreaterThan(limits.entriesPerSealMax);
    const found = await sealed('many');
    expect(new Set(found)).toEqual(new Set(names('many', total)));
    expect(found).toHaveLength(total);
    const ofOneEvent = new Set(names('many', 1_556).slice(556));
    expect(found.filter((name) => ofOneEvent.has(name))).toEqual([...ofOneEvent]);
    expect(await count('platform_audit.tile')).toBeGreaterThanOrEqual(
      Math.floor(total / tileWidth),
    );
  });

  test('is done by one process after the other, also where neither takes what the other does', async () => {
    const checkpoints = await count('platform_audit.checkpoint');
    let passes = 0;
    const gate = Promise.withResolvers<void>();
    disarm = armDebugPoint('platform.audit.leaves-taken', () => {
      passes += 1;
      return gate.promise;
    });
    const { database } = network.service('platform.audit');
    const early = limits.entriesPerSealMax + 1;
    await database.transaction(async (tx) => {
      const leaves = Array.from({ length: early }, (_, i) => leafAbout('raced', `raced ${i}`));
      await tx`insert into waiting_entry (leaf) select unnest(${leaves}::text[])::json`;
      await publishMany('raced later', [300]);
      await expect.poll(() => passes, { timeout: 15_000 }).toBe(1);
    });
    // The other process comes to the place as well, or waits for the first.
    await expect
      .poll(async () => passes + (await countWaiting(network.sql)), { timeout: 15_000 })
      .toBeGreaterThanOrEqual(2);
    gate.resolve();
    expect(await sealed('raced')).toHaveLength(early);
    expect(await sealed('raced later')).toEqual(names('raced later', 300));
    // Nobody's work was in vain: each who took leaves has told of them.
    expect(passes).toBe((await count('platform_audit.checkpoint')) - checkpoints);
  });

  test('takes in an entry that was begun early and is committed late', async () => {
    const { database } = network.service('platform.audit');
    const leaf = leafAbout('late', 'late 0');
    await database.transaction(async (tx) => {
      await tx`insert into waiting_entry (leaf) values (${leaf}::text::json)`;
      await publishMany('early', [3]);
      await network.settle();
      expect(await expectSound()).not.toContain(leaf);
    });
    expect(await sealed('late')).toEqual(['late 0']);
    expect(await sealed('early')).toHaveLength(3);
  });

  test.each(['leaves-taken', 'tiles-written'])(
    'that dies at %s leaves nothing, and is done by whoever is next',
    async (place) => {
      const checkpoints = await count('platform_audit.checkpoint');
      let deaths = 0;
      const dead = Promise.withResolvers<void>();
      disarm = armDebugPoint(`platform.audit.${place}`, () => {
        deaths += 1;
        if (deaths === 3) dead.resolve();
        throw new Error('dies here');
      });
      await publishMany(place, [10]);
      await dead.promise;
      expect(await count('platform_audit.checkpoint')).toBe(checkpoints);
      const rows = await network.sql`
        select from platform_audit.audit_entry where resource = ${place}`;
      expect(rows).toHaveLength(0);
      disarm();
      expect(await sealed(place)).toEqual(names(place, 10));
    },
  );

  test('goes no further on a log that is not what its checkpoint says', async () => {
    await publishMany('damaged', [5]);
    await sealed('damaged');
    const [{ size }] = (await network.sql`
      select max(tree_size) as size from platform_audit.checkpoint`) as unknown as [
      { size: string },
    ];
    const last = Number(size) - 1;
    const flip = (to: string) =>
      network.sql.begin(async (tx) => {
        await tx.unsafe('alter table platform_audit.audit_entry disable trigger user');
        await tx.unsafe(`update platform_audit.audit_entry
          set leaf_hash = ${to} where leaf_index = ${last}`);
        await tx.unsafe('alter table platform_audit.audit_entry enable trigger user');
      });
    await flip("overlay(leaf_hash placing '\\xffff' from 1)");
    await publishMany('behind damage', [1]);
    await expect(network.settle({ timeoutMs: 3_000 })).rejects.toThrow(LogDamaged);
    expect(await count(`platform_audit.checkpoint where tree_size > ${size}`)).toBe(0);
    await flip("sha256('\\x00'::bytea || convert_to(leaf::text, 'UTF8'))");
    expect(await sealed('behind damage')).toEqual(['behind damage 0']);
  });
});

describe('taking in', () => {
  test('that dies before its commit is done again, and only once', async () => {
    let deaths = 0;
    const dead = Promise.withResolvers<void>();
    disarm = armDebugPoint('platform.audit.entries-added', () => {
      deaths += 1;
      if (deaths > 2) return;
      if (deaths === 2) dead.resolve();
      throw new Error('dies here');
    });
    await publishMany('taken', [20]);
    await dead.promise;
    expect(await sealed('taken')).toEqual(names('taken', 20));
  });

  test('outlives the loss of its database connections', async () => {
    let kills = 0;
    disarm = armDebugPoint('platform.audit.entries-added', async () => {
      kills += 1;
      if (kills > 1) return;
      await network.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'platform_audit'`;
    });
    await publishMany('lost', [20]);
    await expect.poll(() => kills, { timeout: 15_000 }).toBeGreaterThan(1);
    expect(await sealed('lost')).toEqual(names('lost', 20));
  });

  test('of one event that comes twice leaves one entry', async () => {
    const { database } = network.service('platform.audit');
    const made = madeOf('twice', 2);
    await publishAll(database, [made, made]);
    await network.settle();
    await publishAll(database, [made]);
    expect(await sealed('twice')).toEqual(names('twice', 2));
  });

  test('puts aside what was sealed under a secret that is not known', async () => {
    const { database } = network.service('platform.audit');
    await publishAll(database, [madeOf('strange', 1, { secret: 'x'.repeat(40) })]);
    expect(await sealed('strange')).toEqual([]);
    const ops = network.client(OpsService, 'platform.audit');
    const { deadLetters } = await ops.listDeadLetters({}, staff);
    expect(deadLetters).toMatchObject([{ consumer: 'entries', failure: 'PoisonEvent' }]);
  });
});

describe('the tables of the log', () => {
  test.each([
    'update platform_audit.audit_entry set leaf_hash = leaf_hash',
    'delete from platform_audit.audit_entry',
    'truncate platform_audit.audit_entry',
    'update platform_audit.tile set root = root',
    'delete from platform_audit.checkpoint',
  ])('only grow: %s', async (statement) => {
    await network.settle();
    expect(await count('platform_audit.checkpoint')).toBeGreaterThan(0);
    await expect(network.sql.unsafe(statement)).rejects.toThrow('the audit log only grows');
  });
});

test('what was done while the log was away is in it when it comes back', async () => {
  const alone = await startNetwork(['commerce.inventory']);
  const by = await alone.person({ roles: ['staff'] });
  const inventory = alone.client(InventoryService, 'commerce.inventory');
  const skus = names('away', 30);
  for (const sku of skus) await inventory.setStock({ requestId: uuidv7(), sku, onHand: 1n }, by);
  await alone.settle();
  const late = await startNetwork(['platform.audit'], { joins: alone });
  await late.settle();
  const client = late.client(AuditService, 'platform.audit');
  const { auditLogs } = await client.listAuditLogs({ who: by.id, pageSize: 100 }, by);
  expect(auditLogs.map(({ resourceId }) => resourceId)).toEqual(skus.toReversed());
  await late.stop();
  await alone.stop();
});
