// Plays a story through the gateway of a running mesh: npm run demo
import { parseArgs } from 'node:util';
import { RpcError } from '#kit/errors.ts';
import { createWays } from '#kit/host/placement.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { portBaseText } from '../mesh/ports.ts';
import { say } from '../run.ts';
import { playShop } from './shop.ts';

const stories = { shop: playShop } as const;

const usage = `npm run demo -- [${Object.keys(stories).join(' | ')}] [--gateway host:port]`;
const byDefault = `127.0.0.1:${portBaseText}`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { gateway: { type: 'string', default: byDefault }, help: { type: 'boolean' } },
  });
  const story = stories[(positionals[0] ?? 'shop') as keyof typeof stories];
  if (values.help) return say(usage);
  if (story === undefined) throw new Error(usage);
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
  } catch (error) {
    if (!(error instanceof RpcError && error.code === 'unavailable' && error.reason === ''))
      throw error;
    const remedy =
      'start it with: npm start, or name another with: npm run demo -- --gateway host:port';
    throw new Error(`no platform answers at ${values.gateway}; ${remedy}`);
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
