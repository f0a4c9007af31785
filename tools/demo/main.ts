// Plays a story through the gateway of a running mesh: npm run demo
import { parseArgs } from 'node:util';
import { createWays } from '#kit/placement.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { say } from '../run.ts';
import { playShop } from './shop.ts';

const stories = { shop: playShop } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gateway: { type: 'string', default: `127.0.0.1:${process.env.MESHWORK_PORT_BASE ?? '7000'}` },
  },
});
const story = stories[(positionals[0] ?? 'shop') as keyof typeof stories];
if (story === undefined) {
  say(`npm run demo -- ${Object.keys(stories).join(' | ')} [--gateway host:port]`);
  process.exit(1);
}
const ways = createWays({
  transport: 'wire',
  engine: grpcJsEngine,
  addressesOf: () => [values.gateway],
  dispatcherOf: () => {
    throw new Error('the demo calls over the wire');
  },
});
try {
  await story(ways(undefined, 'platform.gateway'), say);
  process.exit(0);
} catch (error) {
  say(`${error instanceof Error ? error.message : error}`);
  say(`is a mesh running at ${values.gateway}? Start one with: npm start`);
  process.exit(1);
}
