/**
 * Numbers of accounts: "XM", two check digits, the bank's four digits and twelve of the account's own. The form is that of
 * an IBAN (ISO 13616), under a country code that ISO 3166 leaves to its users. Pure.
 */
import { AccountNumberInvalid } from './refusals.ts';

const country = 'XM';
const bank = '4207';
export const ownDigits = 12;
const form = new RegExp(`^${country}\\d{2}${bank}\\d{${ownDigits}}$`);
const shownDigits = 4;

/** Makes the number of an account from its own twelve digits. */
export function numberOf(own: string): string {
  const body = `${bank}${own}`;
  const check = 98 - remainder(`${body}${country}00`);
  return `${country}${String(check).padStart(2, '0')}${body}`;
}

/** Reads a number as people write it. Throws AccountNumberInvalid. */
export function readNumber(text: string): string {
  const number = text.replaceAll(' ', '').toUpperCase();
  const isGood = form.test(number) && remainder(number.slice(4) + number.slice(0, 4)) === 1;
  if (!isGood) throw new AccountNumberInvalid();
  return number;
}

/** "XM•• •••• •••• •••• 1234" */
export function maskNumber(number: string): string {
  const hidden = country + '•'.repeat(number.length - country.length - shownDigits);
  return (hidden + number.slice(-shownDigits)).match(/.{4}/g)!.join(' ');
}

/** Of the text as one number, each letter two digits from A = 10 on, divided by 97. Source: ISO 7064, MOD 97-10. */
function remainder(text: string): number {
  const digits = text.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  return Number(BigInt(digits) % 97n);
}
