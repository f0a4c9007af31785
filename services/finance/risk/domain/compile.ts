/** Conditions as functions: about a hundred times as fast as a walk over the tree of an expression. Pure. */
import { int64Max } from '../domain.ts';
import type { Arithmetic, Comparison, Term, TextTest } from './term.ts';
import type { Inputs, Value } from './variables.ts';

/** The value of a term; undefined when it has none: an integer ran over 64 bits, or something was divided by 0. */
export type Evaluate<V extends Value = Value> = (inputs: Inputs) => V | undefined;

/** Makes a function of a condition. It matches where the answer is `true`, and nowhere else. */
export function compileCondition(term: Term): Evaluate<boolean> {
  return compile(term) as Evaluate<boolean>;
}

function compile(term: Term): Evaluate {
  switch (term.kind) {
    case 'constant': {
      const { value } = term;
      return () => value;
    }
    case 'variable': {
      const { index } = term;
      return (inputs) => inputs[index];
    }
    case 'member':
      return compileMember(compile(term.operand), term.values);
    case 'operation':
      return compileOperation(term);
  }
}

function compileMember(operand: Evaluate, values: ReadonlySet<Value>): Evaluate<boolean> {
  return (inputs) => {
    const value = operand(inputs);
    return value === undefined ? undefined : values.has(value);
  };
}

function compileOperation(term: Extract<Term, { kind: 'operation' }>): Evaluate {
  const { operator } = term;
  const operands = term.operands.map(compile);
  const [one, other, third] = operands as [Evaluate, Evaluate, Evaluate];
  switch (operator) {
    case 'and':
      return compileAnd(one as Evaluate<boolean>, other as Evaluate<boolean>);
    case 'or':
      return compileOr(one as Evaluate<boolean>, other as Evaluate<boolean>);
    case 'not':
      return compileNot(one as Evaluate<boolean>);
    case 'if':
      return compileIf(one as Evaluate<boolean>, other, third);
    case 'negate':
      return compileArithmetic('-', () => 0n, one as Evaluate<bigint>);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return compileArithmetic(operator, one as Evaluate<bigint>, other as Evaluate<bigint>);
    case 'startsWith':
    case 'endsWith':
    case 'contains':
      return compileTextTest(operator, one as Evaluate<string>, other as Evaluate<string>);
    default:
      return compileComparison(operator, term.operands, one, other);
  }
}

/** What is false by one side alone is false, even when the other has no value; so says CEL. */
function compileAnd(one: Evaluate<boolean>, other: Evaluate<boolean>): Evaluate<boolean> {
  return (inputs) => {
    const left = one(inputs);
    if (left === false) return false;
    const right = other(inputs);
    if (right === false) return false;
    return left === undefined ? undefined : right;
  };
}

function compileOr(one: Evaluate<boolean>, other: Evaluate<boolean>): Evaluate<boolean> {
  return (inputs) => {
    const left = one(inputs);
    if (left === true) return true;
    const right = other(inputs);
    if (right === true) return true;
    return left === undefined ? undefined : right;
  };
}

function compileNot(operand: Evaluate<boolean>): Evaluate<boolean> {
  return (inputs) => {
    const value = operand(inputs);
    return value === undefined ? undefined : !value;
  };
}

function compileIf(condition: Evaluate<boolean>, then: Evaluate, otherwise: Evaluate): Evaluate {
  return (inputs) => {
    const holds = condition(inputs);
    if (holds === undefined) return undefined;
    return holds ? then(inputs) : otherwise(inputs);
  };
}

/** 0 has no quotient and no remainder. */
const reckon: Record<Arithmetic, (left: bigint, right: bigint) => bigint | undefined> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => (right === 0n ? undefined : left / right),
  '%': (left, right) => (right === 0n ? undefined : left % right),
};

const int64Min = -int64Max - 1n;

function compileArithmetic(
  operator: Arithmetic,
  one: Evaluate<bigint>,
  other: Evaluate<bigint>,
): Evaluate<bigint> {
  const apply = reckon[operator];
  return (inputs) => {
    const left = one(inputs);
    const right = other(inputs);
    if (left === undefined || right === undefined) return undefined;
    const result = apply(left, right);
    if (result === undefined || result > int64Max || result < int64Min) return undefined;
    return result;
  };
}

const textTests: Record<TextTest, (text: string, part: string) => boolean> = {
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
  contains: (text, part) => text.includes(part),
};

function compileTextTest(
  test: TextTest,
  one: Evaluate<string>,
  other: Evaluate<string>,
): Evaluate<boolean> {
  const apply = textTests[test];
  return (inputs) => {
    const text = one(inputs);
    const part = other(inputs);
    return text === undefined || part === undefined ? undefined : apply(text, part);
  };
}

/** Both sides are of one type, so the language's own comparison is the one of CEL. */
function compileComparison(
  operator: Comparison,
  [left, right]: readonly Term[],
  one: Evaluate,
  other: Evaluate,
): Evaluate<boolean> {
  // Most of all comparisons are of this kind: without a call for either side they take half the time.
  if (left!.kind === 'variable' && right!.kind === 'constant') {
    return compareWithConstant(operator, left!.index, right!.value);
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

function compareWithConstant(
  operator: Comparison,
  index: number,
  constant: Value,
): Evaluate<boolean> {
  const compare = comparisons[operator];
  return (inputs) => {
    const value = inputs[index];
    return value === undefined ? undefined : compare(value, constant);
  };
}
