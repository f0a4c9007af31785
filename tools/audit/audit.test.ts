import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import type { Network } from '#kit/testing/network.ts';
import { hashLeaf } from '#services/platform/audit/log/merkle.ts';
import { createSigner, readVerifier } from '#services/platform/audit/log/note.ts';
import { madeOf, publishAll } from '#services/platform/audit/testing.ts';
import { startNetwork } from '#services/testing.ts';
import { root } from '../run.ts';
import { copyLog } from './copy.ts';
import { openFolder } from './folder.ts';
import { verifyLog } from './verifier.ts';

const earlier = 290;
const size = 600;
let network: Network;
/** A copy of the log at 290 leaves and one at 600, both good. */
let early: string;
let good: string;
let work: string;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'meshwork-audit-'));
  network = await startNetwork(['platform.audit']);
  early = join(work, 'early');
  good = join(work, 'good');
  await fill(network, earlier);
  await copyFrom(network, early);
  cpSync(early, good, { recursive: true });
  await fill(network, size - earlier);
  await copyFrom(network, good);
});
afterAll(async () => {
  await network.stop();
  rmSync(work, { recursive: true, force: true });
});

async function fill(on: Network, count: number, resource = 'thing'): Promise<void> {
  await publishAll(on.service('platform.audit').database, [madeOf(resource, count)]);
  await on.settle();
}

async function copyFrom(on: Network, folder: string): Promise<void> {
  const { headers } = await on.person({ roles: ['staff'] });
  const client = on.client(AuditService, 'platform.audit');
  await copyLog(client, headers, openFolder(folder));
}

/** A copy of a folder that may be spoiled. */
function copyOf(folder: string): string {
  const copy = mkdtempSync(join(work, 'copy-'));
  cpSync(folder, copy, { recursive: true });
  return copy;
}

function verify(folder: string, remembered: string[] = []) {
  const opened = openFolder(folder);
  return verifyLog(opened, openFolder(good).readVerifiers().map(readVerifier), remembered).findings;
}

const checkpointOf = (folder: string) => readFileSync(join(folder, 'checkpoint'), 'utf8');

const tables = ['audit_entry', 'tile', 'checkpoint'];

/** Changes the log behind the back of its triggers, as who owns the database can, until the end of the test. */
async function tamper(...statements: string[]): Promise<void> {
  const kept = tables.map(
    (table) => `create table public.kept_${table} as
    select * from platform_audit.${table}`,
  );
  const back = tables.map((table) => {
    const columns = table === 'audit_entry' ? 'leaf_index, leaf_hash, leaf' : '*';
    return `truncate platform_audit.${table};
      insert into platform_audit.${table} ${columns === '*' ? '' : `(${columns})`}
      select ${columns} from public.kept_${table}; drop table public.kept_${table}`;
  });
  const silently = (sql: string[]) =>
    network.sql.begin(async (tx) => {
      const triggers = (what: string) =>
        tables.map((table) => `alter table platform_audit.${table} ${what} trigger user`);
      for (const one of [...triggers('disable'), ...sql, ...triggers('enable')]) {
        await tx.unsafe(one);
      }
    });
  await silently([...kept, ...statements]);
  onTestFinished(() => silently(back).then(() => {}));
}

/** What a copy shows that is made of the log as it is now, with the checkpoints of an earlier copy. */
async function findingsNow(): Promise<string[]> {
  const folder = copyOf(good);
  await copyFrom(network, folder);
  return verify(folder);
}

const entry = 'platform_audit.audit_entry';

