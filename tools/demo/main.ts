// Plays a story through the gateway of a running mesh: npm run demo
import { RpcError } from '#kit/errors.ts';
import { createWays } from '#kit/host/placement.ts';
import { parseAddress } from '#kit/rpc/address.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { portBaseText } from '../mesh/ports.ts';
import { say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { playShop } from './shop.ts';

const stories = { shop: playShop } as const;

const byDefault = `127.0.0.1:${portBaseText}`;
const usage = `npm run demo -- [${Object.keys(stories).join(' | ')}] [options]
  --gateway <host:port>  the platform to play on (${byDefault})`;
const options = { gateway: { type: 'string', default: byDefault } } as const;

await runTool(usage, { allowPositionals: true, options }, async ({ values, positionals }) => {
  const [name = 'shop', ...more] = positionals;
  const story = stories[name as keyof typeof stories];
  if (story === undefined || more.length > 0) {
    throw new UsageError(`"${positionals.join(' ')}" is no story`);
  }
  if (parseAddress(values.gateway) === undefined) {
    throw new UsageError(`--gateway must be host:port, not "${values.gateway}"`);
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
  } catch (error) {
    if (!(error instanceof RpcError && error.code === 'unavailable' && error.reason === ''))
      throw error;
    const remedy =
      'start it with: npm start, or name another with: npm run demo -- --gateway host:port';
    throw new Error(`no platform answers at ${values.gateway}; ${remedy}`);
  }
});
// Its channel would stay open.
process.exit();
