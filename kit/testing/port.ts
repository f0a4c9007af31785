import { createServer } from 'node:net';

const attemptsMax = 50;
// Below the ports that Linux and macOS give to outgoing connections, one of which could otherwise be faster, and beside
// those of the meshes (tools/mesh/ports.ts) and servers (tools/servers/ports.ts) of other tests.
const lowest = 20_000;
const span = 1_000;

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * span);
    if (await isPortFree(port)) return port;
  }
  throw new Error('no free port was found');
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () =>
      probe.close(() => resolve(true)),
    );
  });
}
