/** The sockets under connections to PostgreSQL. */
import { once } from 'node:events';
import { isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { limits } from '../limits.ts';

/** Where a server listens. */
export interface Address {
  host: string;
  port: number;
  /** Of a socket in the file system, and then what counts. */
  path?: string | false;
}

/**
 * What of TLS is asked for: none; where the server offers it; or always, of a server whose certificate is not looked at
 * (`require`) or has to be good for its host (`verify-full`), by the authorities that Node trusts (NODE_EXTRA_CA_CERTS).
 */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-full';

/** From the URL of a database, where it stands as `sslmode`, or from PGSSLMODE. */
export function tlsModeOf(url: string): TlsMode {
  const { searchParams } = new URL(url);
  if (searchParams.has('ssl')) throw new Error('TLS to a database is asked for with sslmode');
  const mode = searchParams.get('sslmode') ?? process.env.PGSSLMODE ?? 'disable';
  if (!isTlsMode(mode)) throw new Error(`sslmode is one of ${tlsModes.join(', ')}, not ${mode}`);
  return mode;
}

const tlsModes: readonly TlsMode[] = ['disable', 'prefer', 'require', 'verify-full'];

function isTlsMode(mode: string): mode is TlsMode {
  return (tlsModes as readonly string[]).includes(mode);
}

/** A socket to the server that has begun to connect. */
export function connectPlain({ host, port, path }: Address): Socket {
  const socket = new Socket();
  socket.setNoDelay();
  return path ? socket.connect(path) : socket.connect(port, host);
}

/** Length, and 1234 5679. Source: PostgreSQL manual, 55.7, SSLRequest. */
const tlsRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A connected socket to the server, with TLS on it. The driver has TLS of its own, but then nobody can see what it sends. */
export async function connectSecurely(
  address: Address,
  mode: Exclude<TlsMode, 'disable'>,
): Promise<Socket> {
  const signal = AbortSignal.timeout(limits.databaseConnectMsMax);
  const plain = connectPlain(address);
  // Between two waits nobody else listens, and an error without a listener ends the process.
  plain.on('error', () => {});
  try {
    await once(plain, 'connect', { signal });
    plain.write(tlsRequest);
    const [answer] = (await once(plain, 'data', { signal })) as [Buffer];
    const word = answer.toString('latin1');
    if (word === 'N' && mode === 'prefer') return plain;
    // More than the one letter has been put in by somebody between, to be taken for the server's after the handshake.
    if (word !== 'S') throw new Error('the database server offers no TLS');
    const secured = connectTls({
      socket: plain,
      // A certificate names hosts; of an address there is nothing to ask for by name.
      ...(isIP(address.host) ? { host: address.host } : { servername: address.host }),
      rejectUnauthorized: mode === 'verify-full',
    });
    secured.on('error', () => {});
    await once(secured, 'secureConnect', { signal });
    return secured;
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

/**
 * Lets `onLost` hear once that a socket was lost. Node reports an error first and the close a little later; in between the
 * driver takes the connection for a good one. Until it is up it reports errors like any other.
 */
export function reportLoss(socket: Socket, onLost: () => void): void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  let isUp = !socket.connecting;
  socket.once('connect', () => {
    isUp = true;
  });
  socket.emit = (event: string | symbol, ...args: unknown[]) => {
    if (!isUp) return emit(event, ...args);
    if (event === 'error') return true;
    if (event !== 'close') return emit(event, ...args);
    onLost();
    // The driver fails what is under way only when the close comes without an error.
    return emit('close', false);
  };
}

/** Puts what `change` makes of it into the place of all that is written from now on. */
export function changeWrites(socket: Socket, change: (chunk: Buffer) => Buffer): void {
  // Not a method of a class: `connect` puts the original in its place again.
  const write = socket.write.bind(socket) as (chunk: Buffer, ...rest: unknown[]) => boolean;
  socket.write = (chunk: Buffer, ...rest: unknown[]) => write(change(chunk), ...rest);
}
