/** Where secrets are looked for: refusals, bytes and whole tables, as text. */
import type postgres from 'postgres';
import { expect } from 'vitest';
import { RpcError } from '#kit/errors.ts';
import { readTables } from './contents.ts';

/** All that a caller gets of a refusal. Fails when the call is not refused. */
export async function refusalTexts(call: Promise<unknown>): Promise<string> {
  const refusal = await call.then(
    () => expect.unreachable('this is refused'),
    (error) => error,
  );
  if (!(refusal instanceof RpcError)) throw refusal;
  return refusalText(refusal);
}

/** All that a refusal says. */
export function refusalText(refusal: RpcError): string {
  const { code, message, reason, domain, metadata, violations, details } = refusal;
  const said = { code, message, reason, domain, metadata, violations };
  return `${JSON.stringify(said)} ${textOf(details)}`;
}

/** JSON in which each bigint is a text. */
export function jsonOf(value: unknown): string {
  return String(
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner)),
  );
}

/** Bytes as text in which an ASCII value would show. */
export function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('latin1');
}

/** Each table whose "schema.name" matches, with all its rows as one text. */
export async function tablesWith(sql: postgres.Sql, names: RegExp): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const { schema, name } of await readTables(sql)) {
    if (!names.test(`${schema}.${name}`)) continue;
    const rows = await sql`select * from ${sql(schema)}.${sql(name)}`;
    const values = rows.flatMap((row) => Object.values(row));
    found.push([`${schema}.${name}`, values.map(valueText).join('\n')]);
  }
  return found;
}

function valueText(value: unknown): string {
  if (Buffer.isBuffer(value)) return textOf(value);
  return jsonOf(value);
}
