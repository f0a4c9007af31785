/**
 * grpc.channelz.v1: what grpc-js knows of the channels, servers and sockets of this process, for operators' tools such as
 * grpcdebug. A call passes through the interceptors like every other; policy.ts says who may ask.
 */
import { type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { getChannelzHandlers, getChannelzServiceDefinition } from '@grpc/grpc-js';
import { Channelz } from '#gen/grpc/channelz/v1/channelz_pb.ts';
import { DomainError } from '../../errors.ts';
import type { Implementation } from '../server/handlers.ts';

/**
 * The service. Its messages pass as bytes to grpc-js's own coding and back; grpc-js parses its definition when the first
 * call comes, for it takes 13 MB and a fifth of a second.
 */
export function createChannelz(): Implementation {
  const handlers = Channelz.methods.map((method) => [
    method.localName,
    (request: Message) => answer(method, request),
  ]);
  return { service: Channelz, handlers: Object.fromEntries(handlers) };
}

/** The id that was asked for names nothing, or nothing any more: all that grpc-js ever refuses here. */
class ChannelzIdUnknown extends DomainError {
  readonly code = 'not_found';
  readonly reason = 'CHANNELZ_ID_UNKNOWN';
}

type Handler = (
  call: { request: unknown },
  reply: (refusal: unknown, response?: unknown) => void,
) => void;

function answer(method: DescMethod, request: Message): Promise<Message> {
  const name = method.name as 'GetServers';
  const { requestDeserialize, responseSerialize } = getChannelzServiceDefinition()[name];
  const handler = getChannelzHandlers()[name] as unknown as Handler;
  const asked = requestDeserialize(Buffer.from(toBinary(method.input, request)));
  return new Promise((resolve, reject) => {
    handler({ request: asked }, (refusal, response) => {
      if (refusal) reject(new ChannelzIdUnknown());
      else resolve(fromBinary(method.output, responseSerialize(response as never)));
    });
  });
}
