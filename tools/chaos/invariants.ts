/** What must hold once everything has settled, whatever died on the way. */
import type { Evidence } from './evidence.ts';
import { checkAnswers } from './invariants/answers.ts';
import { checkDeadLetters } from './invariants/dead-letters.ts';
import { checkSignUps } from './invariants/sign-ups.ts';
import type { Stage } from './system.ts';

/** One invariant, how often it is broken, and by what: a few cases, for whoever looks for the cause. */
export interface Finding {
  invariant: string;
  broken: number;
  examples: string[];
}

/** What one part of the books says. */
export interface Page {
  /** Sums for the reader, a line each. */
  lines: string[];
  findings: Finding[];
}

const examplesMax = 5;

export function finding(invariant: string, cases: readonly unknown[]): Finding {
  const examples = cases.slice(0, examplesMax).map((each) => JSON.stringify(each, asText));
  return { invariant, broken: cases.length, examples };
}

function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** "160 CreateOrder, 63 CreateUser": what there is most of comes first. */
export function tally(counts: Iterable<readonly [string, number]>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
}

/** Holds the books of all services and the answers of the callers against each other. */
export async function checkInvariants(stage: Stage, evidence: Evidence): Promise<Page> {
  const checks = [...stage.checks, checkDeadLetters, checkAnswers, checkSignUps];
  const pages: Page[] = [];
  for (const check of checks) pages.push(await check(evidence));
  return {
    lines: pages.flatMap(({ lines }) => lines),
    findings: pages.flatMap(({ findings }) => findings),
  };
}
