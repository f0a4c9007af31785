/** Comparisons as functions: most of what a decision does. Pure. */
import type { Comparison, Evaluate, Term } from './term.ts';
import type { Inputs, Value } from './variables.ts';

/** Both sides are of one type, so the language's own comparison is the one of CEL. */
export function compileComparison(
  operator: Comparison,
  [left, right]: readonly Term[],
  one: Evaluate,
  other: Evaluate,
): Evaluate<boolean> {
  // Most comparisons are of this kind, and take half the time without a call for each side.
  if (left!.kind === 'variable' && right!.kind === 'constant') {
    const { index } = left!;
    const { value: constant } = right!;
    if (typeof constant !== 'bigint') return compareWithValue(operator, index, constant);
    return compareWithInteger(operator, index, constant);
  }
  const compare = comparisons[operator];
  return (inputs) => {
    const left = one(inputs);
    const right = other(inputs);
    return left === undefined || right === undefined ? undefined : compare(left, right);
  };
}

const comparisons: Record<Comparison, (left: Value, right: Value) => boolean> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

/** Text or truth: those are equal or not, and have no order. */
function compareWithValue(operator: Comparison, index: number, constant: Value): Evaluate<boolean> {
  const isSought = operator === '==';
  return (inputs) => {
    const value = inputs[index];
    return value === undefined ? undefined : (value === constant) === isSought;
  };
}

/** A function for each operator: the engine makes faster code of one that only ever sees integers. */
function compareWithInteger(
  operator: Comparison,
  index: number,
  constant: bigint,
): Evaluate<boolean> {
  const at = (inputs: Inputs) => inputs[index] as bigint | undefined;
  switch (operator) {
    case '==':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value === constant;
      };
    case '!=':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value !== constant;
      };
    case '<':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value < constant;
      };
    case '<=':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value <= constant;
      };
    case '>':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value > constant;
      };
    case '>=':
      return (inputs) => {
        const value = at(inputs);
        return value === undefined ? undefined : value >= constant;
      };
  }
}
