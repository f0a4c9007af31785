// Prints who may call what, straight from the contract: npm run policy
import type { DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { policiesOf } from '#kit/rpc/policy.ts';
import { allServices } from './check/contract.ts';
import { say } from './run.ts';

/** The services come last: they may be many. */
const headings = ['method', 'people', 'deadline', 'rate limit', 'audit', 'retry', 'services'];

const tables = allServices().map((service) => ({ service, rows: rowsOf(service) }));
const widths = headings.map((heading, i) =>
  Math.max(heading.length, ...tables.flatMap(({ rows }) => rows.map((row) => row[i]!.length))),
);

function rowsOf(service: DescService): string[][] {
  return policiesOf(service).map(([method, policy]) => [
    method.name,
    policy.audience === 'internal' ? '-' : policy.audience,
    `${policy.deadlineMs} ms`,
    policy.rateLimit ? `${policy.rateLimit.calls} in ${policy.rateLimit.periodMs / 1000} s` : '-',
    policy.auditAction || '-',
    retry(method.idempotency),
    [...policy.services].join(', ') || '-',
  ]);
}

function retry(level: MethodOptions_IdempotencyLevel): string {
  if (level === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return 'read';
  return level === MethodOptions_IdempotencyLevel.IDEMPOTENT ? 'idempotent' : 'never';
}

function line(row: readonly string[]): string {
  return row
    .map((cell, i) => cell.padEnd(widths[i]!))
    .join('  ')
    .trimEnd();
}

for (const { service, rows } of tables) {
  say(service.typeName);
  for (const row of [headings, ...rows]) say(`  ${line(row)}`);
  say('');
}
