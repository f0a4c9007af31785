import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import { limits } from '../limits.ts';
import { serviceOfSpiffeId, spiffeId } from './caller.ts';
import { uriNamesOf } from './certificate-names.ts';

/** PEM text: a certificate with those that lead to its authority, its private key, and the authorities to trust. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** Certificates as they are now, and from now on. */
export interface TlsSource {
  current(): TlsFiles;
  /** Calls `listener` after each rotation. The answer unsubscribes. */
  onChange(listener: (files: TlsFiles) => void): () => void;
}

/** Where the files are. Without `ca` nobody is trusted: for a server that asks nobody for a certificate. */
export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string;
}

/** Whose certificate it must be, and the clock by which files are looked at where nothing tells of changes. */
export interface TlsWatchOptions {
  clock?: Clock;
  /** The service whose certificate it must be; anybody's when absent. */
  service?: string;
}

/**
 * Reads certificate, key and authorities from files, and again whenever one of them changes, whether it is written anew,
 * renamed into place or swapped by a symbolic link. Files are rotated one after the other, so a set counts only once it
 * fits together; until then the last good one stays. Watching does not keep the process alive.
 *
 * Throws when the files cannot be read at the start, and TlsFilesMismatch when they do not fit together.
 */
export function watchTlsFiles(
  paths: TlsPaths,
  { clock = systemClock, service }: TlsWatchOptions = {},
): TlsSource & { close(): void } {
  let files = read(paths, service);
  const listeners = new Set<(files: TlsFiles) => void>();

  function look() {
    const next = tryRead(paths, service);
    if (next === undefined || isSame(next, files)) return;
    files = next;
    for (const listener of listeners) listener(files);
  }

  const folders = new Set(Object.values(paths).map((path) => dirname(path)));
  const watchers = [...folders].map((folder) => watch(folder, { persistent: false }, look));
  // Not every file system tells of changes.
  let cancelLook = () => {};
  function lookNowAndThen() {
    cancelLook = clock.after(limits.tlsFilesLookMs, () => {
      look();
      lookNowAndThen();
    });
  }
  lookNowAndThen();

  return {
    current: () => files,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      for (const watcher of watchers) watcher.close();
      cancelLook();
      listeners.clear();
    },
  };
}

/** The certificate does not belong to the key, or is another service's. */
export class TlsFilesMismatch extends Error {}

function read(paths: TlsPaths, service: string | undefined): TlsFiles {
  const files = {
    certificate: readFileSync(paths.certificate, 'utf8'),
    key: readFileSync(paths.key, 'utf8'),
    ca: paths.ca === undefined ? '' : readFileSync(paths.ca, 'utf8'),
  };
  const certificate = new X509Certificate(files.certificate);
  if (!certificate.checkPrivateKey(createPrivateKey(files.key))) {
    throw new TlsFilesMismatch(`${paths.certificate} does not belong to ${paths.key}`);
  }
  if (paths.ca !== undefined) new X509Certificate(files.ca);
  if (service !== undefined) checkService(certificate, service, paths.certificate);
  return files;
}

/** With another's certificate every peer would refuse us: better to find out here, and to keep the one we have. */
function checkService(certificate: X509Certificate, service: string, path: string): void {
  const names = uriNamesOf(certificate.subjectAltName);
  const services = names.map(serviceOfSpiffeId).filter((name) => name !== undefined);
  if (services.length === 1 && services[0] === service) return;
  const found = names.join(', ') || 'nobody';
  throw new TlsFilesMismatch(`${path} must name ${spiffeId(service)} alone, and names ${found}`);
}

/** Undefined for files that are half written, or of which only some are new. */
function tryRead(paths: TlsPaths, service: string | undefined): TlsFiles | undefined {
  try {
    return read(paths, service);
  } catch {
    return undefined;
  }
}

function isSame(one: TlsFiles, other: TlsFiles): boolean {
  return one.certificate === other.certificate && one.key === other.key && one.ca === other.ca;
}
