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
 * suspends it until it gets SIGCONT.
 */
export function armDebugPointsFromEnv(text: string | undefined): void {
  for (const item of (text ?? '').split(',').filter(Boolean)) {
    const [name = '', action = ''] = item.split('=');
    const [verb = '', nth = '1'] = action.split(':');
    const signal = signals[verb];
    if (signal === undefined) continue;
    let left = Number(nth);
    armDebugPoint(name, () => {
      left -= 1;
      if (left === 0) process.kill(process.pid, signal);
    });
  }
}
