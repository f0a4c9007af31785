/** mTLS with certificates that change: grpc-js's experimental certificate providers, fed from a TlsSource. */
import { createSecureContext } from 'node:tls';
import {
  type ChannelCredentials,
  credentials,
  experimental,
  ServerCredentials,
} from '@grpc/grpc-js';
import { uriNamesOf } from '../../identity/certificate-names.ts';
import type { TlsFiles, TlsSource } from '../../identity/tls-files.ts';
import type { EngineOptions } from '../engine.ts';

/** Demands a certificate of every client; a rotation holds for new connections, and those that are open stay. */
export function serverCredentials({ tls }: EngineOptions): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  // One provider gives both, so that it cannot matter in which order grpc-js takes them.
  const provider = createProvider(tls);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/** Presents the present certificate, and talks only to a server whose certificate carries `serverId`. */
export function channelCredentials({ tls, serverId }: EngineOptions): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, key, certificate: cert } = tls.current();
  return credentials.createFromSecureContext(createSecureContext({ ca, key, cert }), {
    // Addresses say nothing here: a service is who its SPIFFE id says, wherever it runs.
    checkServerIdentity(_, certificate) {
      const names = uriNamesOf(certificate.subjectaltname);
      if (serverId === undefined || names.includes(serverId)) return undefined;
      return new Error(`the server is ${names.join(', ') || 'nobody'}, not ${serverId}`);
    },
  });
}

type Provider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];

function createProvider(tls: TlsSource): Provider {
  const ca = follow(tls, (files) => ({ caCertificate: Buffer.from(files.ca) }));
  const identity = follow(tls, (files) => ({
    certificate: Buffer.from(files.certificate),
    privateKey: Buffer.from(files.key),
  }));
  return {
    addCaCertificateListener: ca.add,
    removeCaCertificateListener: ca.remove,
    addIdentityCertificateListener: identity.add,
    removeIdentityCertificateListener: identity.remove,
  };
}

/** Tells listeners of the present files, then of each rotation. */
function follow<Update>(tls: TlsSource, toUpdate: (files: TlsFiles) => Update) {
  const stops = new Map<(update: Update) => void, () => void>();
  return {
    add(listener: (update: Update) => void) {
      stops.set(
        listener,
        tls.onChange((files) => listener(toUpdate(files))),
      );
      // grpc-js asks before it is ready to be told.
      process.nextTick(() => listener(toUpdate(tls.current())));
    },
    remove(listener: (update: Update) => void) {
      stops.get(listener)?.();
      stops.delete(listener);
    },
  };
}
