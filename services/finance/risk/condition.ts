/** Reads a condition: CEL by the library's parser, and of all that it may say only what conditions may. */
import type {
  Constant,
  Expr,
  Expr_Call,
  Expr_Select,
} from '@bufbuild/cel-spec/cel/expr/syntax_pb.js';
import { invalid, parseCondition, type Source } from './condition-source.ts';
import { type Operator, signatures, type Term } from './domain/term.ts';
import { type Type, type Value, variableIndexes, variables } from './domain/variables.ts';
import { int64Max, limits } from './domain.ts';

/** The operators of CEL, by the names that its parser gives them. */
const operators: Readonly<Record<string, Operator>> = {
  '_==_': '==',
  '_!=_': '!=',
  '_<_': '<',
  '_<=_': '<=',
  '_>_': '>',
  '_>=_': '>=',
  '_+_': '+',
  '_-_': '-',
  '_*_': '*',
  '_/_': '/',
  '_%_': '%',
  '-_': 'negate',
  '!_': 'not',
  '_&&_': 'and',
  '_||_': 'or',
  '_?_:_': 'if',
};

/** What can be asked of a text, as in `source.account_id.startsWith("0")`. */
const methods: Readonly<Record<string, Operator>> = {
  startsWith: 'startsWith',
  endsWith: 'endsWith',
  contains: 'contains',
};

/**
 * The condition as a term whose names, types and size are known to be right. Throws RuleInvalid with the place of what is
 * wrong; `field` is the path of the condition in the request.
 */
export function readCondition(text: string, field: string): Term {
  const [source, root] = parseCondition(text, field);
  const term = readTerm(source, root);
  if (term.type === 'truth') return term;
  throw invalid(source, root, `is ${nameOf(term.type)}, and must be true or false`);
}

function readTerm(source: Source, expr: Expr): Term {
  source.terms += 1;
  if (source.terms > limits.termsMax) {
    throw invalid(source, expr, `is too long: it has more than ${limits.termsMax} terms`);
  }
  const { exprKind } = expr;
  switch (exprKind.case) {
    case 'constExpr': {
      const value = readConstant(source, expr, exprKind.value);
      return { kind: 'constant', type: typeOf(value), value };
    }
    case 'identExpr':
    case 'selectExpr':
      return readVariable(source, expr);
    case 'callExpr':
      return exprKind.value.function === '@in'
        ? readMember(source, expr, exprKind.value)
        : readOperation(source, expr, exprKind.value);
    default:
      throw invalid(source, expr, 'is of a kind that conditions do not have');
  }
}

function readConstant(source: Source, expr: Expr, { constantKind }: Constant): Value {
  switch (constantKind.case) {
    case 'boolValue':
    case 'stringValue':
      return constantKind.value;
    case 'int64Value':
      // The parser takes numbers of any length.
      if (constantKind.value <= int64Max && constantKind.value >= -int64Max - 1n) {
        return constantKind.value;
      }
      throw invalid(source, expr, 'does not fit into 64 bits');
    default:
      throw invalid(source, expr, 'is a constant that is no integer, no text and no truth');
  }
}

function readVariable(source: Source, expr: Expr): Term {
  const name = pathOf(expr);
  const index = name === undefined ? undefined : variableIndexes.get(name);
  if (index === undefined) throw invalid(source, expr, `names nothing: ${name ?? 'no variable'}`);
  return { kind: 'variable', type: variables[index]!.type, index };
}

/** "transaction.type" of a selection; undefined where it selects from what is no name. */
function pathOf({ exprKind }: Expr): string | undefined {
  if (exprKind.case === 'identExpr') return exprKind.value.name;
  if (exprKind.case !== 'selectExpr' || exprKind.value.testOnly) return undefined;
  const { operand, field }: Expr_Select = exprKind.value;
  const path = operand && pathOf(operand);
  return path && `${path}.${field}`;
}

function readMember(source: Source, expr: Expr, { args: [item, list] }: Expr_Call): Term {
  const operand = readTerm(source, item!);
  if (list!.exprKind.case !== 'listExpr') throw invalid(source, list!, 'is no list of constants');
  const values = list!.exprKind.value.elements.map((element) => {
    const term = readTerm(source, element);
    if (term.kind === 'constant' && term.type === operand.type) return term.value;
    throw invalid(source, element, `is no constant that is ${nameOf(operand.type)}`);
  });
  if (values.length === 0) throw invalid(source, expr, 'looks for something in an empty list');
  return { kind: 'member', type: 'truth', operand, values: new Set(values) };
}

function readOperation(source: Source, expr: Expr, call: Expr_Call): Term {
  const { target, args: others } = call;
  const known = target === undefined ? operators : methods;
  if (!Object.hasOwn(known, call.function)) {
    throw invalid(source, expr, `calls what conditions cannot: ${call.function}`);
  }
  const operator = known[call.function]!;
  const args = target === undefined ? others : [target, ...others];
  const operands = args.map((arg) => readTerm(source, arg));
  const types = operands.map(({ type }) => type);
  const signature = signatures[operator].find(
    (candidate) => candidate.operands.join() === types.join(),
  );
  if (signature === undefined) {
    throw invalid(source, expr, `is not for ${types.map(nameOf).join(' and ')}`);
  }
  return { kind: 'operation', type: signature.type, operator, operands };
}

function typeOf(value: Value): Type {
  if (typeof value === 'bigint') return 'integer';
  return typeof value === 'string' ? 'text' : 'truth';
}

const nameOf = (type: Type) => ({ integer: 'an integer', text: 'text', truth: 'a truth' })[type];
