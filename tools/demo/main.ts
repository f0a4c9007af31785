// Plays a story through the gateway of a running mesh: npm run demo
import { RpcError } from '#kit/errors.ts';
import { gatewayOptions, gatewayUsage, openGateway, staffLogin } from '../gateway.ts';
import { say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { playBank } from './bank.ts';
import { playShop } from './shop.ts';
import type { Story } from './story.ts';

const stories: Readonly<Record<string, Story>> = { shop: playShop, finance: playBank };

const usage = `npm run demo -- [${Object.keys(stories).join(' | ')}] [options]
${gatewayUsage}`;
const config = { allowPositionals: true, options: gatewayOptions } as const;

await runTool(usage, config, async ({ values, positionals }) => {
  const [name = 'shop', ...more] = positionals;
  const story = Object.hasOwn(stories, name) ? stories[name] : undefined;
  if (story === undefined || more.length > 0) {
    throw new UsageError(`"${positionals.join(' ')}" is no story`);
  }
  const gateway = openGateway(values.gateway);
  try {
    await story(gateway, say, () => staffLogin(values['data-dir']));
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
