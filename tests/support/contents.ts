/** What all tables of all services hold, as fingerprints: two readings are equal only if no row came, went or changed. */
import type postgres from 'postgres';
import { expect } from 'vitest';
import type { Network } from '#kit/testing/network.ts';

/** By "schema.table": the number of rows and a hash of them, in whatever order they lie. */
type Contents = Record<string, string>;

/** Rows that are left out, by the name of their table, "*" for all: an SQL condition on `whole`, the row. */
export type LeftOut = Record<string, string>;

/**
 * Where refusals by a domain are kept for ever: a retry must not do what its caller believes refused. Refusals by the
 * kit (rules, policy, identity) and those before the transaction leave nothing, so who expects those leaves nothing out.
 */
export const rememberedRefusals: LeftOut = { request_log: 'whole.refusal is not null' };

/** Where refusals and answers are kept: for requests that are answered though nothing is there that could change. */
export const rememberedAnswers: LeftOut = { request_log: 'true' };

/** Where passwords that were tried are counted, the wrong ones above all. */
export const triedPasswords: LeftOut = { sign_in_attempt: 'true' };

/**
 * What the audit log tells of all its entries together. An entry itself is a row of its own, which is left out only where
 * it speaks of somebody who may well have one.
 */
export const toldOfEntries: LeftOut = {
  checkpoint: 'true',
  tile: 'true',
  inbox: "whole.consumer = 'platform.audit/entries'",
};

/** The rows that speak of a person. */
export const rowsOf = (userId: string): LeftOut => ({ '*': `whole::text like '%${userId}%'` });

/** Runs `work` and expects that no table has a row more, less or unlike before, but for those that are left out. */
export async function expectNoEffect(
  network: Network,
  leftOut: LeftOut,
  work: () => Promise<void>,
): Promise<void> {
  await network.settle();
  const before = await readContents(network.sql, leftOut);
  await work();
  await network.settle();
  expect(await readContents(network.sql, leftOut)).toEqual(before);
}

/** Reads everything in one statement. */
async function readContents(sql: postgres.Sql, leftOut: LeftOut): Promise<Contents> {
  const each = (await readTables(sql)).map(
    ({ schema, name }) => `
      select '${schema}.${name}' as name, count(*) as rows,
        coalesce(sum(hashtextextended(whole::text, 0)), 0) as hash
      from "${schema}"."${name}" as whole
      where not (${leftOut[name] ?? 'false'}) and not (${leftOut['*'] ?? 'false'})`,
  );
  const rows = await sql.unsafe(each.join(' union all '));
  return Object.fromEntries(rows.map(({ name, rows, hash }) => [name, `${rows} rows, ${hash}`]));
}

/** The tables of all services, those of the card provider included. */
export function readTables(sql: postgres.Sql) {
  return sql<{ schema: string; name: string }[]>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`;
}
