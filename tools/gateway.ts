/** The public door of a running platform, and who may go through it as its staff. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { createWays } from '#kit/host/placement.ts';
import { uuidv7 } from '#kit/ids.ts';
import { parseAddress } from '#kit/rpc/address.ts';
import type { Channel } from '#kit/rpc/client/channel.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { portBaseText } from './mesh/ports.ts';
import { localSecrets } from './mesh/secrets.ts';
import { root } from './run.ts';
import { UsageError } from './tool.ts';

const byDefault = `127.0.0.1:${portBaseText}`;

/** Where a platform is and where its data, for the options of a command. */
export const gatewayOptions = {
  gateway: { type: 'string', default: byDefault },
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
} as const;

export const gatewayUsage = `\
  --gateway <host:port>  the platform (${byDefault})
  --data-dir <folder>    where the login of its staff is (.meshwork/data); or MESHWORK_STAFF_EMAIL and _PASSWORD`;

/** Opens the door at host:port. The channel stays open until the process ends. Throws UsageError for what is no address. */
export function openGateway(address: string): Channel {
  if (parseAddress(address) === undefined) {
    throw new UsageError(`--gateway must be host:port, not "${address}"`);
  }
  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: () => [address],
    dispatcherOf: () => {
      throw new Error('tools call over the wire');
    },
  });
  return ways(undefined, 'platform.gateway');
}

export interface Login {
  readonly email: string;
  readonly password: string;
}

/** The options of a call by somebody who is signed in. */
export interface As {
  readonly headers: { readonly authorization: string };
}

export async function signIn(gateway: Channel, { email, password }: Login): Promise<As> {
  const sessions = createClient(SessionService, gateway);
  const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
  return { headers: { authorization: `Bearer ${tokens!.accessToken}` } };
}

/** The login of somebody on the staff: of the environment, or the first one's. Throws UsageError where there is none. */
export function staffLogin(dataDir: string): Login {
  const { MESHWORK_STAFF_EMAIL: email, MESHWORK_STAFF_PASSWORD: password } = process.env;
  if (email && password) return { email, password };
  if (!existsSync(join(dataDir, 'secrets.json'))) {
    throw new UsageError(`no platform has its login in ${dataDir}`);
  }
  const secrets = localSecrets(dataDir);
  return { email: secrets.BOOTSTRAP_STAFF_EMAIL, password: secrets.BOOTSTRAP_STAFF_PASSWORD };
}
