import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../config.ts';
import { createAuthority } from '../testing/certificates.ts';
import { watchCertificates } from './certificates.ts';

const authority = createAuthority();

/** A folder with the files of these services, each in a folder of its own; `as` says what a certificate claims. */
function write(services: readonly string[], as = (service: string) => service) {
  const folder = mkdtempSync(join(tmpdir(), 'meshwork-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const service of services) {
    const { certificate, key, ca } = authority.issue(as(service));
    mkdirSync(join(folder, service));
    writeFileSync(join(folder, service, 'tls.crt'), certificate);
    writeFileSync(join(folder, service, 'tls.key'), key);
    writeFileSync(join(folder, 'ca.crt'), ca);
  }
  return {
    certificate: join(folder, '{service}', 'tls.crt'),
    key: join(folder, '{service}', 'tls.key'),
    ca: join(folder, 'ca.crt'),
  };
}

test('each service of a process has a certificate of its own', () => {
  const services = ['testing.echo', 'testing.caller'];
  const certificates = watchCertificates(write(services), services);
  onTestFinished(certificates.close);
  const [one, other] = services.map((service) => certificates.of(service).current());
  expect(one!.certificate).not.toBe(other!.certificate);
  expect(one!.ca).toBe(other!.ca);
  expect(() => certificates.of('testing.stranger')).toThrow('testing.stranger');
});

test('what cannot be used is said at the start', () => {
  const paths = write(['testing.echo']);
  expect(() => watchCertificates(paths, ['testing.echo', 'testing.caller'])).toThrow(ConfigError);
  const one = { ...paths, certificate: paths.certificate.replace('{service}', 'testing.echo') };
  one.key = one.key.replace('{service}', 'testing.echo');
  watchCertificates(one, ['testing.echo']).close();
  // One certificate does not do for two services: nobody could tell which of them calls.
  expect(() => watchCertificates(one, ['testing.echo', 'testing.caller'])).toThrow(
    'spiffe://meshwork/testing/caller',
  );
  const swapped = write(['testing.echo'], () => 'testing.caller');
  expect(() => watchCertificates(swapped, ['testing.echo'])).toThrow(ConfigError);
});
