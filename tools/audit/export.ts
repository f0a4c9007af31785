// Copies the audit log of a running mesh into a folder: npm run audit:export -- <folder> [options]
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { gatewayOptions, gatewayUsage, openGateway, signIn, staffLogin } from '../gateway.ts';
import { say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { copyLog } from './copy.ts';
import { openFolder } from './folder.ts';

const usage = `npm run audit:export -- <folder> [options]
  copies all leaves, tiles and the latest checkpoint; earlier checkpoints in the folder stay for npm run audit:verify
${gatewayUsage}`;

const config = { allowPositionals: true, options: gatewayOptions } as const;

await runTool(usage, config, async ({ values, positionals }) => {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new UsageError('name one folder to copy into');
  const channel = openGateway(values.gateway);
  const { headers } = await signIn(channel, staffLogin(values['data-dir']));
  const size = await copyLog(createClient(AuditService, channel), headers, openFolder(path));
  say(`copied ${size} leaves to ${path}: npm run audit:verify -- ${path}`);
});
// Its channel would stay open.
process.exit();
