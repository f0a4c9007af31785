/** Calls as they come in: from grpc-js's events to the dispatcher and back. */

import {
  Metadata as GrpcMetadata,
  type ServerInterceptingCallInterface,
  status as statusCodes,
} from '@grpc/grpc-js';
import { uriNamesOf } from '../../identity/certificate-names.ts';
import { limits } from '../../limits.ts';
import { Cancellation } from '../../scope.ts';
import type { Dispatcher, EngineOptions, Inbound, Metadata, Peer, ReplyStatus } from '../engine.ts';
import { createQueue } from '../queue.ts';
import { asBuffer, fromGrpc, headerBytes, toGrpc, withDetails } from './metadata.ts';
import { resetUntaken, streamOf, type Transfer, type Transfers } from './transfers.ts';

/** A call that grpc-js has just received. */
export interface Accepted {
  path: string;
  call: ServerInterceptingCallInterface;
  dispatcher: Dispatcher;
  options: EngineOptions;
  transfers: Transfers;
}

/** What a message costs that waits, beside its bytes: the smallest must not wait without bound either. */
const messageOverheadBytes = 512;

const okStatus = { code: statusCodes.OK, details: 'OK', metadata: null };

/** Answers a call that brings one message and gets one. */
export function acceptUnary({ path, call, dispatcher, options, transfers }: Accepted): void {
  let inbound: GrpcInbound;
  let body: Buffer | undefined;
  let answered = false;

  function refuse(code: number, details: string) {
    answered = true;
    call.sendStatus({ code, details, metadata: null });
  }

  call.start({
    onReceiveMetadata(metadata) {
      inbound = new GrpcInbound(path, call, metadata);
      inbound.movingSince = performance.now();
      transfers.open.add(inbound);
      if (headerBytes(inbound.metadata) > options.headerBytesMax) refuse(...tooManyHeaders);
      else call.startRead();
    },
    onReceiveMessage(message: Buffer) {
      if (body !== undefined) return refuse(...notOneMessage);
      body = message;
      call.startRead();
    },
    onReceiveHalfClose() {
      if (answered) return;
      if (body === undefined) return refuse(...notOneMessage);
      inbound.movingSince = undefined;
      void dispatcher.unary(inbound, body).then((answer) => {
        answered = true;
        inbound.movingSince = performance.now();
        if (answer.status !== undefined) return call.sendStatus(toGrpcStatus(answer.status));
        // grpc-js would refuse it too, but not keep us from sending the status that comes next.
        if (answer.body.length > options.messageBytesMax) return refuse(...tooLarge);
        call.sendMessage(asBuffer(answer.body), noop);
        // Not when the message has been written: that would take a tenth of the CPU of the whole call more.
        call.sendStatus(okStatus);
      });
    },
    onCancel() {
      // grpc-js says this after every call, also after a good one.
      transfers.open.delete(inbound);
      if (answered) resetUntaken(inbound);
      else inbound.cancellation.cancel();
    },
  });
}

/** Answers a call with a stream on either side. */
export function acceptStream({ path, call, dispatcher, options, transfers }: Accepted): void {
  const bodies = createQueue<Uint8Array>();
  let inbound: GrpcInbound;
  let answered = false;
  let gone = false;
  let bytesWaiting = 0;
  let wakeSender: (() => void) | undefined;

  function sent(bytes: number) {
    bytesWaiting -= bytes;
    if (bytesWaiting < limits.streamBytesWaitingMax) wakeSender?.();
  }

  function send(body: Uint8Array): Promise<void> {
    if (inbound.cancellation.cancelled) return Promise.resolve();
    const bytes = body.length + messageOverheadBytes;
    bytesWaiting += bytes;
    call.sendMessage(asBuffer(body), () => sent(bytes));
    if (bytesWaiting < limits.streamBytesWaitingMax) return Promise.resolve();
    return new Promise((resolve) => {
      wakeSender = resolve;
    });
  }

  // One request is asked for at a time, when the last one was taken: a slow handler slows the caller.
  bodies.onTake(() => call.startRead());
  call.start({
    onReceiveMetadata(metadata) {
      inbound = new GrpcInbound(path, call, metadata);
      if (headerBytes(inbound.metadata) > options.headerBytesMax) {
        answered = true;
        const [code, details] = tooManyHeaders;
        return call.sendStatus({ code, details, metadata: null });
      }
      call.startRead();
      void dispatcher.stream(Object.assign(inbound, { bodies, send })).then((status) => {
        answered = true;
        inbound.movingSince = performance.now();
        if (!gone) transfers.open.add(inbound);
        call.sendStatus(status.code === 0 ? okStatus : toGrpcStatus(status));
      });
    },
    onReceiveMessage(body: Buffer) {
      bodies.push(body);
    },
    onReceiveHalfClose() {
      // A stream that was reset looks like one that ended. To ask for more makes grpc-js notice, and then `onCancel` runs
      // before this tick: a broken upload must not pass for a complete one.
      call.startRead();
      process.nextTick(() => bodies.end());
    },
    onCancel() {
      gone = true;
      transfers.open.delete(inbound);
      if (answered) return resetUntaken(inbound);
      inbound.cancellation.cancel();
      bodies.end();
      wakeSender?.();
    },
  });
}

const tooManyHeaders = [statusCodes.RESOURCE_EXHAUSTED, 'the headers are too large'] as const;
const tooLarge = [statusCodes.RESOURCE_EXHAUSTED, 'the answer is too large'] as const;
const notOneMessage = [statusCodes.UNIMPLEMENTED, 'this method takes one message'] as const;

function noop() {}

/** A class, for an object literal with a getter is made anew, getter and all, for each call. */
class GrpcInbound implements Inbound, Transfer {
  readonly path: string;
  readonly metadata: Metadata;
  readonly deadlineAt: number;
  readonly cancellation = new Cancellation();
  readonly call: ServerInterceptingCallInterface;
  movingSince: number | undefined = undefined;

  constructor(path: string, call: ServerInterceptingCallInterface, metadata: GrpcMetadata) {
    const deadline = call.getDeadline();
    this.path = path;
    this.metadata = fromGrpc(metadata);
    this.deadlineAt = typeof deadline === 'number' ? deadline : deadline.getTime();
    this.call = call;
  }

  get peer(): Peer {
    return peerOf(this.call);
  }
}

/** The peer of a connection never changes, and to read its certificate costs more than the rest of a call. */
const peers = new WeakMap<object, Peer>();

function peerOf(call: ServerInterceptingCallInterface): Peer {
  const { session } = streamOf(call);
  const known = session && peers.get(session);
  if (known !== undefined) return known;
  const certificate = call.getAuthContext().sslPeerCertificate;
  const peer = { address: call.getPeer(), names: uriNamesOf(certificate?.subjectaltname) };
  if (session !== undefined) peers.set(session, peer);
  return peer;
}

function toGrpcStatus({ code, message, details, trailers }: ReplyStatus) {
  const metadata = trailers === undefined ? new GrpcMetadata() : toGrpc(trailers);
  // A half of a surrogate pair would make grpc-js throw while it encodes the text.
  return { code, details: message.toWellFormed(), metadata: withDetails(metadata, details) };
}
