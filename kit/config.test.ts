import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const servers = {
  DATABASE_URL: 'postgres://localhost/meshwork',
  NATS_URL: 'nats://localhost',
  REDIS_URL: 'redis://localhost',
};
const tokens = { ...servers, MESHWORK_SERVICE_KEY: 'key', MESHWORK_SERVICE_TOKENS: '{"a.b":"t"}' };
const certificates = {
  ...servers,
  MESHWORK_TLS_CERTIFICATE: '/tls/{service}/tls.crt',
  MESHWORK_TLS_KEY: '/tls/{service}/tls.key',
  MESHWORK_TLS_CA: '/tls/ca.crt',
};

test('services are known by tokens or by certificates', () => {
  expect(readConfig(tokens).identity).toEqual({
    kind: 'tokens',
    key: 'key',
    tokens: { 'a.b': 't' },
  });
  expect(readConfig(certificates).identity).toEqual({
    kind: 'certificates',
    paths: {
      certificate: '/tls/{service}/tls.crt',
      key: '/tls/{service}/tls.key',
      ca: '/tls/ca.crt',
    },
  });
});

test('what is off is absent, also when it is set to nothing', () => {
  const off = { MESHWORK_METRICS_PORT: '', OTEL_EXPORTER_OTLP_ENDPOINT: '', MESHWORK_TLS_CA: '' };
  for (const env of [tokens, { ...tokens, ...off }]) {
    const { publicTls, metricsPort, traces } = readConfig(env);
    expect({ publicTls, metricsPort, traces }).toEqual({});
  }
});

test('proxies are trusted by address and by range, and nobody by default', () => {
  const client = (env: Record<string, string>) =>
    readConfig({ ...tokens, ...env }).trustedProxies.clientOf('10.0.0.1', '192.0.2.1');
  expect(client({ MESHWORK_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' })).toBe('192.0.2.1');
  expect(client({ MESHWORK_TRUSTED_PROXIES: '127.0.0.1' })).toBe('10.0.0.1');
  expect(client({ MESHWORK_TRUSTED_PROXIES: '' })).toBe('10.0.0.1');
  expect(client({})).toBe('10.0.0.1');
});

test('traces are sampled as the standard names say', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318';
  expect(readConfig({ ...tokens, OTEL_EXPORTER_OTLP_ENDPOINT }).traces).toEqual({
    endpoint: OTEL_EXPORTER_OTLP_ENDPOINT,
    sampler: 'parentbased_always_on',
    ratio: 1,
    serviceName: '',
  });
  const sampled = {
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  };
  expect(readConfig({ ...tokens, ...sampled }).traces).toMatchObject({
    sampler: 'traceidratio',
    ratio: 0,
  });
});

const faults: [string, Record<string, string>][] = [
  ['MESHWORK_SERVICE_KEY', servers],
  ['MESHWORK_SERVICE_KEY', { ...certificates, MESHWORK_SERVICE_KEY: 'key' }],
  ['MESHWORK_SERVICE_TOKENS', { ...certificates, MESHWORK_SERVICE_TOKENS: '{}' }],
  ['MESHWORK_TLS_CA', { ...certificates, MESHWORK_TLS_CA: '' }],
  ['MESHWORK_TLS_KEY', { ...tokens, MESHWORK_TLS_CA: '/ca', MESHWORK_TLS_CERTIFICATE: '/crt' }],
  ['MESHWORK_PUBLIC_TLS_KEY', { ...tokens, MESHWORK_PUBLIC_TLS_CERTIFICATE: '/crt' }],
  ['MESHWORK_TRUSTED_PROXIES', { ...tokens, MESHWORK_TRUSTED_PROXIES: '127.0.0.1,envoy' }],
  ['MESHWORK_METRICS_PORT', { ...tokens, MESHWORK_METRICS_PORT: 'x' }],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', { ...tokens, OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }],
  [
    'OTEL_TRACES_SAMPLER',
    { ...tokens, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_SAMPLER: 'sometimes' },
  ],
  [
    'OTEL_TRACES_SAMPLER_ARG',
    { ...tokens, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_SAMPLER_ARG: '1.5' },
  ],
];

test.each(faults)('a setting that cannot be used is named: %s', (name, env) => {
  expect(() => readConfig(env)).toThrow(ConfigError);
  expect(() => readConfig(env)).toThrow(name);
});
