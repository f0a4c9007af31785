/**
 * grpc.channelz.v1: what grpc-js knows of the channels, servers and sockets of this process, for operators' tools such as
 * grpcdebug. A call passes through the interceptors like every other; policy.ts says who may ask.
 */
import {
  create,
  createFileRegistry,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { getChannelzHandlers, getChannelzServiceDefinition } from '@grpc/grpc-js';
import { DomainError } from '../../errors.ts';
import type { Implementation } from '../handlers.ts';

const methods = [
  'GetTopChannels',
  'GetServers',
  'GetServer',
  'GetServerSockets',
  'GetChannel',
  'GetSubchannel',
  'GetSocket',
] as const;

/**
 * The service, without its messages: they pass through as unknown fields, from the caller's bytes to grpc-js's own coding
 * and back. grpc-js parses the real definition when the first call comes, for it takes 13 MB and a fifth of a second.
 */
export function createChannelz(): Implementation {
  const service = describe();
  const handlers = service.methods.map((method) => [
    method.localName,
    (request: Message) => answer(method, request),
  ]);
  return { service, handlers: Object.fromEntries(handlers) };
}

function describe(): DescService {
  const file = {
    name: 'grpc/channelz/v1/channelz.proto',
    package: 'grpc.channelz.v1',
    syntax: 'proto3',
    messageType: methods.flatMap((name) => [
      { name: `${name}Request` },
      { name: `${name}Response` },
    ]),
    service: [
      {
        name: 'Channelz',
        method: methods.map((name) => ({
          name,
          inputType: `.grpc.channelz.v1.${name}Request`,
          outputType: `.grpc.channelz.v1.${name}Response`,
        })),
      },
    ],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getService('grpc.channelz.v1.Channelz')!;
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
  const name = method.name as (typeof methods)[number];
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
