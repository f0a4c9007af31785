// Prints who may call what, straight from the contract: npm run policy
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { policiesOf } from '#kit/rpc/policy.ts';
import { allServices } from './check/contract.ts';
import { say } from './run.ts';

const headings = ['method', 'people', 'services', 'deadline', 'rate limit', 'audit', 'retry'];

const rows = allServices().flatMap((service) =>
  policiesOf(service).map(([method, policy]) => [
    `${service.typeName}/${method.name}`,
    policy.audience === 'internal' ? '-' : policy.audience,
    [...policy.services].join(', ') || '-',
    `${policy.deadlineMs} ms`,
    policy.rateLimit ? `${policy.rateLimit.calls} in ${policy.rateLimit.periodMs / 1000} s` : '-',
    policy.auditAction || '-',
    retry(method.idempotency),
  ]),
);

function retry(level: MethodOptions_IdempotencyLevel): string {
  if (level === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return 'read';
  return level === MethodOptions_IdempotencyLevel.IDEMPOTENT ? 'idempotent' : 'never';
}

const widths = headings.map((heading, i) =>
  Math.max(heading.length, ...rows.map((row) => row[i]!.length)),
);
for (const row of [headings, widths.map((width) => '-'.repeat(width)), ...rows]) {
  say(
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
