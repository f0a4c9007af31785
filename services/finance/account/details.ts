import type { Tx } from '#kit/db/database.ts';
import { type BlindIndex, createBlindIndex } from '#kit/vault/blind-index.ts';
import type { Vault } from '#kit/vault/vault.ts';
import { type Details, normalizeTaxId } from './domain.ts';
import type { AccountRecord, Reading, SealedDetails, Tokens } from './store.ts';

type Field = keyof Details;

/** Seals and opens what is known of accounts and their holders, and makes the tokens to find it by. */
export interface DetailsVault {
  /** Seals under the owner's key; undefined when the owner is erased. Until the transaction ends they cannot be. */
  seal(
    tx: Tx,
    of: { accountId: string; ownerId: string },
    details: Details,
  ): Promise<SealedDetails | undefined>;
  /** Opens these fields of accounts, in order, by one statement; undefined where the owner is erased. */
  open<Name extends Field>(
    on: Reading,
    records: readonly AccountRecord[],
    fields: readonly Name[],
  ): Promise<(Pick<Details, Name> | undefined)[]>;
  /** What a new account is kept with. */
  tokensOf(details: Details): Tokens;
  /** What a number is looked for by. */
  numberTokens(number: string): Buffer[];
  /** What a tax id, however it is written, is looked for by. */
  taxIdTokens(taxId: string): Buffer[];
}

const columns: Readonly<Record<Field, string>> = {
  number: 'number',
  legalName: 'legal_name',
  taxId: 'tax_id',
};

/** `indexSecrets` are as createBlindIndex takes them: all of them are needed for as long as their tokens are there. */
export function createDetailsVault(vault: Vault, indexSecrets: string): DetailsVault {
  const indexOf = (field: Field): BlindIndex =>
    createBlindIndex(indexSecrets, `finance_account.account.${columns[field]}`);
  const numbers = indexOf('number');
  const taxIds = indexOf('taxId');

  const placeOf = (of: { accountId: string; ownerId: string }, field: Field) => ({
    subject: of.ownerId,
    table: 'account',
    record: of.accountId,
    field: columns[field],
  });

  return {
    async seal(tx, of, details) {
      const fields = Object.keys(columns) as Field[];
      const sealed = await vault.seal(
        tx,
        fields.map((field) => ({ ...placeOf(of, field), plain: Buffer.from(details[field]) })),
      );
      if (sealed.includes(undefined)) return undefined;
      return Object.fromEntries(fields.map((field, i) => [field, sealed[i]])) as SealedDetails;
    },

    async open(on, records, fields) {
      const plain = await vault.open(
        on,
        records.flatMap((record) =>
          fields.map((field) => ({ ...placeOf(record, field), sealed: record.sealed[field] })),
        ),
      );
      return records.map((_, i) => {
        const own = plain.slice(i * fields.length, (i + 1) * fields.length);
        if (own.includes(undefined)) return undefined;
        return Object.fromEntries(fields.map((field, j) => [field, own[j]!.toString()])) as never;
      });
    },

    tokensOf: ({ number, taxId }) => ({
      number: numbers.token(number),
      taxId: taxIds.token(normalizeTaxId(taxId)),
    }),
    numberTokens: (number) => numbers.tokens(number),
    taxIdTokens: (taxId) => taxIds.tokens(normalizeTaxId(taxId)),
  };
}
