import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { currentScope } from '../scope.ts';

/**
 * Structured logs. The message is the name of the event ("payment.captured"); what belongs to it goes into fields. The
 * trace id of the work in hand is added by itself. Messages of the contract are never logged whole, so a field that the
 * contract marks secret or personal cannot come here.
 */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child' | 'level'>;

/** Takes finished lines. */
export type LogDestination = DestinationStream;

/** How much is logged, and where to. */
export interface LogOptions {
  /** trace, debug, info, warn, error, fatal or silent. */
  level?: string;
  /** Where lines go; standard output when absent. */
  destination?: LogDestination | undefined;
}

/**
 * Makes the logger of a service: JSON, a line for each event. A field named `error` is logged by its name, code and
 * stack, never by its text, which may hold values. Throws for a level that does not exist.
 */
export function createLogger(service: string, options: LogOptions = {}): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin() {
        const trace = currentScope()?.trace;
        return trace === undefined ? {} : { traceId: trace.traceId };
      },
      // The error's name and stack: a DomainError's text holds only what the contract declares. Causes such as
      // driver errors carry statements and values; they are named, not printed.
      serializers: { error: describeError },
    },
    options.destination ?? pino.destination({ sync: false, minLength: 0 }),
  );
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    frames: (error.stack ?? '')
      .split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 8)
      .map((line) => line.trim()),
    cause: error.cause === undefined ? undefined : describeError(error.cause),
  };
}
