/** A condition whose names and types are known to be right. Pure. */
import type { Inputs, Type, Value } from './variables.ts';

export type Arithmetic = '+' | '-' | '*' | '/' | '%';

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

export type TextTest = 'startsWith' | 'endsWith' | 'contains';

export type Operator = Arithmetic | Comparison | TextTest | 'negate' | 'not' | 'and' | 'or' | 'if';

/** What the operands of an operator are, and what it makes of them. */
export interface Signature {
  readonly operands: readonly Type[];
  readonly type: Type;
}

export type Term =
  | { kind: 'constant'; type: Type; value: Value }
  | { kind: 'variable'; type: Type; index: number }
  | { kind: 'member'; type: 'truth'; operand: Term; values: ReadonlySet<Value> }
  | { kind: 'operation'; type: Type; operator: Operator; operands: readonly Term[] };

/** A term that was compiled: its value, undefined when it has none: an integer ran over 64 bits, or something was divided by 0. */
export type Evaluate<V extends Value = Value> = (inputs: Inputs) => V | undefined;

const integers = ['integer', 'integer'] as const;
const texts = ['text', 'text'] as const;
const truths = ['truth', 'truth'] as const;

const equality: readonly Signature[] = [integers, texts, truths].map((operands) => ({
  operands,
  type: 'truth',
}));
const order: readonly Signature[] = [{ operands: integers, type: 'truth' }];
const reckoning: readonly Signature[] = [{ operands: integers, type: 'integer' }];
const ofTexts: readonly Signature[] = [{ operands: texts, type: 'truth' }];
const ofTruths: readonly Signature[] = [{ operands: truths, type: 'truth' }];

/** What each operator takes. */
export const signatures: Readonly<Record<Operator, readonly Signature[]>> = {
  '==': equality,
  '!=': equality,
  '<': order,
  '<=': order,
  '>': order,
  '>=': order,
  '+': reckoning,
  '-': reckoning,
  '*': reckoning,
  '/': reckoning,
  '%': reckoning,
  startsWith: ofTexts,
  endsWith: ofTexts,
  contains: ofTexts,
  negate: [{ operands: ['integer'], type: 'integer' }],
  not: [{ operands: ['truth'], type: 'truth' }],
  and: ofTruths,
  or: ofTruths,
  if: (['integer', 'text', 'truth'] as const).map((type) => ({
    operands: ['truth', type, type],
    type,
  })),
};
