import type {
  KeyService,
  RotateSigningKeyResponseSchema,
} from '#gen/platform/identity/v1/identity_pb.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { UserDeps } from '../deps.ts';
import { toJwks } from '../keyring.ts';
import { keyToProto } from '../proto.ts';

export function createKeyRpc({ database, keyring }: UserDeps): Handlers<typeof KeyService> {
  return {
    async getJwks() {
      const keys = await keyring.published();
      return { keys: keys.map(keyToProto), jwksJson: toJwks(keys) };
    },

    rotateSigningKey: (request, call) =>
      answerOnce<typeof RotateSigningKeyResponseSchema>(
        database,
        call,
        requestKey(call, request),
        async (tx) => ({
          key: keyToProto(await keyring.rotate(tx)),
        }),
      ),
  };
}
