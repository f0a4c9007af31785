import { expect, test } from 'vitest';
import { ConfigError, readConfig as readConfigOf } from './config.ts';

const servers = {
  DATABASE_URL: 'postgres://localhost/meshwork',
  NATS_URL: 'nats://localhost',
  REDIS_URL: 'redis://localhost',
  MESHWORK_AUDIT_SECRET: 'what all processes of the mesh share',
};
const tokens = { ...servers, MESHWORK_SERVICE_KEY: 'key', MESHWORK_SERVICE_TOKENS: '{"a.b":"t"}' };
const certificates = {
  ...servers,
  MESHWORK_TLS_CERTIFICATE: '/tls/{service}/tls.crt',
  MESHWORK_TLS_KEY: '/tls/{service}/tls.key',
  MESHWORK_TLS_CA: '/tls/ca.crt',
};

const readConfig = (env: Record<string, string>) => readConfigOf(env, ['a.b', 'a.c']);

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

test('a service holds twelve connections to the database unless told otherwise', () => {
  const connections = (value: string) =>
    readConfig({ ...tokens, MESHWORK_DATABASE_CONNECTIONS: value }).databaseConnections;
  expect(readConfig(tokens).databaseConnections).toBe(12);
  expect(connections('2')).toBe(2);
  for (const value of ['1', '-4', '2.5', 'many']) {
    expect(() => connections(value)).toThrow('MESHWORK_DATABASE_CONNECTIONS must be a number');
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

test('services are called on the host of the mesh unless addresses are given', () => {
  expect(readConfig(tokens)).toMatchObject({
    host: '127.0.0.1',
    listenHost: '127.0.0.1',
    addresses: new Map(),
  });
  expect(readConfig({ ...tokens, MESHWORK_HOST: '10.0.0.4' }).listenHost).toBe('10.0.0.4');
  const MESHWORK_ADDRESSES = 'a.b=10.0.0.5:7312|[fd00::6]:7312, a.c=c.internal:7321';
  const { host, listenHost, addresses } = readConfig({
    ...tokens,
    MESHWORK_HOST: 'mesh.internal',
    MESHWORK_LISTEN_HOST: '::',
    MESHWORK_ADDRESSES,
  });
  expect({ host, listenHost }).toEqual({ host: 'mesh.internal', listenHost: '::' });
  expect(Object.fromEntries(addresses)).toEqual({
    'a.b': ['10.0.0.5:7312', '[fd00::6]:7312'],
    'a.c': ['c.internal:7321'],
  });
});

test.each([
  ['a.d=10.0.0.5:7312', 'MESHWORK_ADDRESSES names "a.d", which is no service'],
  ['a.b=10.0.0.5:1,a.b=10.0.0.6:1', 'MESHWORK_ADDRESSES names a.b twice'],
  ['a.b', 'MESHWORK_ADDRESSES must be <service>=<host>:<port>|…, not "a.b"'],
  ['a.b=', 'not ""'],
  ['a.b=10.0.0.5', 'an address of a.b must be like "10.0.0.5:7312"'],
  ['a.b=10.0.0.5:1|10.0.0:2', 'not "10.0.0:2"'],
  ['a.b=10.0.0.5:1|', 'not ""'],
])('addresses that cannot be used are refused with the reason: %s', (MESHWORK_ADDRESSES, why) => {
  expect(() => readConfig({ ...tokens, MESHWORK_ADDRESSES })).toThrow(why);
});

const faults: [string, Record<string, string>][] = [
  ['MESHWORK_AUDIT_SECRET', { ...tokens, MESHWORK_AUDIT_SECRET: '' }],
  ['MESHWORK_SERVICE_KEY', servers],
  ['MESHWORK_SERVICE_KEY', { ...certificates, MESHWORK_SERVICE_KEY: 'key' }],
  ['MESHWORK_SERVICE_TOKENS', { ...certificates, MESHWORK_SERVICE_TOKENS: '{}' }],
  ['MESHWORK_TLS_CA', { ...certificates, MESHWORK_TLS_CA: '' }],
  ['MESHWORK_TLS_KEY', { ...tokens, MESHWORK_TLS_CA: '/ca', MESHWORK_TLS_CERTIFICATE: '/crt' }],
  ['MESHWORK_PUBLIC_TLS_KEY', { ...tokens, MESHWORK_PUBLIC_TLS_CERTIFICATE: '/crt' }],
  ['MESHWORK_TRUSTED_PROXIES', { ...tokens, MESHWORK_TRUSTED_PROXIES: '127.0.0.1,envoy' }],
  ['MESHWORK_HOST', { ...tokens, MESHWORK_HOST: '127.0.0.1:7300' }],
  ['MESHWORK_LISTEN_HOST', { ...tokens, MESHWORK_LISTEN_HOST: '0.0.0' }],
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
