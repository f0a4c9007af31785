/**
 * The engine moves one call over one connection, as bytes. It knows HTTP/2 and gRPC framing; it knows no messages, no
 * policy, no balancing and no retries: those lie above it and are the same on every engine.
 */
import type { TlsSource } from '../identity/tls-files.ts';
import type { Cancellation } from '../scope.ts';
import type { Implementation } from './server/handlers.ts';

/**
 * Headers or trailers: lower-case names, one value each; several values of one name are joined by ", ". Names ending in
 * "-bin" hold base64. Reserved names (those of HTTP/2 and gRPC itself) are the engine's.
 */
export type Metadata = Record<string, string>;

/** `failed` means that the last attempt to connect failed; the connection tries again by itself. */
export type ConnectionState = 'idle' | 'connecting' | 'ready' | 'failed' | 'closed';

/** One call on its way out. */
export interface WireCall {
  /** "/package.Service/Method" */
  path: string;
  metadata: Metadata;
  /** Milliseconds since the epoch; Infinity for none. */
  deadlineAt: number;
  /** Ends the call at once when it is cancelled. */
  cancellation: Cancellation | undefined;
}

/** How a call ended. `code` is the gRPC status number. */
export interface WireStatus {
  code: number;
  message: string;
  /** grpc-status-details-bin: a serialised google.rpc.Status. */
  details: Uint8Array | undefined;
  trailers: Metadata;
  /** True when the request certainly never reached a handler (connection refused, REFUSED_STREAM, GOAWAY). */
  notProcessed: boolean;
}

/** How a unary call ended, with its answer. */
export interface WireReply extends WireStatus {
  /** Present exactly when `code` is 0. */
  body: Uint8Array | undefined;
}

/** A call with a stream on either side. Reading and writing may overlap. */
export interface WireStream {
  /** Resolves when the transport takes more: a slow peer slows the writer. */
  send(body: Uint8Array): Promise<void>;
  /** No more requests follow. */
  end(): void;
  /** Gives up: the peer sees CANCELLED, and not for a moment the end of the requests. Does nothing once it is over. */
  cancel(): void;
  /** The bodies that the peer sends; ends with the call, whatever its status. */
  readonly bodies: AsyncIterable<Uint8Array>;
  /** Resolves once, after the last body; it never rejects. */
  readonly status: Promise<WireStatus>;
}

/** One connection to one address. It connects at the first call and again after a loss, by itself. */
export interface Connection {
  /** "127.0.0.1:7301" or "[::1]:7301"; names are looked up before (kit/rpc/client/resolver.ts). */
  readonly address: string;
  readonly state: ConnectionState;
  /** Never rejects: a failure is a reply with a code. */
  unary(call: WireCall, body: Uint8Array): Promise<WireReply>;
  stream(call: WireCall): WireStream;
  /** Takes no more calls; those under way end as they would have. */
  close(): void;
}

/** Who is at the other end, as far as the transport knows. */
export interface Peer {
  /** "127.0.0.1:5012" */
  address: string;
  /** The URI names of a verified client certificate; empty without mTLS. */
  names: readonly string[];
}

/** A call as it came in. */
export interface Inbound {
  path: string;
  metadata: Metadata;
  deadlineAt: number;
  peer: Peer;
  /** Fires when the peer gave up or was lost before the call was answered. */
  cancellation: Cancellation;
}

/** The server side of a streaming call. */
export interface InboundStream extends Inbound {
  /** Ends when the peer has sent all, or after `cancellation` fired when it broke off. */
  readonly bodies: AsyncIterable<Uint8Array>;
  /** Resolves when the transport takes more, and at once when the call was cancelled. */
  send(body: Uint8Array): Promise<void>;
}

/** How a call is answered. `code` is the gRPC status number, `details` a serialised google.rpc.Status. */
export interface ReplyStatus {
  code: number;
  message: string;
  details: Uint8Array | undefined;
  trailers: Metadata | undefined;
}

/** The answer of a unary call, or its refusal. */
export type Reply<Body = Uint8Array> = { body: Body; status?: undefined } | { status: ReplyStatus };

/** What a listener hands its calls to. Neither ever rejects. */
export interface Dispatcher {
  methods: readonly { path: string; kind: 'unary' | 'stream' }[];
  unary(inbound: Inbound, body: Uint8Array): Promise<Reply>;
  stream(inbound: InboundStream): Promise<ReplyStatus>;
}

/** A port that takes calls. */
export interface Listener {
  /** "127.0.0.1:7301", with the port that was really bound. */
  readonly address: string;
  /** Takes no new connections, sends GOAWAY, resolves when the calls in flight are answered or the time is over. */
  drain(timeoutMs: number): Promise<void>;
  /** Closes the port and all connections at once. */
  close(): void;
}

/** What an engine holds both sides to. What is too large is RESOURCE_EXHAUSTED, whoever notices. */
export interface EngineOptions {
  /** Of one message, without its frame. */
  messageBytesMax: number;
  /** Of all headers of one call, as HTTP/2 counts them (RFC 9113, section 6.5.2). */
  headerBytesMax: number;
  streamsPerConnectionMax: number;
  /**
   * Milliseconds that a listener gives the message of a unary call to arrive, and what is left of any answer to be taken
   * once the call is over. Then it resets the call: a peer that stands still must not hold memory for ever.
   */
  transferMsMax: number;
  /** A listener asks the other end of a connection so often whether it is there, in milliseconds. */
  keepaliveMs: number;
  /**
   * With certificates both sides present one and want one that `ca` signed; absent means plaintext. A rotation drops no
   * call: new connections use the new certificate.
   */
  tls?: TlsSource;
  /** For `connect` with certificates: the SPIFFE id that the server's certificate must carry. */
  serverId?: string;
}

/** A way to move calls, chosen once for a process. */
export interface Engine {
  readonly name: string;
  connect(address: string, options: EngineOptions): Connection;
  listen(address: string, dispatcher: Dispatcher, options: EngineOptions): Promise<Listener>;
  /** Services by which the engine tells of itself, such as channelz; a server that listens on it offers them. */
  implementations?(): readonly Implementation[];
}
