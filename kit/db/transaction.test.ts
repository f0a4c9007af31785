import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createDatabase, type Database, type Tx } from './database.ts';
import { TransactionFailed, TransactionOver } from './transaction.ts';

const name = `test_transaction_${process.pid}`;
const admin = postgres(inject('servers').databaseUrl, { max: 2, onnotice: () => {} });
let database: Database;
let url: string;
/** In the same database as the superuser. */
let sql: postgres.Sql;

beforeAll(async () => {
  await admin.unsafe(`create database ${name}`);
  const own = new URL(inject('servers').databaseUrl);
  own.pathname = `/${name}`;
  url = own.toString();
  sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`create table note (text text primary key)`;
  database = createDatabase({ url, schema: 'public', connectionsMax: 3 });
});
afterAll(async () => {
  await database.close();
  await sql.end();
  await admin.unsafe(`drop database ${name} with (force)`);
  await admin.end();
});

const write = (tx: Tx, text: string) => tx`insert into note (text) values (${text})`;

async function notes(): Promise<string[]> {
  return (await sql<{ text: string }[]>`delete from note returning text`).map(({ text }) => text);
}

/** Ends the server's side of a transaction's connection. */
async function kill(tx: Tx): Promise<void> {
  const [row] = await tx`select pg_backend_pid() as pid`;
  await sql`select pg_terminate_backend(${row!.pid as number}, 5000)`;
}

