/** Words that have a meaning already where the names of a new service go. */

const wordsOf = (text: string) => new Set(text.trim().split(/\s+/));

/** No identifier of TypeScript, or no package of Python: clients could not import what is called so. */
export const wordsOfLanguages = wordsOf(`
  and arguments as assert async await break case catch class const continue debugger def default del
  delete do elif else enum eval except export extends false finally for from function global if
  implements import in instanceof interface is lambda let new nonlocal not null or package pass
  private protected public raise return static super switch this throw true try typeof undefined var
  void while with yield`);

/** What PostgreSQL takes for a table's name in quotes only. */
export const wordsOfSql = wordsOf(`
  all analyse analyze and any array as asc asymmetric authorization binary both case cast check
  collate collation column concurrently constraint create cross default deferrable desc distinct
  do else end except false fetch for foreign freeze from full grant group having ilike in
  initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
  references returning right select similar some symmetric table tablesample then to trailing true
  union unique user using variadic verbose when where window with`);

/** First parts of the packages that every contract refers to: a domain cannot be one, nor hide one. */
const packages = ['buf', 'common', 'google', 'grpc'];

/** Domains whose schemas, or whose processes' logs, would be those of somebody else, and the folders of this repository. */
export const takenDomains = new Set([
  ...packages,
  ...['information', 'pg', 'nats', 'postgres', 'redis', 'sandbox', 'testing'],
  ...['deploy', 'examples', 'gen', 'kit', 'proto', 'services', 'tests', 'tools'],
]);

/**
 * Services whose package, table, id or file is there already under that name: `user_id` is whose something is, `request_id`
 * tells a repetition, every schema has an inbox, an outbox and the migration 0001_kit.sql, and what lies in a folder
 * "testing" counts as a test. An answer with a field "then" would be awaited.
 */
export const takenServices = new Set([
  ...packages,
  ...['constructor', 'domain', 'implement', 'inbox', 'kit', 'outbox', 'platform', 'request'],
  ...['testing', 'then', 'user'],
]);
