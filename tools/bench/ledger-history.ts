import type { Sql } from 'postgres';

const chunk = 1_000_000;

/**
 * Stores transfers of earlier days, with their entries and recorded requests: what a bank that has been running for a while
 * carries with it. They go round in circles: each account pays the next one 1, over and over. Each circle leaves out a few
 * accounts more than the one before: were their histories of one length, the pages of an index that hold the last entries
 * of each would all be full at the same time, and be split while others are measured. Afterwards all balances are as before
 * and all invariants hold. Rows are as long as those of the present: shorter ones would fill up pages of the past, a random
 * one each. One transfer is there already. `sql` is a superuser's, with the ledger's schema first in its path.
 */
export async function addOldTransfers(
  sql: Sql,
  accountIds: readonly string[],
  count: number,
): Promise<void> {
  const accounts = accountIds.length;
  const circles = Math.ceil((2 * count) / accounts);
  await sql.begin(async (tx) => {
    await tx.unsafe('set local session_replication_role = replica');
    await tx.unsafe(
      'create temp table circle (i integer primary key, account_id uuid) on commit drop',
    );
    await tx.unsafe(
      'create temp table old (i integer, circle integer, size integer, transaction_id uuid) on commit drop',
    );
    await tx`
      insert into circle select i - 1, account_id
      from unnest(string_to_array(${accountIds.join()}, ',')::uuid[]) with ordinality as t (account_id, i)`;
    // So many accounts take part in a circle: the first ones.
    const size = tx`greatest(2, ${accounts}::integer - circle * ${accounts / circles}::float8)::integer`;
    const perChunk = Math.max(1, Math.floor(chunk / accounts));
    for (let from = 0; from < circles; from += perChunk) {
      const to = Math.min(circles, from + perChunk);
      await tx.unsafe('truncate old');
      await tx`
        insert into old
        select i, circle, size, uuidv7(interval '-30 days' + (circle * ${accounts} + i) * interval '0.1 seconds')
        from generate_series(${from}::integer, ${to - 1}::integer) as circle,
          lateral (select ${size} as size), circle as c
        where c.i < size order by circle, i`;
      await tx`
        insert into transaction (transaction_id, type, status, source_id, destination_id, amount_minor,
          currency, captured_minor, reference, risk_decision_id, risk_action, risk_rules, risk_hash,
          compliance_decision_id, compliance_action, compliance_rules, compliance_hash,
          verdict_expires_at, created_at, updated_at)
        select transaction_id, 'TRANSFER', 'COMPLETED', s.account_id, d.account_id, 1, 'EUR', 1, '',
          transaction_id, 'ALLOW', 1, content, transaction_id, 'ALLOW', 1, content,
          now() - interval '30 days', now() - interval '30 days', now() - interval '30 days'
        from old join circle s using (i) join circle d on d.i = (old.i + 1) % old.size,
          lateral (select sha256(convert_to(transaction_id || '|TRANSFER|' || s.account_id || '|'
            || d.account_id || '|1|EUR|', 'UTF8')) as content)`;
      await tx`
        insert into request_log (request_id, scope, request_hash, response)
        select transaction_id, scope, request_hash, response
        from old, (
          select scope, request_hash, response from request_log
          where scope like '%ExecuteTransaction' limit 1) as like_any`;
      // An account is paid first and then pays; before all that it had one entry, that of its deposit.
      await tx`
        insert into entry (account_id, sequence, transaction_id, delta_minor, balance_minor, created_at)
        select c.account_id, e.sequence, e.transaction_id, e.delta, a.posted_minor + greatest(e.delta, 0),
          now()
        from (
          select (i + 1) % size as i, 2 * circle + 2 as sequence, transaction_id, 1 as delta
          from old
          union all
          select i, 2 * circle + 3, transaction_id, -1 from old) as e
        join circle c using (i) join account a using (account_id)
        order by c.account_id, e.sequence`;
    }
    await tx`
      update account set sequence = sequence + 2 * taken.part, version = version + 1,
        change_id = gen_random_uuid()
      from circle join lateral (
        select count(*) as part from generate_series(0, ${circles - 1}::integer) as circle
        where ${size} > i) as taken on true
      where account.account_id = circle.account_id`;
  });
  // Days ago the database has done this by itself, and would else do it while others are measured.
  await sql.unsafe('vacuum (analyze) account, transaction, entry, request_log');
  await sql.unsafe('checkpoint');
}
