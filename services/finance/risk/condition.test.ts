import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '#kit/testing/property.ts';
import { readCondition } from './condition.ts';
import { compileCondition } from './domain/compile.ts';
import { inputsOf, noVelocity, type Type, type Value, variables } from './domain/variables.ts';
import { int64Max, RuleInvalid } from './domain.ts';
import { facts } from './testing.ts';
import { bindingsOf, createOracle } from './testing-oracle.ts';

const edges = [
  0n,
  1n,
  -1n,
  2n,
  100n,
  2n ** 53n,
  2n ** 53n + 1n,
  10n ** 18n,
  int64Max,
  -int64Max - 1n,
];
const integer = fc.oneof(fc.constantFrom(...edges), fc.bigInt(-5n, 5n));
const text = fc.constantFrom('', 'EUR', 'EU', 'R', 'TRANSFER', '\u{1f600}', 'a"b\\');

/** Values of all variables, whether or not a transaction could have them. */
const inputs = fc.tuple(
  ...variables.map(({ type }): fc.Arbitrary<Value> => {
    if (type === 'integer') return integer;
    return type === 'text' ? text : fc.boolean();
  }),
);

const variable = (wanted: Type) =>
  fc.constantFrom(...variables.filter(({ type }) => type === wanted).map(({ name }) => name));

const binary = (one: fc.Arbitrary<string>, operators: string[], other: fc.Arbitrary<string>) =>
  fc.tuple(one, fc.constantFrom(...operators), other).map((parts) => `(${parts.join(' ')})`);

const ternary = (truth: fc.Arbitrary<string>, branch: fc.Arbitrary<string>) =>
  fc.tuple(truth, branch, branch).map(([c, a, b]) => `(${c} ? ${a} : ${b})`);

const member = (one: fc.Arbitrary<string>, constant: fc.Arbitrary<string>) =>
  fc
    .tuple(one, fc.array(constant, { minLength: 1, maxLength: 4 }))
    .map(([item, list]) => `(${item} in [${list.join(', ')}])`);

/** Conditions of all kinds, of a few levels. */
const { truth } = fc.letrec<{ truth: string; integer: string; text: string }>((tie) => {
  const number = integer.map(String);
  const quoted = text.map((value) => JSON.stringify(value));
  return {
    integer: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      number,
      variable('integer'),
      binary(tie('integer'), ['+', '-', '*', '/', '%'], tie('integer')),
      // In parentheses: of two signs in a row the parser makes a number, which may be too large.
      tie('integer').map((one) => `(-(${one}))`),
      ternary(tie('truth'), tie('integer')),
    ),
    text: fc.oneof({ maxDepth: 2 }, quoted, variable('text'), ternary(tie('truth'), tie('text'))),
    truth: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom('true', 'false'),
      variable('truth'),
      binary(tie('integer'), ['==', '!=', '<', '<=', '>', '>='], tie('integer')),
      binary(tie('text'), ['==', '!='], tie('text')),
      binary(tie('truth'), ['&&', '||', '==', '!='], tie('truth')),
      member(tie('integer'), number),
      member(tie('text'), quoted),
      fc
        .tuple(tie('text'), fc.constantFrom('startsWith', 'endsWith', 'contains'), tie('text'))
        .map(([one, method, other]) => `${one}.${method}(${other})`),
      tie('truth').map((one) => `!${one}`),
      ternary(tie('truth'), tie('truth')),
    ),
  };
});

