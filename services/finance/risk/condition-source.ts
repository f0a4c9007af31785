/** The text of a condition as the library's parser reads it, and where in it something is wrong. */
import { parse } from '@bufbuild/cel';
import type { Expr } from '@bufbuild/cel-spec/cel/expr/syntax_pb.js';
import { RuleInvalid } from './domain.ts';

/** A condition while it is read. */
export interface Source {
  readonly text: string;
  /** Its path in the request. */
  readonly field: string;
  /** Where each expression of the tree begins, by its id. */
  readonly positions: Readonly<Record<string, number>>;
  /** How many terms have been read so far. */
  terms: number;
}

/** The condition and its tree. Throws RuleInvalid where it is no CEL. */
export function parseCondition(text: string, field: string): [source: Source, root: Expr] {
  try {
    const { expr, sourceInfo } = parse(text);
    return [{ text, field, positions: sourceInfo?.positions ?? {}, terms: 0 }, expr];
  } catch (error) {
    const { location, rawMessage } = error as SyntaxFault;
    throw invalidAt({ text, field }, location?.start.offset ?? 0, rawMessage ?? 'cannot be read');
  }
}

/** What the parser throws; where the text is nested too deep for it, an error without a place. */
interface SyntaxFault {
  location?: { start: { offset: number } };
  rawMessage?: string;
}

/** Says what is wrong with an expression, and where it is. */
export function invalid(source: Source, expr: Expr, problem: string): RuleInvalid {
  return invalidAt(source, source.positions[String(expr.id)] ?? 0, problem);
}

function invalidAt(
  { text, field }: Pick<Source, 'text' | 'field'>,
  offset: number,
  problem: string,
): RuleInvalid {
  const before = text.slice(0, offset).split('\n');
  const place = { line: before.length, column: before.at(-1)!.length + 1 };
  const description = `at ${place.line}:${place.column}: ${problem}`;
  return new RuleInvalid(place, { field, description });
}
