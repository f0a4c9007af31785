/** Conditions as functions: about a hundred times as fast as a walk over the tree of an expression. Pure. */
import { int64Max } from '../domain.ts';
import { compileComparison } from './comparison.ts';
import type { Arithmetic, Evaluate, Term, TextTest } from './term.ts';
import type { Value } from './variables.ts';

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
  if (operator === 'and' || operator === 'or') {
    const parts = partsOf(operator, term).map((part) => compile(part) as Evaluate<boolean>);
    return operator === 'and' ? compileAnd(parts) : compileOr(parts);
  }
  const operands = term.operands.map(compile);
  const [one, other, third] = operands as [Evaluate, Evaluate, Evaluate];
  switch (operator) {
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

/** The parts of `a && b && c`, which is a tree of pairs, as one list. */
function partsOf(operator: 'and' | 'or', term: Term): readonly Term[] {
  if (term.kind !== 'operation' || term.operator !== operator) return [term];
  return term.operands.flatMap((operand) => partsOf(operator, operand));
}

/** What is false by one part alone is false, even when another has no value; so says CEL. */
function compileAnd(parts: readonly Evaluate<boolean>[]): Evaluate<boolean> {
  return (inputs) => {
    let result: boolean | undefined = true;
    for (let i = 0; i < parts.length; i += 1) {
      const value = parts[i]!(inputs);
      if (value === false) return false;
      if (value === undefined) result = undefined;
    }
    return result;
  };
}

function compileOr(parts: readonly Evaluate<boolean>[]): Evaluate<boolean> {
  return (inputs) => {
    let result: boolean | undefined = false;
    for (let i = 0; i < parts.length; i += 1) {
      const value = parts[i]!(inputs);
      if (value === true) return true;
      if (value === undefined) result = undefined;
    }
    return result;
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
