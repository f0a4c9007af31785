import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Address, AddressNotFound } from '../domain.ts';
import type { address } from '../schema.ts';

/** Address books. Who changes one has locked its person (UserStore.lockAccount). */
export interface AddressStore {
  /** Addresses of one person after an address id (exclusive), in the order in which they were added. */
  list(options: { userId: string; after: string | undefined; limit: number }): Promise<Address[]>;
  /** How many a person has. Exact while the person is locked. */
  count(tx: Tx, userId: string): Promise<number>;
  insert(tx: Tx, userId: string, address: Address): Promise<void>;
  /** Replaces one of the person's addresses. Throws AddressNotFound. */
  replace(tx: Tx, userId: string, address: Omit<Address, 'createdAt'>): Promise<Address>;
  /** Throws AddressNotFound. */
  remove(tx: Tx, userId: string, addressId: string): Promise<void>;
}

type AddressRow = Omit<RowOf<typeof address>, 'user_id'>;

/** Before every UUIDv7. */
const firstId = '00000000-0000-0000-0000-000000000000';

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createAddressStore({ sql }: Database): AddressStore {
  const columns = sql`address_id, label, recipient, lines, city, region, postal_code,
    country_code, created_at`;

  return {
    async list({ userId, after, limit }) {
      const rows = await sql<AddressRow[]>`
        select ${columns} from address
        where user_id = ${userId} and address_id > ${after ?? firstId}
        order by address_id limit ${limit}`;
      return rows.map(toAddress);
    },

    async count(tx, userId) {
      const [row] = await tx<{ count: bigint }[]>`
        select count(*) as count from address where user_id = ${userId}`;
      return Number(row!.count);
    },

    async insert(tx, userId, { addressId, label, postalAddress: to, createdAt }) {
      await tx`
        insert into address (address_id, user_id, label, recipient, lines, city, region, postal_code,
          country_code, created_at)
        values (${addressId}, ${userId}, ${label}, ${to.recipient}, ${to.lines as string[]},
          ${to.city}, ${to.region}, ${to.postalCode}, ${to.countryCode}, ${new Date(createdAt)})`;
    },

    async replace(tx, userId, { addressId, label, postalAddress: to }) {
      const [row] = await tx<AddressRow[]>`
        update address set label = ${label}, recipient = ${to.recipient},
          lines = ${to.lines as string[]}, city = ${to.city}, region = ${to.region},
          postal_code = ${to.postalCode}, country_code = ${to.countryCode}
        where address_id = ${addressId} and user_id = ${userId}
        returning ${columns}`;
      if (row === undefined) throw new AddressNotFound({ address_id: addressId });
      return toAddress(row);
    },

    async remove(tx, userId, addressId) {
      const removed = await tx`
        delete from address where address_id = ${addressId} and user_id = ${userId}`;
      if (removed.count === 0) throw new AddressNotFound({ address_id: addressId });
    },
  };
}

function toAddress(row: AddressRow): Address {
  const { recipient, lines, city, region } = row;
  return {
    addressId: row.address_id,
    label: row.label,
    postalAddress: {
      recipient,
      lines,
      city,
      region,
      postalCode: row.postal_code,
      countryCode: row.country_code,
    },
    createdAt: row.created_at.getTime(),
  };
}
