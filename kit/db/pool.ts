import type { Sql, TransactionSql } from 'postgres';
import { limits } from '../limits.ts';
import { DeadlineTooShort } from '../mesh-errors.ts';
import { onDeadline } from '../rpc/deadline-timer.ts';
import { aloneMs, type Budget, currentBudget, statementMs } from './budget.ts';
import type { Client, Types } from './client.ts';

/** Connections that are made when they are needed, up to so many, and made anew when they were lost. */
export interface Pool {
  /**
   * Lends a connection that nobody else uses meanwhile; waits for one, in the order of asking, as long as the budget
   * lasts. Throws DeadlineTooShort.
   */
  take(budget: Budget): Promise<Client>;
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
  const waiting = new Set<(client: Client) => void>();

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
    async take(budget) {
      // Refused before it takes a place.
      statementMs(budget);
      const client = takeFree();
      if (client !== undefined) return client;
      return new Promise((resolve, reject) => {
        const giveUp = () => {
          stop();
          reject(new DeadlineTooShort());
        };
        const timer = onDeadline(budget.deadlineAt, giveUp);
        const unsubscribe = budget.cancellation?.onCancel(giveUp);
        const lend = (free: Client) => {
          stop();
          resolve(free);
        };
        function stop() {
          clearTimeout(timer);
          unsubscribe?.();
          waiting.delete(lend);
        }
        waiting.add(lend);
      });
    },
    giveBack(client) {
      leave(client);
      const [next] = waiting;
      if (next === undefined) return;
      const free = takeFree();
      if (free !== undefined) next(free);
    },
    share() {
      const client = enter(choose());
      return { client, done: () => leave(client) };
    },
    get state() {
      const inUse = [...users.values()].filter((count) => count > 0).length;
      return { open: users.size, inUse, waiting: waiting.size };
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
  /** The values in its text as they were given, and as they are sent. */
  args: readonly unknown[];
  parameters?: readonly unknown[];
}

type Make = (...args: unknown[]) => Statement;

/**
 * SQL whose statements go through `send` instead of straight to the client that made them. Parts of statements pass as
 * they are. It is the one place that uses the driver beyond its documentation: the properties of its queries.
 */
export function sqlThrough<Result>(
  { sql }: Client,
  send: (statement: Statement, toClient: (statement: Statement) => void, budget: Budget) => void,
): Result {
  const through =
    (make: unknown): Make =>
    (...args) => {
      const made = (make as Make)(...args);
      const toClient = made.handler;
      if (toClient === undefined) return made;
      // Of the scope that makes it: it is sent when somebody waits for it, who may be elsewhere.
      const budget = currentBudget();
      made.handler = (statement) => {
        forgetWhenAnswered(statement, [statement]);
        send(statement, toClient, budget);
      };
      return made;
    };
  const { json, types, typed } = sql;
  const wrapped = Object.assign(through(sql), { unsafe: through(sql.unsafe), json, types, typed });
  return wrapped as unknown as Result;
}

/**
 * Takes from a statement, or from its parts, what they were made of when it is answered. V8 keeps a query of the driver
 * through many collections of the young heap, for closures over the query are properties of it, and so it would keep all
 * that is sent: of what a batch of transfers allocates, 44 % went to the old heap, and each collection of the young one
 * copied it first.
 */
function forgetWhenAnswered(statement: Statement, made: readonly Statement[]): void {
  const forget = () => {
    for (const each of made) {
      each.args = [];
      each.parameters = [];
      each.handler = ignore;
    }
  };
  // A query runs when its own `then` is called; this one only hears that it ended.
  void Promise.prototype.then.call(statement, forget, forget);
}

const joinedTexts = new Map<number, TemplateStringsArray>();

/** The text around so many statements: one for each number, for the driver keeps what it knows by them. */
function joinedText(count: number): TemplateStringsArray {
  const known = joinedTexts.get(count);
  if (known !== undefined) return known;
  const between = Array.from({ length: count - 1 }, (_, i) => `), part${i + 1} as (`);
  const texts = ['with part0 as (', ...between, ') select where false'];
  const made = Object.assign(texts, { raw: texts });
  joinedTexts.set(count, made);
  return made;
}

/** One statement that does what several do, in no order among them. They are templates, and go out no other way. */
export function joined(
  tx: TransactionSql<Types>,
  parts: readonly PromiseLike<unknown>[],
): PromiseLike<unknown> {
  const statement = tx(joinedText(parts.length), ...(parts as never[]));
  forgetWhenAnswered(statement as unknown as Statement, parts as Statement[]);
  return statement;
}

/** Sends one more statement ahead of another, on the same connection. It fails only together with its connection. */
export function sendBefore(
  { sql }: Client,
  text: string,
  toClient: (statement: Statement) => void,
): void {
  const statement = sql.unsafe(text) as unknown as Statement;
  // A query runs when its own `then` is called; this one is sent already.
  void Promise.prototype.then.call(statement, ignore, ignore);
  toClient(statement);
}

function ignore() {}

/** How many times its budget a statement that stands alone may take: a setting that fits is not sent again. */
const toleranceMax = 4;

/** SQL for statements that stand alone: each goes to a connection of the pool. `maker` itself is never connected. */
export function sqlOf(pool: Pool, maker: Client): Sql<Types> {
  const underWay = new WeakMap<Client, Set<Statement>>();
  /** Milliseconds for a statement, where a connection was told to end it earlier than by itself. */
  const timeouts = new WeakMap<Client, number>();

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

  /** The connection's timeout holds for this statement: no shorter than its budget, and not much longer. */
  function settle(client: Client, leftMs: number, toClient: (statement: Statement) => void): void {
    const present = timeouts.get(client) ?? limits.statementMsMax;
    if (present >= leftMs && present <= leftMs * toleranceMax) return;
    const next = Math.min(Math.ceil(leftMs * (toleranceMax / 2)), limits.statementMsMax);
    timeouts.set(client, next);
    sendBefore(client, `set statement_timeout = ${next}`, toClient);
  }

  return sqlThrough(maker, (statement, _, budget) => {
    const { client, done } = pool.share();
    const statements = statementsOf(client);
    statements.add(statement);
    const ended = () => {
      statements.delete(statement);
      done();
    };
    // A query runs when its own `then` is called; this one only hears that it ended.
    void Promise.prototype.then.call(statement, ended, ended);
    const toClient = (client.sql`` as unknown as Statement).handler!;
    settle(client, aloneMs(budget), toClient);
    toClient(statement);
  });
}