test('a compiled condition says what the library says, errors and large numbers included', () => {
  const seen = { true: 0, false: 0, undefined: 0 };
  fc.assert(
    fc.property(truth, fc.array(inputs, { minLength: 1, maxLength: 5 }), (condition, all) => {
      const evaluate = compileCondition(readCondition(condition, 'condition'));
      const oracle = createOracle(condition);
      for (const each of all) {
        const value = evaluate(each);
        expect(value).toBe(oracle(bindingsOf(each)));
        seen[`${value}`] += 1;
      }
    }),
    runs(3_000),
  );
  // All three must have come up, or nothing was compared.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});

test.each([
  'false && 1 / 0 > 0',
  '1 / 0 > 0 && false',
  '1 / 0 > 0 && true',
  'true && 1 / 0 > 0 && false',
  'true || 1 / 0 > 0',
  '1 / 0 > 0 || true',
  '1 / 0 > 0 || false',
  '1 / 0 > 0 || 1 % 0 > 0 || true',
  '!(1 / 0 > 0)',
  '(1 / 0 > 0) ? true : true',
  'true ? false : 1 / 0 > 0',
  '9223372036854775807 + 1 > 0',
  '-9223372036854775808 / -1 > 0',
  '-9223372036854775808 - 1 < 0',
  '4611686018427387904 * 2 > 0',
  '-(transaction.leg_count - 9223372036854775807 - 2) > 0',
])('what has no value decides as the library says: %s', (condition) => {
  const values = inputsOf(facts(), noVelocity);
  const value = compileCondition(readCondition(condition, 'condition'))(values);
  expect(value).toBe(createOracle(condition)(bindingsOf(values)));
});

describe('a condition that is refused', () => {
  const refused: [what: string, condition: string, place: string, problem: RegExp][] = [
    [
      'an unknown variable',
      'true && transaction.amont > 1',
      '1:20',
      /names nothing: transaction.amont/,
    ],
    ['a part of a name', 'transaction == "a"', '1:1', /names nothing/],
    ['text against an integer', 'transaction.type > 3', '1:18', /not for text and an integer/],
    ['a fraction', 'transaction.amount_minor > 1.5', '1:28', /no integer/],
    [
      'a number past 64 bits',
      'transaction.amount_minor <\n  9223372036854775808',
      '2:3',
      /64 bits/,
    ],
    ['what is no truth', 'transaction.amount_minor + 1', '1:26', /true or false/],
    ['a function', 'size(transaction.type) > 1', '1:1', /calls what conditions cannot/],
    ['a regular expression', 'transaction.type.matches("T.*")', '1:17', /cannot: matches/],
    ['a test as a function', 'startsWith(transaction.type, "T")', '1:1', /cannot: startsWith/],
    ['a macro', '[1, 2].exists(x, x > 1)', '1:7', /is of a kind/],
    ['a list of variables', 'transaction.type in [transaction.currency]', '1:33', /no constant/],
    ['a list of another type', 'transaction.type in [1]', '1:22', /no constant that is text/],
    ['what does not end', 'transaction.type ==', '1:18', /found = but expecting/],
    ['a name of every object', 'constructor(true)', '1:1', /cannot: constructor/],
  ];

  test.each(refused)('names the place and the problem: %s', (_, condition, place, problem) => {
    const [line, column] = place.split(':');
    expect(faultOf(condition)).toMatchObject({
      reason: 'RULE_INVALID',
      metadata: { line, column },
      violations: [{ field: 'rules[2].condition', description: expect.stringMatching(problem) }],
    });
  });

  test.each([
    ['too many terms', Array(150).fill('true').join(' && ')],
    ['too many items of lists', `1 in [${Array(250).fill('1').join(', ')}]`],
    ['a nest that is too deep for the parser', `${'('.repeat(900)}true${')'.repeat(900)}`],
  ])('costs too much: %s', (_, condition) => {
    expect(faultOf(condition)).toBeInstanceOf(RuleInvalid);
  });
});

function faultOf(condition: string): unknown {
  try {
    return readCondition(condition, 'rules[2].condition');
  } catch (error) {
    return error;
  }
}

test('every variable has a value of its type', () => {
  const values = inputsOf(facts(), noVelocity);
  const types = { bigint: 'integer', string: 'text', boolean: 'truth' } as Record<string, Type>;
  expect(values.map((value) => types[typeof value])).toEqual(variables.map(({ type }) => type));
});
