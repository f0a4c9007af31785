/** The policies of the contract as tables for a terminal. Pure. */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { type Policy, policiesOf } from '#kit/rpc/policy.ts';

/** Characters in a line. */
const widthMax = 120;
/** The services come last: they may be many. */
const headings = ['method', 'people', 'deadline', 'rate limit', 'audit', 'retry', 'services'];
const hourMs = 3_600_000;

/**
 * A table for each service, with its methods that have one of the words in their names; without words with all. `known`
 * are the services that exist: others, which the contract names already, have a star.
 */
export function policyTables(
  services: readonly DescService[],
  { words, known }: { words: readonly string[]; known: ReadonlySet<string> },
): string[] {
  const tables = services
    .map((service) => ({
      title: service.typeName,
      rows: policiesOf(service)
        .filter(([method]) => words.length === 0 || words.some((word) => isNamed(method, word)))
        .map(([method, policy]) => rowOf(method, policy, known)),
    }))
    .filter(({ rows }) => rows.length > 0);
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...tables.flatMap(({ rows }) => rows.map((row) => row[i]!.length))),
  );
  const lines = tables.flatMap(({ title, rows }) => [
    title,
    ...[headings, ...rows].flatMap((row) => linesOf(row, widths)),
    '',
  ]);
  const star = '* a service that is not there yet';
  return lines.some((line) => line.includes('*')) ? [...lines, star] : lines.slice(0, -1);
}

/** Whether the name of a method or of its service has a word in it, as in "order" or "OrderService/Create". */
export function isNamed({ parent, name }: DescMethod, word: string): boolean {
  return `${parent.typeName}/${name}`.toLowerCase().includes(word.toLowerCase());
}

function rowOf(method: DescMethod, policy: Policy, known: ReadonlySet<string>): string[] {
  const { audience, rateLimit, audit } = policy;
  return [
    method.name,
    audience === 'internal' ? '-' : audience,
    duration(policy.deadlineMs),
    rateLimit ? `${rateLimit.calls} in ${duration(rateLimit.periodMs)}` : '-',
    audit?.action ?? '-',
    retry(method.idempotency),
    policy.services.size === 0 ? '-' : byDomain([...policy.services], known),
  ];
}

function duration(ms: number): string {
  if (ms % hourMs === 0) return `${ms / hourMs} h`;
  return ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}

function retry(level: MethodOptions_IdempotencyLevel): string {
  if (level === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return 'read';
  return level === MethodOptions_IdempotencyLevel.IDEMPOTENT ? 'idempotent' : 'never';
}

/** "commerce.order, finance.{payment, risk*}": a domain once, however many of its services are named. */
function byDomain(services: readonly string[], known: ReadonlySet<string>): string {
  const domains = Map.groupBy(services, (service) => service.slice(0, service.indexOf('.')));
  return [...domains]
    .map(([domain, members]) => {
      const names = members.map((service) => {
        const name = service.slice(domain.length + 1);
        return known.has(service) ? name : `${name}*`;
      });
      return `${domain}.${names.length === 1 ? names[0] : `{${names.join(', ')}}`}`;
    })
    .join(', ');
}

/** A row in one line; services that do not fit stand below it. */
function linesOf(row: readonly string[], widths: readonly number[]): string[] {
  const line = padded(row, widths);
  if (line.length <= widthMax) return [line];
  return [padded(row.slice(0, -1), widths), ...wrapped(row.at(-1)!, '      ')];
}

function padded(row: readonly string[], widths: readonly number[]): string {
  return `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd();
}

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= widthMax) lines[lines.length - 1] = longer;
    else lines.push(indent + word);
  }
  return lines;
}
