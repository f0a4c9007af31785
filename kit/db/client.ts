import type { Socket } from 'node:net';
import postgres, { type Sql } from 'postgres';
import { limits } from '../limits.ts';
import { arrayTypes } from './arrays.ts';
import { OutgoingArrays } from './outgoing-arrays.ts';
import { changeWrites, connectPlain, connectSecurely, reportLoss, tlsModeOf } from './socket.ts';

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
  const tlsMode = tlsModeOf(url);
  const arrays = new OutgoingArrays();
  // int8 is bigint everywhere: money and stock must not pass through a double.
  const types = { bigint: postgres.BigInt, ...arrayTypes(arrays) };
  const client: Client = {
    sql: postgres(url, {
      ...options,
      types,
      fetch_types: false,
      max: 1,
      max_lifetime: null,
      ssl: false,
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

  async function open({ host, port, path }: DriverOptions): Promise<Socket> {
    if (isLost) throw new ConnectionLost();
    const address = { host: host[0]!, port: port[0]!, path };
    let socket: Socket;
    if (path || tlsMode === 'disable') socket = connectPlain(address);
    else {
      try {
        socket = await connectSecurely(address, tlsMode);
      } catch (error) {
        // The driver waits for ever for a socket that it was not given.
        isLost = true;
        throw error;
      }
    }
    reportLoss(socket, () => {
      isLost = true;
      client.onLost(new ConnectionLost());
    });
    changeWrites(socket, (messages) => arrays.fill(messages));
    return socket;
  }

  return client;
}

/** What the driver has read from the URL. */
interface DriverOptions {
  host: string[];
  port: number[];
  path?: string | false;
}
