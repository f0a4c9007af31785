import type { DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Call } from './call.ts';

type Unary<I, O> = (request: I, call: Call) => Promise<O> | O;
type ServerStreaming<I, O> = (request: I, call: Call) => AsyncIterable<O>;
type ClientStreaming<I, O> = (requests: AsyncIterable<I>, call: Call) => Promise<O>;
type Bidi<I, O> = (requests: AsyncIterable<I>, call: Call) => AsyncIterable<O>;

/**
 * The implementation of a whole service: one function per method, typed by the contract. Forgetting a method does not
 * compile. Handlers take messages and answer with messages or their initialisers; they throw DomainErrors.
 *
 * Requests of a client stream that broke off end with an error. NOTE: strangers that use Node's HTTP/2 as it is (grpc-js
 * without this kit) end a stream before they reset it, so an upload that they cancel may look complete: what must be whole
 * says its size or its hash.
 */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service['method']]: Handler<Service['method'][Name]>;
};

type Handler<Method> = Method extends {
  methodKind: infer Kind;
  input: infer Input extends import('@bufbuild/protobuf').DescMessage;
  output: infer Output extends import('@bufbuild/protobuf').DescMessage;
}
  ? Kind extends 'unary'
    ? Unary<MessageShape<Input>, MessageInitShape<Output>>
    : Kind extends 'server_streaming'
      ? ServerStreaming<MessageShape<Input>, MessageInitShape<Output>>
      : Kind extends 'client_streaming'
        ? ClientStreaming<MessageShape<Input>, MessageInitShape<Output>>
        : Bidi<MessageShape<Input>, MessageInitShape<Output>>
  : never;

/** A service with its implementation, as servers take it. Made by `implement`. */
export interface Implementation {
  readonly service: DescService;
  // biome-ignore lint/suspicious/noExplicitAny: the types were checked where the pair was made.
  readonly handlers: Record<string, (...args: any[]) => any>;
}

/** Joins a service with handlers that fit it. */
export function implement<Service extends DescService>(
  service: Service,
  handlers: Handlers<Service>,
): Implementation {
  return { service, handlers: handlers as Implementation['handlers'] };
}
