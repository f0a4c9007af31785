import type { Sql } from 'postgres';
import { expect } from 'vitest';
import { schemaOf } from '../service.ts';

/**
 * Breaks the connections of a service that are in the middle of a transaction, as the death of its process does; waits for
 * one that has only just been sent. `sql` is a superuser's, on the database of the service.
 */
export async function killTransactions(sql: Sql, service: string): Promise<void> {
  await expect
    .poll(
      () => sql`
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and application_name = ${schemaOf(service)}
          and (state like 'idle in transaction%' or state = 'active' and xact_start < query_start)`,
    )
    .not.toHaveLength(0);
}
