import { connect } from 'node:net';
import { within } from '#kit/within.ts';
import { reasonOf, type ServerName, ServerStartError, urlVariables } from './errors.ts';
import { limits } from './limits.ts';

const defaultPorts: Record<ServerName, number> = { postgres: 5432, nats: 4222, redis: 6379 };

/**
 * Sees whether anything listens where the environment says that servers are. Throws ServerStartError: the services would
 * only tell that something refused their connection. What a URL with several hosts means is left to them.
 */
export async function checkExternals(env: NodeJS.ProcessEnv): Promise<void> {
  const names = Object.keys(urlVariables) as ServerName[];
  await Promise.all(names.map((name) => checkExternal(name, env[urlVariables[name]] ?? '')));
}

async function checkExternal(name: ServerName, url: string): Promise<void> {
  const variable = urlVariables[name];
  const address = addressOf(name, url);
  if (address === undefined) return;
  const socket = connect(address);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  try {
    await within(limits.probeMs, connected);
  } catch (error) {
    const place = `${address.host}:${address.port}`;
    throw new ServerStartError(
      name,
      `nothing answers at ${place}, where ${variable} says that it is (${reasonOf(error)}); ` +
        `start it there, or unset ${variable}, and one is started here`,
      { cause: error },
    );
  } finally {
    socket.destroy();
  }
}

function addressOf(name: ServerName, text: string): { host: string; port: number } | undefined {
  if (!URL.canParse(text)) return undefined;
  const { hostname, port } = new URL(text);
  if (hostname === '' || hostname.includes(',')) return undefined;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || defaultPorts[name] };
}
