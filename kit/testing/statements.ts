import { createDatabase, type Database } from '../db/database.ts';
import { schemaOf } from '../service.ts';
import type { Network } from './network.ts';

/** A database of a service that knows how many statements each piece of work sent. */
export interface CountedDatabase {
  readonly database: Database;
  /** Statements that `work` sends, those that begin and end its transactions included. */
  statementsOf(work: () => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

/** Opens the schema of a service of a network once more, to see that a piece of work costs what it may. */
export function countStatements(network: Network, service: string): CountedDatabase {
  let sent = 0;
  const schema = schemaOf(service);
  const database = createDatabase({
    url: network.databaseUrl,
    schema,
    role: schema,
    onStatement: () => {
      sent += 1;
    },
  });
  return {
    database,
    async statementsOf(work) {
      // The driver asks each new connection for the types that it has.
      await database.check();
      await database.transaction((tx) => tx`select 1`);
      const before = sent;
      await work();
      return sent - before;
    },
    close: () => database.close(),
  };
}
