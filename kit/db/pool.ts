import type { Sql } from 'postgres';
import type { Client, Types } from './client.ts';

/** Connections that are made when they are needed, up to so many, and made anew when they were lost. */
export interface Pool {
  /** Lends a connection that nobody else uses meanwhile; waits for one, in the order of asking. */
  take(): Promise<Client>;
  giveBack(client: Client): void;
  /** The connection that the fewest statements are using just now, for one more. */
  share(): SharedClient;
  readonly state: PoolState;
  /** Ends the connections when what is under way on them is done. */
  end(): Promise<void>;
}

/** Connections as they are just now, and who waits for one. */
export interface PoolState {
  open: number;
  inUse: number;
  waiting: number;
}

/** A connection that others use as well. */
export interface SharedClient {
  readonly client: Client;
  /** To be called when the statement is answered. */
  done(): void;
}

/** A pool is for lending or for sharing, not for both. */
export function createPool(open: () => Client, clientsMax: number): Pool {
  /** Statements or borrowers by client. */
  const users = new Map<Client, number>();
  const waiting: ((client: Client) => void)[] = [];

  /** The least used client; a new one rather than one in use. */
  function choose(): Client {
    let chosen: Client | undefined;
    for (const [client, count] of users) {
      if (client.isLost) discard(client);
      else if (chosen === undefined || count < users.get(chosen)!) chosen = client;
    }
    const isFree = chosen !== undefined && users.get(chosen) === 0;
    if (chosen !== undefined && (isFree || users.size >= clientsMax)) return chosen;
    const made = open();
    users.set(made, 0);
    return made;
  }

  function discard(client: Client): void {
    users.delete(client);
    void client.end();
  }

  function enter(client: Client): Client {
    users.set(client, users.get(client)! + 1);
    return client;
  }

  function leave(client: Client): void {
    const count = users.get(client);
    if (count === undefined) return;
    if (client.isLost) discard(client);
    else users.set(client, count - 1);
  }

  /** The least used client when nobody uses it. */
  function takeFree(): Client | undefined {
    const chosen = choose();
    return users.get(chosen) === 0 ? enter(chosen) : undefined;
  }

  return {
    take() {
      const client = takeFree();
      if (client !== undefined) return Promise.resolve(client);
      return new Promise((resolve) => waiting.push(resolve));
    },
    giveBack(client) {
      leave(client);
      if (waiting.length === 0) return;
      const free = takeFree();
      if (free !== undefined) waiting.shift()!(free);
    },
    share() {
      const client = enter(choose());
      return { client, done: () => leave(client) };
    },
    get state() {
      const inUse = [...users.values()].filter((count) => count > 0).length;
      return { open: users.size, inUse, waiting: waiting.length };
    },
    async end() {
      await Promise.all([...users.keys()].map((client) => client.end()));
    },
  };
}

/** A statement as the driver makes it; it goes to its handler when somebody waits for it. */
interface Statement extends Promise<unknown> {
  handler?: (statement: Statement) => void;
  reject(error: unknown): void;
}

type Make = (...args: unknown[]) => Statement;

/**
 * SQL whose statements go through `send` instead of straight to the client that made them. Parts of statements pass as
 * they are. It is the one place that uses the driver beyond its documentation: `handler` and `reject` of its queries.
 */
export function sqlThrough<Result>(
  { sql }: Client,
  send: (statement: Statement, toClient: (statement: Statement) => void) => void,
): Result {
  const through =
    (make: unknown): Make =>
    (...args) => {
      const made = (make as Make)(...args);
      const toClient = made.handler;
      if (toClient !== undefined) made.handler = (statement) => send(statement, toClient);
      return made;
    };
  const { json, types, typed } = sql;
  const wrapped = Object.assign(through(sql), { unsafe: through(sql.unsafe), json, types, typed });
  return wrapped as unknown as Result;
}

/** SQL for statements that stand alone: each goes to a connection of the pool. `maker` itself is never connected. */
export function sqlOf(pool: Pool, maker: Client): Sql<Types> {
  const underWay = new WeakMap<Client, Set<Statement>>();

  /** When the connection is lost, the driver forgets those that wait for others before them. */
  function statementsOf(client: Client): Set<Statement> {
    const known = underWay.get(client);
    if (known !== undefined) return known;
    const statements = new Set<Statement>();
    client.onLost = (error) => {
      for (const statement of statements) statement.reject(error);
    };
    underWay.set(client, statements);
    return statements;
  }

  return sqlThrough(maker, (statement) => {
    const { client, done } = pool.share();
    const statements = statementsOf(client);
    statements.add(statement);
    const ended = () => {
      statements.delete(statement);
      done();
    };
    // A query runs when its own `then` is called; this one only hears that it ended.
    void Promise.prototype.then.call(statement, ended, ended);
    (client.sql`` as unknown as Statement).handler!(statement);
  });
}
