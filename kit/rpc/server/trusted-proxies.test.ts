import { expect, test } from 'vitest';
import { createTrustedProxies, ProxyInvalid } from './trusted-proxies.ts';

const proxies = createTrustedProxies(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);

const cases: [why: string, peer: string, header: string | undefined, client: string][] = [
  ['a stranger is who calls', '192.0.2.1', undefined, '192.0.2.1'],
  ['a stranger cannot say that he is another', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['a proxy says for whom it asks', '127.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['a proxy asks for itself', '127.0.0.1', undefined, '127.0.0.1'],
  [
    'what a stranger sent to the proxy does not count',
    '10.1.2.3',
    '6.6.6.6, 192.0.2.1',
    '192.0.2.1',
  ],
  ['proxies in a row', '127.0.0.1', '6.6.6.6,192.0.2.1,10.0.0.9, 10.0.0.8', '192.0.2.1'],
  ['only proxies', '127.0.0.1', '10.0.0.9, 10.0.0.8', '10.0.0.9'],
  ['no address', '127.0.0.1', '192.0.2.1, unknown', '127.0.0.1'],
  ['no address after a proxy', '127.0.0.1', '192.0.2.1, x, 10.0.0.8', '10.0.0.8'],
  ['an empty header', '127.0.0.1', '', '127.0.0.1'],
  ['an empty entry', '127.0.0.1', '192.0.2.1,', '127.0.0.1'],
  ['a port', '127.0.0.1', '192.0.2.1:4711', '192.0.2.1'],
  ['IPv6', 'fd12::1', '2001:DB8::7', '2001:db8::7'],
  ['IPv6 with a port', 'fd12::1', '[2001:db8::7]:4711', '2001:db8::7'],
  ['an IPv6 stranger', '2001:db8::1', '192.0.2.1', '2001:db8::1'],
  ['IPv4 on a socket of IPv6', '::ffff:127.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
  ['an IPv4 stranger on a socket of IPv6', '::ffff:192.0.2.1', '6.6.6.6', '192.0.2.1'],
  ['a call within the process', 'direct', '192.0.2.1', 'direct'],
];

test.each(cases)('%s', (_, peer, header, client) => {
  expect(proxies.clientOf(peer, header)).toBe(client);
});

test('nobody is trusted unless named', () => {
  expect(createTrustedProxies([]).clientOf('127.0.0.1', '192.0.2.1')).toBe('127.0.0.1');
});

test.each(['envoy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/x', 'fd00::/129', ''])(
  'an entry that is no address is refused: "%s"',
  (entry) => {
    expect(() => createTrustedProxies([entry])).toThrow(ProxyInvalid);
  },
);
