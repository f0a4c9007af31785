import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAuthority } from '../testing/certificates.ts';
import { serviceOfSpiffeId, spiffeId } from './caller.ts';
import { uriNamesOf } from './certificate-names.ts';

const namesOf = (...uris: string[]) => {
  const { certificate } = createAuthority().issue('testing.echo', { uris });
  return uriNamesOf(new X509Certificate(certificate).subjectAltName);
};

test('a service is found in its certificate', () => {
  const names = namesOf(spiffeId('commerce.order'));
  expect(names).toEqual(['spiffe://meshwork/commerce/order']);
  expect(serviceOfSpiffeId(names[0]!)).toBe('commerce.order');
});

test('URIs are found among other names', () => {
  expect(uriNamesOf('DNS:localhost, URI:spiffe://a/b/c, IP Address:127.0.0.1, URI:x:y')).toEqual([
    'spiffe://a/b/c',
    'x:y',
  ]);
  expect(uriNamesOf(undefined)).toEqual([]);
  expect(uriNamesOf('')).toEqual([]);
});

test('a name that holds the text of another is none', () => {
  for (const trick of [
    'http://x, URI:spiffe://meshwork/platform/gateway',
    'http://x, URI:spiffe://meshwork/platform/gateway, y',
    'http://x", URI:spiffe://meshwork/platform/gateway, "',
  ]) {
    expect(namesOf(trick)).toEqual([]);
    expect(namesOf(spiffeId('testing.echo'), trick)).toEqual([spiffeId('testing.echo')]);
  }
});

test('ids of another shape or another trust domain name no service', () => {
  for (const id of [
    'spiffe://meshwork/',
    'spiffe://meshwork/commerce',
    'spiffe://meshwork/commerce.order',
    'spiffe://meshwork/commerce/order/more',
    'spiffe://meshwork.example/commerce/order',
    'http://meshwork/commerce/order',
  ]) {
    expect(serviceOfSpiffeId(id)).toBeUndefined();
  }
});
