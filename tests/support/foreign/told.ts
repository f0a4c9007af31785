/** What a caller learns from how a call ended. */
import type { Outcome } from '../any-method.ts';
import type { Owner } from '../owner.ts';
import type { Init } from '../requests/good.ts';
import type { Naming } from '../requests/naming.ts';
import { jsonOf, refusalText } from '../secrecy.ts';

const textOf = ({ refusal, answer }: Outcome) => (refusal ? refusalText(refusal) : jsonOf(answer));

/** All that a caller was told, with a word in the place of each name that the caller gave. */
export function told(outcome: Outcome, { named }: Naming): string {
  return named.reduce(
    (rest, [field, value]) => rest.replaceAll(value, `<${field}>`),
    textOf(outcome),
  );
}

/** What of the owner's shows in an outcome, beyond what the caller brought along. */
export function tracesIn(outcome: Outcome, request: Init, { traces }: Owner): string[] {
  const text = textOf(outcome);
  const brought = jsonOf(request);
  return traces.filter((trace) => text.includes(trace) && !brought.includes(trace));
}

/** The largest count of an answer; 0 without any. */
export function largestCount({ answer }: Outcome): number {
  const counts = Object.entries(answer ?? {}).filter(([name]) => name.endsWith('Count'));
  return Math.max(0, ...counts.map(([, count]) => Number(count)));
}
