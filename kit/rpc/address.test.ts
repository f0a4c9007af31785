import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';

test.each([
  ['10.0.0.5:7312', { host: '10.0.0.5', port: 7312 }],
  ['[fd00::5]:7312', { host: 'fd00::5', port: 7312 }],
  ['inventory.internal:7312', { host: 'inventory.internal', port: 7312 }],
])('%s is an address', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
  expect(formatAddress(address)).toBe(text);
});

test.each([
  '',
  'inventory',
  ':7312',
  'inventory:',
  'inventory:0',
  'inventory:65536',
  'inventory:http',
  'fd00::5:7312',
  '[fd00::5]',
  '[inventory]:7312',
  '10.0.0:7312',
  '10.0.0.256:7312',
  'http://inventory:7312',
  'a b:7312',
])('"%s" is none', (text) => {
  expect(parseAddress(text)).toBeUndefined();
});
