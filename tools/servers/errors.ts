export type ServerName = 'postgres' | 'nats' | 'redis';

/**
 * A server could not be found, installed, started, stopped or killed.
 *
 * The message is one sentence with the remedy; where a log says more, its last lines follow on
 * lines of their own.
 */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly server: string;

  constructor(server: string, message: string, options?: ErrorOptions) {
    super(`${server}: ${message}`, options);
    this.server = server;
  }
}

/** The variable that points the platform at a server of the reader's own. */
export const urlVariables = {
  postgres: 'DATABASE_URL',
  nats: 'NATS_URL',
  redis: 'REDIS_URL',
} as const satisfies Record<ServerName, string>;

/** What is thrown becomes a ServerStartError, so that a full disk too comes with a remedy. */
export function toStartError(server: ServerName, error: unknown): ServerStartError {
  if (error instanceof ServerStartError) return error;
  const remedy = `correct that, or set ${urlVariables[server]}`;
  return new ServerStartError(server, `${reasonOf(error)}; ${remedy}`, { cause: error });
}

/** The message of anything thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}
