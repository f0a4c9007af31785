/** The certificates of a mesh on one machine: an authority of its own, and files that are renewed while it runs. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TlsPaths, type TlsSource, watchTlsFiles } from '#kit/identity/tls-files.ts';
import { createAuthority, type IssueOptions } from '#kit/testing/certificates.ts';

export interface LocalCertificates {
  /** The settings by which a process of the mesh finds its own. */
  readonly environment: Record<string, string>;
  /** The authority's certificate, PEM. */
  readonly ca: string;
  /** Where the files of a service are, or of the `operator`. */
  pathsOf(holder: string): Required<TlsPaths>;
  /** The files of a service, as they are now and from now on: the operator's for whoever is no service. */
  sourceOf(service: string | undefined): TlsSource;
  /** Writes new certificates for everybody, as it does by itself every few hours. */
  renew(): void;
  stop(): void;
}

const hourMs = 3_600_000;
/** Certificates live for a day and are renewed three times in it; no mesh on one machine outlives its authority. */
const times = { certificateMs: 24 * hourMs, renewMs: 8 * hourMs, authorityMs: 365 * 24 * hourMs };

/** Who is let in and is no service: people and tools on this machine. */
export const operator = 'operator';
const operatorId = 'spiffe://meshwork/operator';

/**
 * Makes an authority, whose key never leaves this process, and a certificate for each service and for the operator:
 * `<folder>/<holder>/tls.crt`, `tls.key` and `ca.crt`, readable by their owner only. Peers that go by host names, such as
 * grpcurl, find `localhost` and 127.0.0.1 in them.
 */
export function startAuthority(folder: string, services: readonly string[]): LocalCertificates {
  const expiresAt = Date.now() + times.authorityMs;
  const authority = createAuthority({ name: 'Meshwork on this machine', expiresAt });
  const sources = new Map<string, ReturnType<typeof watchTlsFiles>>();
  const holders = [...services, operator];

  const pathsOf = (holder: string) => ({
    certificate: join(folder, holder, 'tls.crt'),
    key: join(folder, holder, 'tls.key'),
    ca: join(folder, holder, 'ca.crt'),
  });

  function issue(holder: string): void {
    const options: IssueOptions = {
      hosts: ['localhost', '127.0.0.1'],
      expiresAt: Date.now() + times.certificateMs,
      ...(holder === operator ? { uris: [operatorId] } : {}),
    };
    const files = authority.issue(holder, options);
    const paths = pathsOf(holder);
    mkdirSync(join(folder, holder), { recursive: true, mode: 0o700 });
    for (const part of ['ca', 'certificate', 'key'] as const) replace(paths[part], files[part]);
  }

  function renew(): void {
    for (const holder of holders) issue(holder);
  }

  renew();
  const timer = setInterval(renew, times.renewMs).unref();
  const any = pathsOf('{service}');
  return {
    environment: {
      MESHWORK_TLS_CERTIFICATE: any.certificate,
      MESHWORK_TLS_KEY: any.key,
      MESHWORK_TLS_CA: any.ca,
    },
    ca: authority.ca,
    pathsOf,
    sourceOf(service = operator) {
      const known = sources.get(service) ?? watchTlsFiles(pathsOf(service));
      sources.set(service, known);
      return known;
    },
    renew,
    stop() {
      clearInterval(timer);
      for (const source of sources.values()) source.close();
    },
  };
}

/** Readers see the old file or the new one, never a part. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
