import { Socket } from 'node:net';
import postgres, { type Sql } from 'postgres';
import { limits } from '../limits.ts';
import { arrayTypes } from './arrays.ts';

/** int8 is bigint everywhere: money and stock must not pass through a double. */
const types = { bigint: postgres.BigInt, ...arrayTypes };
/** What statements take and give beyond the types that the driver knows by itself. */
export type Types = { bigint: bigint };

/** The connection was lost. What was under way may have been done or not. */
export class ConnectionLost extends Error {
  readonly code = 'CONNECTION_CLOSED';
}

/**
 * One connection to PostgreSQL, and no other after it: a client whose connection was lost is thrown away. postgres.js
 * would use the same object again, with what it held when the connection closed: half a message, which silences the new
 * connection, or statements whose answers it then gives to others (3.4.9; porsager/postgres#1154, #1208). It also goes
 * on writing to a connection that is gone, which ends the process.
 */
export interface Client {
  readonly sql: Sql<Types>;
  readonly isLost: boolean;
  /** Called once, at the moment at which the connection is lost and before anything under way learns of it. */
  onLost: (error: ConnectionLost) => void;
  /** Counts it as lost from now on: nobody knows what state it is in. */
  abandon(): void;
  /** Ends it when all that is under way is answered, or at once when it is lost. */
  end(): Promise<void>;
}

/** The driver's own options, without those that the kit decides. */
export type ClientOptions = Omit<postgres.Options<Record<string, never>>, 'types' | 'max'>;

/** Connects with the first statement. That fails when there is no server; the next one tries again. */
export function openClient(url: string, options: ClientOptions): Client {
  let isLost = false;
  const client: Client = {
    sql: postgres(url, {
      ...options,
      types,
      fetch_types: false,
      max: 1,
      max_lifetime: null,
      // Documented, but missing from the driver's types.
      ...{ socket: open },
    }) as unknown as Sql<Types>,
    get isLost() {
      return isLost;
    },
    onLost: () => {},
    abandon() {
      isLost = true;
    },
    end: () => client.sql.end({ timeout: isLost ? 0 : limits.databaseEndMsMax / 1000 }),
  };

  function open({ host, port, path }: Address): Socket {
    if (isLost) throw new ConnectionLost();
    const socket = new ClientSocket(() => {
      isLost = true;
      client.onLost(new ConnectionLost());
    });
    return path ? socket.connect(path) : socket.connect(port[0]!, host[0]!);
  }

  return client;
}

/** What the driver has read from the URL. */
interface Address {
  host: string[];
  port: number[];
  /** Of a socket in the file system. */
  path?: string | false;
}

/**
 * A socket that reports its loss once. Node reports an error first and the close a little later; in between the driver
 * takes the connection for a good one. Until it is up it reports errors like any other. Statements that the driver
 * writes in one turn leave in one piece: a write is a tenth of what a statement costs.
 */
class ClientSocket extends Socket {
  #isUp = false;
  #isGathering = false;
  readonly #onLost: () => void;

  constructor(onLost: () => void) {
    super();
    this.#onLost = onLost;
    this.once('connect', () => {
      this.#isUp = true;
    });
    this.setNoDelay();
  }

  override write(chunk: never, encoding?: never, callback?: never): boolean {
    if (!this.#isGathering) {
      this.#isGathering = true;
      this.cork();
      process.nextTick(() => {
        this.#isGathering = false;
        this.uncork();
      });
    }
    return super.write(chunk, encoding, callback);
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (!this.#isUp) return super.emit(event, ...args);
    if (event === 'error') return true;
    if (event !== 'close') return super.emit(event, ...args);
    this.#onLost();
    // The driver fails what is under way only when the close comes without an error.
    return super.emit('close', false);
  }
}
