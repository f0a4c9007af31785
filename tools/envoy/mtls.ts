/** What Envoy needs before a mesh with mTLS: a certificate of its own, and the name of whom it calls. */
import { spiffeId } from '#kit/identity/caller.ts';

/** Where Envoy finds its files. */
export interface MtlsFiles {
  /** The folder of `tls.crt`, `tls.key` and `ca.crt`. The certificate is of the mesh's authority and names no service. */
  certificates: string;
  /** The folder of the two files of `mtlsSecrets`. */
  secrets: string;
}

const names = { certificate: 'certificate', authority: 'authority' };
const tlsType = (name: string) =>
  `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${name}`;

/**
 * How Envoy calls a service: it shows its certificate, and wants one that names that service. Both come from files that
 * are read anew when they change.
 */
export function mtlsTransport(service: string, files: MtlsFiles): object {
  const secret = (name: string) => ({
    name,
    sds_config: {
      path_config_source: { path: `${files.secrets}/${name}.json` },
      resource_api_version: 'V3',
    },
  });
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': tlsType('UpstreamTlsContext'),
      common_tls_context: {
        // As a client Envoy would offer 1.2 at most.
        tls_params: {
          tls_minimum_protocol_version: 'TLSv1_3',
          tls_maximum_protocol_version: 'TLSv1_3',
        },
        alpn_protocols: ['h2'],
        tls_certificate_sds_secret_configs: [secret(names.certificate)],
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [
              { san_type: 'URI', matcher: { exact: spiffeId(service) } },
            ],
          },
          validation_context_sds_secret_config: secret(names.authority),
        },
      },
    },
  };
}

/** The files by which Envoy follows its certificates, by name: only what it is told in this way it reads anew. */
export function mtlsSecrets({ certificates }: MtlsFiles): Record<string, object> {
  const file = (name: string) => ({ filename: `${certificates}/${name}` });
  const watched_directory = { path: certificates };
  const secretFile = (name: string, secret: object) => ({
    resources: [{ '@type': tlsType('Secret'), name, ...secret }],
  });
  return {
    [`${names.certificate}.json`]: secretFile(names.certificate, {
      tls_certificate: {
        certificate_chain: file('tls.crt'),
        private_key: file('tls.key'),
        watched_directory,
      },
    }),
    [`${names.authority}.json`]: secretFile(names.authority, {
      validation_context: { trusted_ca: file('ca.crt'), watched_directory },
    }),
  };
}
