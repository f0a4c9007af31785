import { ConfigError } from './config.ts';

/**
 * Named places in production code at which a test, or a chaos run, may pause, throw or kill. A place does nothing until
 * armed; each test process arms its own, a child process gets its from MESHWORK_DEBUG_POINTS ("name=kill,other=stop:3").
 */
export type DebugAction = () => void | Promise<void>;

const signals: Readonly<Record<string, NodeJS.Signals>> = { kill: 'SIGKILL', stop: 'SIGSTOP' };

const armed = new Map<string, DebugAction>();

/** Marks a place between two effects. Named `<domain>.<service>.<where>`: "commerce.order.after-capture". */
export function debugPoint(name: string): void | Promise<void> {
  // One load and one comparison where nothing is armed: cheap enough for every hot path.
  if (armed.size === 0) return;
  return armed.get(name)?.();
}

/** Arms a place; the returned function disarms it. A place has one action, the latest. */
export function armDebugPoint(name: string, action: DebugAction): () => void {
  armed.set(name, action);
  return () => {
    if (armed.get(name) === action) armed.delete(name);
  };
}

/**
 * Arms the places that the environment names, for their n-th pass: `kill` ends the process as SIGKILL does, `stop`
 * suspends it until it gets SIGCONT. Throws ConfigError for what it cannot read: a run that kills nobody would look good.
 */
export function armDebugPointsFromEnv(text: string | undefined): void {
  for (const item of (text ?? '').split(',').filter(Boolean)) {
    const [name = '', action = ''] = item.split('=');
    const [verb = '', nth = '1'] = action.split(':');
    const signal = signals[verb];
    let left = Number(nth);
    if (name === '' || signal === undefined || !Number.isInteger(left) || left < 1) {
      const verbs = Object.keys(signals).join(' or ');
      throw new ConfigError(
        `MESHWORK_DEBUG_POINTS: "${item}" is not name=verb or name=verb:pass; a verb is ${verbs}`,
      );
    }
    armDebugPoint(name, () => {
      left -= 1;
      if (left === 0) process.kill(process.pid, signal);
    });
  }
}
