/** Columns for `schema.ts`, as the kit's statements read them. */
import { bigint, customType, timestamp } from 'drizzle-orm/pg-core';

/** Bytes, as a Buffer. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** A point in time, as a Date. */
export const time = <Name extends string>(name: Name) => timestamp(name, { withTimezone: true });

/** 64 bits, as a bigint: money and stock must not pass through a double. */
export const int8 = <Name extends string>(name: Name) => bigint(name, { mode: 'bigint' });
