import { describe, expect, test } from 'vitest';
import { maskNumber, numberOf, readNumber } from './number.ts';
import { AccountNumberInvalid } from './refusals.ts';

const number = numberOf('000000001234');

describe('the number of an account', () => {
  test('has check digits as an IBAN has: the whole, turned round, leaves 1 when divided by 97', () => {
    // X is 33 and M is 22, as ISO 13616 counts letters.
    const turned = `${number.slice(4)}3322${number.slice(2, 4)}`;
    expect(BigInt(turned) % 97n).toBe(1n);
    expect(number).toMatch(/^XM\d{2}4207000000001234$/);
  });

  test('is read as people write it', () => {
    const spaced = number.match(/.{4}/g)!.join(' ').toLowerCase();
    expect(readNumber(spaced)).toBe(number);
  });

  test('is refused with any one digit wrong, and with any two neighbours changed about', () => {
    const wrong: string[] = [];
    for (let i = 2; i < number.length; i += 1) {
      const [before, digit, next = ''] = [number.slice(0, i), number[i]!, number[i + 1]];
      for (const other of '0123456789') {
        if (other !== digit) wrong.push(before + other + number.slice(i + 1));
      }
      if (next !== '' && digit !== next) wrong.push(before + next + digit + number.slice(i + 2));
    }
    expect(wrong.length).toBeGreaterThan(160);
    for (const text of wrong) expect(() => readNumber(text), text).toThrow(AccountNumberInvalid);
  });

  test.each(['', 'XM', 'DE89370400440532013000', `${number}0`, number.slice(0, -1), 'XM00'])(
    'is not %o',
    (text) => {
      expect(() => readNumber(text)).toThrow(AccountNumberInvalid);
    },
  );

  test('shows its last four digits when it is masked, and nothing else', () => {
    expect(maskNumber(number)).toBe('XM•• •••• •••• •••• 1234');
  });
});