/** The same while a statement is under way, which fails by it. */
async function killInSleep(tx: Tx): Promise<void> {
  const [row] = await tx`select pg_backend_pid() as pid`;
  const sleep = tx`select pg_sleep(20)`;
  sleep.catch(() => {});
  let isKilled = false;
  while (!isKilled) {
    const rows = await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where pid = ${row!.pid as number} and query like '%pg_sleep%'`;
    isKilled = rows.length > 0;
  }
  await sleep;
}

describe('a transaction', () => {
  test('is there as a whole or not at all', async () => {
    await database.transaction((tx) => Promise.all([write(tx, 'a'), write(tx, 'b')]));
    const failing = database.transaction(async (tx) => {
      await write(tx, 'c');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await notes()).sort()).toEqual(['a', 'b']);
  });

  test('in which a statement failed unnoticed does not pass for committed', async () => {
    const work = database.transaction(async (tx) => {
      await write(tx, 'a');
      await write(tx, 'a').catch(() => {});
    });
    await expect(work).rejects.toThrow(TransactionFailed);
    expect(await notes()).toEqual([]);
  });

  test('keeps the rest when a part of it is undone', async () => {
    await database.transaction(async (tx) => {
      await write(tx, 'a');
      const part = database.savepoint(tx, async (inner) => {
        await write(inner, 'b');
        await write(inner, 'a');
      });
      await expect(part).rejects.toMatchObject({ code: '23505' });
      await database.savepoint(tx, (inner) => write(inner, 'c'));
    });
    expect((await notes()).sort()).toEqual(['a', 'c']);
  });

  test('refuses statements that come after it', async () => {
    let escaped: Tx;
    await database.transaction(async (tx) => {
      escaped = tx;
      await write(tx, 'a');
    });
    await expect(write(escaped!, 'b')).rejects.toThrow(TransactionOver);
    expect(await notes()).toEqual(['a']);
  });
});

describe('what a transaction defers', () => {
  const defer = (tx: Tx, text: string) => database.defer(tx, write(tx, text), asTaken);
  const asTaken = () => {
    throw new Error('taken');
  };

  test('is written last, in the order in which it came, and sent with the commit', async () => {
    await sql`create table log (place serial, text text)`;
    const note = (tx: Tx, text: string) => tx`insert into log (text) values (${text})`;
    await database.transaction(async (tx) => {
      database.defer(tx, note(tx, 'third'));
      database.defer(tx, note(tx, 'fourth'));
      await note(tx, 'first');
      await note(tx, 'second');
      const [row] = await tx`select count(*)::int as count from log`;
      expect(row).toEqual({ count: 2 });
    });
    const rows = await sql<{ text: string }[]>`select text from log order by place`;
    expect(rows.map(({ text }) => text)).toEqual(['first', 'second', 'third', 'fourth']);
    await sql`drop table log`;
  });

  test('undoes all when it fails, and says why in its own words', async () => {
    await database.transaction((tx) => write(tx, 'a'));
    const work = database.transaction(async (tx) => {
      await write(tx, 'b');
      defer(tx, 'c');
      defer(tx, 'a');
      defer(tx, 'd');
    });
    await expect(work).rejects.toThrow('taken');
    expect(await notes()).toEqual(['a']);
  });

  test('goes with the part of the transaction that is undone', async () => {
    await database.transaction(async (tx) => {
      defer(tx, 'before');
      const part = database.savepoint(tx, async (inner) => {
        defer(inner, 'within');
        throw new Error('no');
      });
      await expect(part).rejects.toThrow('no');
      defer(tx, 'after');
    });
    expect((await notes()).sort()).toEqual(['after', 'before']);
  });

  test('is sent early when it is flushed, and still fails with the commit', async () => {
    await database.transaction(async (tx) => {
      defer(tx, 'a');
      void database.flush(tx);
      expect(await tx`select text from note`).toHaveLength(1);
    });
    const work = database.transaction(async (tx) => {
      defer(tx, 'a');
      defer(tx, 'b');
      await database.flush(tx);
    });
    await expect(work).rejects.toThrow('taken');
    expect(await notes()).toEqual(['a']);
  });

  test('is not flushed within a part, with which it would be undone', async () => {
    await database.transaction(async (tx) => {
      defer(tx, 'before');
      const part = database.savepoint(tx, async (inner) => {
        defer(inner, 'within');
        await database.flush(inner);
      });
      await expect(part).rejects.toThrow('within a savepoint');
      await database.flush(tx);
    });
    expect(await notes()).toEqual(['before']);
  });

  test('is not sent when the work fails', async () => {
    const work = database.transaction(async (tx) => {
      defer(tx, 'a');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await notes()).toEqual([]);
  });
});

test('the connections of transactions write in nothing else', async () => {
  // A transaction begins without waiting for the answer: were it refused, its statements would stand alone.
  const settings = await database.transaction(
    (tx) => tx`select current_setting('default_transaction_read_only') as alone,
      current_setting('transaction_read_only') as within`,
  );
  expect(settings).toEqual([{ alone: 'on', within: 'off' }]);
});

describe('a transaction whose connection is lost', () => {
  test('fails at once, whatever it waits for, and does nothing afterwards', async () => {
    let late: Promise<unknown> = Promise.resolve();
    let goOn = () => {};
    const waits = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const work = database.transaction((tx) => {
      late = (async () => {
        await write(tx, 'before');
        await kill(tx);
        await waits;
        await write(tx, 'after');
      })();
      return late;
    });
    await expect(work).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    // The pool has its connection anew, and somebody else a transaction on it.
    await Promise.all(
      ['x', 'y'].map((text) =>
        database.transaction(async (tx) => {
          await write(tx, text);
          goOn();
          await expect(late).rejects.toThrow(TransactionOver);
          await write(tx, `${text} still`);
        }),
      ),
    );
    expect((await notes()).sort()).toEqual(['x', 'x still', 'y', 'y still']);
  });

  test('while statements are under way leaves the process alive and the pool usable', async () => {
    for (let round = 0; round < 20; round += 1) {
      const works = [0, 1, 2, 3].map((i) =>
        database.transaction(async (tx) => {
          await write(tx, `${round} ${i}`);
          await Promise.all([killInSleep(tx), write(tx, `${round} ${i} more`)]);
        }),
      );
      const results = await Promise.allSettled(works);
      expect(results.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    }
    await database.transaction((tx) => write(tx, 'alive'));
    expect(await notes()).toEqual(['alive']);
  });

  test('gives way to others that waited for a connection', async () => {
    const works = Array.from({ length: 12 }, (_, i) =>
      database.transaction(async (tx) => {
        if (i % 3 === 0) await kill(tx);
        await write(tx, String(i));
      }),
    );
    const results = await Promise.allSettled(works);
    const done = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [String(i)] : []));
    expect(done).toEqual(['1', '2', '4', '5', '7', '8', '10', '11']);
    expect((await notes()).sort()).toEqual(done.sort());
  });
});

describe('rows that a transaction defers', () => {
  const taken = (what: string) => (error: unknown) => {
    const { constraint_name: constraint } = error as { constraint_name?: string };
    throw constraint === `${what}_pkey` ? new Error(`${what} taken`) : error;
  };
  const insertNotes = (tx: Tx, texts: readonly string[]) =>
    tx`insert into note (text) select unnest(${texts as string[]}::text[])`;
  const insertMarks = (tx: Tx, texts: readonly string[]) =>
    tx`insert into mark (text) select unnest(${texts as string[]}::text[])`;
  const raiseCounts = (tx: Tx, by: readonly number[]) =>
    tx`update tally set count = count + t.by from unnest(${by as number[]}::int[]) as t (by)`;
  const note = (tx: Tx, ...texts: string[]) =>
    database.deferRows(tx, insertNotes, texts, taken('note'));
  const mark = (tx: Tx, ...texts: string[]) =>
    database.deferRows(tx, insertMarks, texts, taken('mark'));
  const marks = async () =>
    (await sql<{ text: string }[]>`select text from mark order by place`).map(({ text }) => text);

  beforeAll(async () => {
    await sql`create table mark (text text primary key, place serial)`;
    await sql`create table tally (count int not null)`;
    await sql`insert into tally values (0)`;
  });
  beforeEach(async () => {
    await sql`truncate note, mark restart identity`;
  });

  test('are written by one statement behind what else is deferred, those of one writer in order', async () => {
    const sent: string[] = [];
    const heard = createDatabase({ url, schema: 'public', onStatement: (text) => sent.push(text) });
    for (let i = 0; i < 2; i += 1) {
      sent.length = 0;
      await heard.transaction(async (tx) => {
        heard.deferRows(tx, insertMarks, [`${i} a`, `${i} b`]);
        heard.deferRows(tx, insertNotes, []);
        heard.deferRows(tx, raiseCounts, [2]);
        heard.deferRows(tx, insertMarks, [`${i} c`]);
        heard.defer(tx, tx`update mark set text = text || '!'`);
      });
      expect(sent).toHaveLength(4);
      expect(sent[2]).toMatch(/^with part0 as \(insert into mark .*, part1 as \(update tally /s);
    }
    await heard.close();
    expect(await marks()).toEqual(['0 a!', '0 b!', '0 c!', '1 a', '1 b', '1 c']);
    expect(await sql`select count from tally`).toEqual([{ count: 4 }]);
  });

  test.for(['note', 'mark'] as const)(
    'undo all when one is there already, as its writer says it: a %s',
    async (which) => {
      const defer = { note, mark }[which];
      await database.transaction(async (tx) => defer(tx, 'old'));
      const work = database.transaction(async (tx) => {
        note(tx, 'new');
        mark(tx, 'new');
        defer(tx, 'old');
      });
      await expect(work).rejects.toThrow(`${which} taken`);
      expect([...(await marks()), ...(await notes())]).toEqual(['old']);
    },
  );

  test('go with the part of the transaction that is undone, and with a flush', async () => {
    await database.transaction(async (tx) => {
      mark(tx, 'a');
      const part = database.savepoint(tx, async (inner) => {
        mark(inner, 'within');
        throw new Error('no');
      });
      await expect(part).rejects.toThrow('no');
      mark(tx, 'b');
      note(tx, 'c');
      await database.flush(tx);
      expect(await tx`select text from mark`).toHaveLength(2);
      mark(tx, 'd');
    });
    expect(await marks()).toEqual(['a', 'b', 'd']);
  });

  test('of two transactions that meet on one, one is first and the other undone', async () => {
    const both = await Promise.allSettled(
      ['x', 'y'].map((own) =>
        database.transaction(async (tx) => {
          note(tx, own);
          mark(tx, 'shared', own);
        }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await notes()).toHaveLength(1);
    expect(await marks()).toHaveLength(2);
  });
});
