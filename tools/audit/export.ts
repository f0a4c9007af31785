// Copies the audit log of a running mesh into a folder: npm run audit:export -- <folder> [options]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { createWays } from '#kit/host/placement.ts';
import { uuidv7 } from '#kit/ids.ts';
import { parseAddress } from '#kit/rpc/address.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { portBaseText } from '../mesh/ports.ts';
import { localSecrets } from '../mesh/secrets.ts';
import { root, say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { copyLog } from './copy.ts';
import { openFolder } from './folder.ts';

const byDefault = `127.0.0.1:${portBaseText}`;
const usage = `npm run audit:export -- <folder> [options]
  copies all leaves, tiles and the latest checkpoint; earlier checkpoints in the folder stay for npm run audit:verify
  --gateway <host:port>  the platform (${byDefault})
  --data-dir <folder>    where the login of its staff is (.meshwork/data); or MESHWORK_STAFF_EMAIL and _PASSWORD`;

const options = {
  gateway: { type: 'string', default: byDefault },
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
} as const;

await runTool(usage, { allowPositionals: true, options }, async ({ values, positionals }) => {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new UsageError('name one folder to copy into');
  if (parseAddress(values.gateway) === undefined) {
    throw new UsageError(`--gateway must be host:port, not "${values.gateway}"`);
  }
  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: () => [values.gateway],
    dispatcherOf: () => {
      throw new Error('the copy is made over the wire');
    },
  });
  const channel = ways(undefined, 'platform.gateway');
  const credentials = { requestId: uuidv7(), ...staffLogin(values['data-dir']) };
  const { tokens } = await createClient(SessionService, channel).authenticate(credentials);
  const headers = { authorization: `Bearer ${tokens!.accessToken}` };
  const size = await copyLog(createClient(AuditService, channel), headers, openFolder(path));
  say(`copied ${size} leaves to ${path}: npm run audit:verify -- ${path}`);
});
// Its channel would stay open.
process.exit();

function staffLogin(dataDir: string): { email: string; password: string } {
  const { MESHWORK_STAFF_EMAIL: email, MESHWORK_STAFF_PASSWORD: password } = process.env;
  if (email && password) return { email, password };
  if (!existsSync(join(dataDir, 'secrets.json'))) {
    throw new UsageError(`no platform has its login in ${dataDir}`);
  }
  const secrets = localSecrets(dataDir);
  return { email: secrets.BOOTSTRAP_STAFF_EMAIL, password: secrets.BOOTSTRAP_STAFF_PASSWORD };
}