describe('the verifier', () => {
  test('finds nothing in a log that only grew', async () => {
    expect(verify(early)).toEqual([]);
    expect(verify(good)).toEqual([]);
    expect(openFolder(good).readSeen()).toHaveLength(2);
    expect(await findingsNow()).toEqual([]);
  });

  test('names an entry that was changed', async () => {
    await tamper(`update ${entry}
      set leaf = replace(leaf::text, 'thing 3"', 'thing x"')::json where leaf_index = 293`);
    expect(await findingsNow()).toEqual(['leaf 293: its entry was changed']);
  });

  test('names entries that were deleted, and not those behind them', async () => {
    await tamper(`delete from ${entry} where leaf_index in (17, 400)`);
    expect(await findingsNow()).toEqual([
      'leaf 17: its entry is missing',
      'leaf 400: its entry is missing',
    ]);
  });

  test('names entries that changed places', async () => {
    const move = (from: number, to: number) =>
      `update ${entry} set leaf_index = ${to} where leaf_index = ${from}`;
    await tamper(move(5, size), move(9, 5), move(size, 9));
    expect(await findingsNow()).toEqual([
      'leaf 5: here stands the entry of leaf 9',
      'leaf 9: here stands the entry of leaf 5',
    ]);
  });

  test('names a place where an entry was put in', () => {
    const folder = copyOf(good);
    const opened = openFolder(folder);
    const of = { index: 0, width: 256 };
    const leaves = opened.readLeaves(of);
    leaves.splice(40, 0, Buffer.from('{"entry_id":"made up"}'));
    opened.writeLeaves(of, joined(leaves));
    expect(verify(folder)).toEqual(['leaf 40: before it stands an entry that is not in the log']);
  });

  test('finds a tail that was cut off, also when all else fits', async () => {
    await tamper(
      `delete from ${entry} where leaf_index >= ${earlier}`,
      'delete from platform_audit.tile where index > 0',
      `delete from platform_audit.checkpoint where tree_size > ${earlier}`,
    );
    const cut =
      `the log was cut off: it had ${size} leaves when a checkpoint was seen, ` +
      `and now ends before leaf ${earlier}`;
    expect(await findingsNow()).toEqual([cut]);
    // A copy that never had more is found by what was remembered elsewhere.
    const folder = mkdtempSync(join(work, 'new-'));
    await copyFrom(network, folder);
    expect(verify(folder)).toEqual([]);
    expect(verify(folder, [checkpointOf(good)])).toEqual([cut]);
  });

  test('finds a history that was written anew with all its hashes', async () => {
    const row = `(select leaf::text from ${entry} where leaf_index = 3)`;
    const forged = `replace(${row}, 'thing 3"', 'thing y"')`;
    await tamper(
      `update ${entry} set leaf_hash = sha256('\\x00'::bytea || convert_to(${forged}, 'UTF8')),
        leaf = ${forged}::json where leaf_index = 3`,
      `update platform_audit.tile set hashes = overlay(hashes placing
        (select leaf_hash from ${entry} where leaf_index = 3) from 97) where level = 0 and index = 0`,
    );
    const findings = await findingsNow();
    expect(findings).toContain(
      'tile/1/000.p/2 has another root of leaves 0 to 255 than their hashes make',
    );
    expect(findings).toContain(`the ${size} leaves do not have the root that the checkpoint says`);
    expect(findings.join()).toContain('the log has forked: its first 290 leaves');
  });

  test('finds a log that has forked, although either side is sound', async () => {
    // Who has the key can sign two histories of one size.
    const fork = await startNetwork(['platform.audit']);
    await fill(fork, size, 'other');
    const forked = join(work, 'forked');
    await copyFrom(fork, forked);
    await fork.stop();
    expect(verify(forked)).toEqual([]);
    expect(verify(forked, [checkpointOf(good)])).toEqual([
      `the log has forked: there are two checkpoints of ${size} leaves`,
    ]);
    expect(verify(forked, [checkpointOf(early)])).toEqual([
      'the log has forked: its first 290 leaves, 0 to 289, are not those of a checkpoint that was seen',
    ]);
  });

  test('finds a checkpoint that another key has signed, or that was changed', () => {
    const stranger = createSigner('meshwork/audit', 'the secret of somebody who is not the log');
    const [verdict, ...more] = verifyLog(openFolder(good), [stranger]).findings;
    expect(verdict).toBe(
      'the checkpoint does not count: the checkpoint is signed by nobody who is known',
    );
    expect(more).toEqual([]);
    const folder = copyOf(early);
    const note = checkpointOf(early).replace(`\n${earlier}\n`, `\n${earlier - 1}\n`);
    openFolder(folder).writeCheckpoint(note);
    expect(verify(folder)[0]).toContain(
      'the signature of meshwork/audit is not of this checkpoint',
    );
  });

  test('finds hashes that are missing or wrong', () => {
    const folder = copyOf(good);
    const opened = openFolder(folder);
    const tile = { level: 0, index: 2, width: 88 };
    const hashes = opened.readTile(tile);
    opened.writeTile(tile, Buffer.concat([...hashes.slice(0, -2), hashLeaf(Buffer.of(1))]));
    const findings = verify(folder);
    expect(findings).toContain('tile/0/002.p/88 has 87 hashes and not 88');
    expect(findings).toContain(`the ${size} leaves do not have the root that the checkpoint says`);
  });
});

function joined(leaves: readonly Buffer[]): Buffer {
  return Buffer.concat(
    leaves.flatMap((leaf) => [Buffer.of(leaf.length >> 8, leaf.length & 255), leaf]),
  );
}

/** How the command ends, and what it says. */
function run(...args: string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['tools/audit/verify.ts', ...args], { cwd: root }, (error, said) =>
      resolve({ code: Number(error?.code ?? 0), said }),
    );
  });
}

describe('npm run audit:verify', () => {
  test('ends well on a good copy, and remembers what it saw', async () => {
    const file = join(work, 'remembered');
    const [key = ''] = openFolder(good).readVerifiers();
    const first = await run(good, '--key', key, '--remember', file);
    expect(first).toMatchObject({ code: 0 });
    expect(first.said).toContain(`${size} leaves`);
    const second = await run(early, '--key', key, '--remember', file);
    expect(second.code).toBe(1);
    expect(second.said).toContain('the log was cut off');
  });

  test('ends badly on a copy that does not fit, and without one', async () => {
    const folder = copyOf(good);
    openFolder(folder).writeLeaves({ index: 0, width: 256 }, Buffer.of());
    const { code, said } = await run(folder);
    expect(code).toBe(1);
    expect(said).toContain('leaf 0: its entry is missing');
    expect(said).toContain('and 236 more like these');
    expect((await run(join(work, 'nowhere'))).said).toContain('has no checkpoint');
    expect((await run()).code).toBe(1);
  });
});
