import { ConfigError } from '../config.ts';
import { type TlsPaths, type TlsSource, watchTlsFiles } from './tls-files.ts';

/** The certificates of a process, by service. */
export interface Certificates {
  /** Throws for a service that this process does not host: it cannot speak as that. */
  of(service: string): TlsSource;
  close(): void;
}

/** What stands for the service's name in a path: "/etc/meshwork/{service}/tls.crt". */
const placeholder = '{service}';

/**
 * Follows the certificates of the services that a process hosts: one for each service, which names that service alone
 * (`spiffe://meshwork/commerce/order`), so that a peer knows which service calls and not only which process. The paths
 * may hold `{service}`, and must where there are several services.
 *
 * Throws ConfigError when a file is missing, when key and certificate do not fit, or when a certificate names another.
 */
export function watchCertificates(
  paths: Required<TlsPaths>,
  services: readonly string[],
): Certificates {
  const sources = new Map<string, ReturnType<typeof watchTlsFiles>>();
  const close = () => {
    for (const source of sources.values()) source.close();
  };
  try {
    for (const service of services) {
      const at = (path: string) => path.replaceAll(placeholder, service);
      const { certificate, key, ca } = paths;
      const own = { certificate: at(certificate), key: at(key), ca: at(ca) };
      sources.set(service, watchTlsFiles(own, { service }));
    }
  } catch (error) {
    close();
    throw new ConfigError(`the certificates cannot be used: ${(error as Error).message}`);
  }
  return {
    of(service) {
      const source = sources.get(service);
      if (source === undefined) throw new Error(`this process has no certificate of ${service}`);
      return source;
    },
    close,
  };
}
