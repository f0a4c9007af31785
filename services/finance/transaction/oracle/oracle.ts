/** The ledger a second time, for tests and benchmarks: see oracle.sql. */
import { readFileSync } from 'node:fs';
import type { Sql } from 'postgres';
import { furtherLegsText } from '../domain/content.ts';
import type { Command } from '../domain.ts';

/** Makes the functions in the schema that `sql` works in, which has the ledger's tables. */
export async function createOracle(sql: Sql): Promise<void> {
  await sql.unsafe(readFileSync(new URL('./oracle.sql', import.meta.url), 'utf8'));
}

/** What a request is known by. */
export interface OracleKey {
  requestId: string;
  scope: string;
  hash: Buffer;
}

/** Does one command by one function call: answers 'done' or the reason of its refusal. `now` is in milliseconds. */
export async function askOracle(
  sql: Sql,
  key: OracleKey,
  command: Command,
  now: number,
): Promise<string> {
  const { requestId, scope, hash } = key;
  const at = new Date(now);
  if (command.kind === 'execute') {
    const { intent, judgement, hold } = command;
    if ('refusal' in judgement) throw new Error('the oracle is asked what risk has judged');
    const { risk, compliance } = judgement.verdicts;
    const { legs, transactionId, type, initiator } = intent;
    const [row] = await sql<{ outcome: string }[]>`
      select oracle_execute(${requestId}, ${scope}, ${hash}, ${transactionId}, ${type},
        ${legs.map((leg) => leg.sourceId)}::uuid[], ${legs.map((leg) => leg.destinationId)}::uuid[],
        ${legs.map((leg) => String(leg.amountMinor))}::bigint[],
        ${legs.map((leg) => leg.currency)}::text[], ${furtherLegsText(legs)},
        ${initiator.userId ?? null}, ${risk.action}, ${compliance!.action}, ${risk.contentHash},
        ${transactionId}, ${hold?.seconds ?? null}, ${at}) as outcome`;
    return row!.outcome;
  }
  const { id, other, amount, word } = argumentsOf(command);
  const [row] = await sql<{ outcome: string }[]>`
    select oracle_once(${requestId}, ${scope}, ${hash}, ${command.kind}, ${id}, ${other},
      ${amount === null ? null : String(amount)}, ${word}, ${at}) as outcome`;
  return row!.outcome;
}

function argumentsOf(command: Exclude<Command, { kind: 'execute' }>) {
  const none = { other: null, amount: null, word: null };
  switch (command.kind) {
    case 'open':
      return {
        ...none,
        id: command.account.accountId,
        other: command.account.ownerId ?? null,
        amount: command.floor,
      };
    case 'setStatus':
      return { ...none, id: command.accountId, word: command.status };
    case 'capture':
      return { ...none, id: command.transactionId, amount: command.amountMinor ?? null };
    case 'reverse':
      return { ...none, id: command.transactionId, other: command.reversalId };
    case 'review':
      return {
        ...none,
        id: command.transactionId,
        other: command.reviewerId,
        word: command.approves ? 'approve' : 'reject',
      };
    default:
      return { ...none, id: command.transactionId };
  }
}
