/** A certificate authority for tests and for one machine, in plain Node: X.509 v3 with ECDSA P-256. Source: RFC 5280. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { spiffeId } from '../identity/caller.ts';
import type { TlsFiles, TlsSource } from '../identity/tls-files.ts';

/** An authority that tests trust, or do not. */
export interface Authority {
  /** PEM. */
  readonly ca: string;
  /** The files of a service, good from an hour ago for a day unless told otherwise. */
  issue(service: string, options?: IssueOptions): TlsFiles;
}

/** What a certificate names, and until when it is good. */
export interface IssueOptions {
  /** The SPIFFE id of the service, unless told otherwise. */
  uris?: readonly string[];
  /** Host names and IPv4 addresses, for peers that know servers by these. */
  hosts?: readonly string[];
  /** Milliseconds since the epoch; before 2050. */
  expiresAt?: number;
}

const hourMs = 3_600_000;

/** Makes an authority with a key of its own, which never leaves this process. It is good for a day unless told otherwise. */
export function createAuthority({
  name = 'test authority',
  expiresAt: ownEnd = Date.now() + 24 * hourMs,
} = {}): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = certify({
    subject: name,
    issuer: name,
    publicKey: own.publicKey,
    signingKey: own.privateKey,
    extensions: [extension(oids.basicConstraints, sequence(bool(true)), true)],
    expiresAt: ownEnd,
  });
  return {
    ca,
    issue(service, options = {}) {
      const { uris = [spiffeId(service)], hosts = [] } = options;
      const { expiresAt = Date.now() + 24 * hourMs } = options;
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const uriNames = uris.map((uri) => tlv(0x86, Buffer.from(uri, 'latin1')));
      const names = sequence(...uriNames, ...hosts.map(hostName));
      const certificate = certify({
        subject: service,
        issuer: name,
        publicKey,
        signingKey: own.privateKey,
        extensions: [extension(oids.subjectAltName, names, false)],
        expiresAt,
      });
      return {
        certificate,
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
        ca,
      };
    },
  };
}

/** Certificates that a test rotates by hand. */
export function createTlsSource(initial: TlsFiles): TlsSource & { rotate(files: TlsFiles): void } {
  let files = initial;
  const listeners = new Set<(files: TlsFiles) => void>();
  return {
    current: () => files,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    rotate(next) {
      files = next;
      for (const listener of listeners) listener(next);
    },
  };
}

const oids = {
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
};

function certify(options: {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signingKey: KeyObject;
  extensions: Buffer[];
  expiresAt: number;
}): string {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const body = sequence(
    tlv(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    commonName(options.issuer),
    sequence(time(Math.min(Date.now(), options.expiresAt) - hourMs), time(options.expiresAt)),
    commonName(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...options.extensions)),
  );
  const signature = sign('sha256', body, options.signingKey);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.of(0), signature));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function commonName(name: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(oids.commonName), tlv(0x0c, Buffer.from(name)))));
}

function hostName(host: string): Buffer {
  return isIPv4(host)
    ? tlv(0x87, Buffer.from(host.split('.').map(Number)))
    : tlv(0x82, Buffer.from(host));
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  return sequence(oid(id), ...(isCritical ? [bool(true)] : []), tlv(0x04, value));
}

function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

function sequence(...contents: Buffer[]): Buffer {
  return tlv(0x30, ...contents);
}

function integer(bytes: Buffer): Buffer {
  return tlv(0x02, bytes);
}

function bool(value: boolean): Buffer {
  return tlv(0x01, Buffer.of(value ? 0xff : 0));
}

/** UTCTime, which is good until 2049. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${text}Z`));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}
