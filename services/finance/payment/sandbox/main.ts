// The sandbox provider as a process of its own. Settings come from the environment; see readOptions.
import { afterStart } from '#kit/host/after-start.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

const log = createLogger('sandbox.provider', { level: process.env.LOG_LEVEL ?? 'info' });

/** The port that PROVIDER_URL has when nobody sets it. */
const portDefault = 7390;

function readOptions(env: NodeJS.ProcessEnv): SandboxOptions {
  const { DATABASE_URL, PROVIDER_WEBHOOK_SECRET } = env;
  if (!DATABASE_URL || !PROVIDER_WEBHOOK_SECRET) {
    throw new Error('DATABASE_URL and PROVIDER_WEBHOOK_SECRET must be set');
  }
  return {
    databaseUrl: DATABASE_URL,
    port: Number(env.SANDBOX_PORT ?? portDefault),
    // grpc://host:port of a payment service, or http://host:port of a gateway; nobody hears events when it is empty.
    webhookTarget: env.SANDBOX_WEBHOOK_TARGET || undefined,
    webhookSecret: PROVIDER_WEBHOOK_SECRET,
    webhookCopies: Number(env.SANDBOX_WEBHOOK_COPIES ?? 1),
    // A seed: the same one shuffles events in the same way.
    webhookShuffle: env.SANDBOX_WEBHOOK_SHUFFLE ? Number(env.SANDBOX_WEBHOOK_SHUFFLE) : undefined,
    delayMs: Number(env.SANDBOX_DELAY_MS ?? 0),
  };
}

let sandbox: Sandbox | undefined;
let isStopping = false;

function stop(): void {
  if (isStopping) return;
  isStopping = true;
  void (sandbox?.stop() ?? Promise.resolve()).finally(leave);
}

/** Without the launcher's channel nothing is left that keeps the process. */
function leave(): void {
  if (process.connected) process.disconnect();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// A launcher that died cannot stop us any more.
process.on('disconnect', stop);

try {
  sandbox = await startSandbox(readOptions(process.env));
  log.info({ url: sandbox.url }, 'sandbox.started');
  afterStart();
  process.send?.({ ready: [{ name: 'sandbox.provider', address: sandbox.url }] });
} catch (error) {
  log.error({ error }, 'sandbox.start_failed');
  process.send?.({ failed: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  leave();
}
