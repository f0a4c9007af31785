import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { limits } from '../limits.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { createClient } from '../rpc/client/client.ts';
import { detached } from '../scope.ts';

/** A key set as it was fetched. */
export interface KnownKeys {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  /** Milliseconds since the epoch at which the fetch began: what was published later may be missing. */
  readonly fetchedAt: number;
}

/** The keys that access tokens are checked against. */
export interface KeySource {
  /** The keys at hand, fetched when there are none. Rejects when they cannot be fetched. */
  keys(): Promise<KnownKeys>;
  /** Newer keys than those in which one was missing; undefined when there can be none yet. */
  newerThan(missed: KnownKeys): Promise<KnownKeys | undefined>;
}

/** Keeps a key set at hand. Callers that need it at the same moment share one fetch. */
export function createKeySource(
  load: () => Promise<JSONWebKeySet>,
  now: () => number = Date.now,
): KeySource {
  let known: KnownKeys | undefined;
  let fetching: Promise<KnownKeys> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  async function fetchKeys(): Promise<KnownKeys> {
    const fetchedAt = now();
    askedAt = fetchedAt;
    // Not on the budget of the call that happened to come first: all that wait share the answer.
    const find = createLocalJWKSet(await detached({ timeoutMs: limits.keysFetchMsMax }, load));
    known = { find, fetchedAt };
    return known;
  }

  function refetch(): Promise<KnownKeys> {
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  return {
    async keys() {
      if (known === undefined) return refetch();
      // The old ones serve until the new ones are there; when the issuer is away, for as long as that lasts.
      if (now() - askedAt > limits.keysAgeMsMax) refetch().catch(() => {});
      return known;
    },
    async newerThan(missed) {
      if (known !== undefined && known !== missed) return known;
      if (fetching !== undefined) return fetching;
      return now() - askedAt < limits.keysRefetchMsMin ? undefined : refetch();
    },
  };
}

/** Fetches the keys from the service that issues access tokens. */
export async function loadKeysFrom(channel: Channel): Promise<JSONWebKeySet> {
  const { jwksJson } = await createClient(KeyService, channel).getJwks({});
  return JSON.parse(jwksJson) as JSONWebKeySet;
}
