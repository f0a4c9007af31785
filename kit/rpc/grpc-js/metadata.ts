import { Metadata as GrpcMetadata } from '@grpc/grpc-js';
import type { Metadata } from '../engine.ts';

export function toGrpc(metadata: Metadata): GrpcMetadata {
  const out = new GrpcMetadata();
  for (const key in metadata) {
    const value = metadata[key]!;
    if (key.endsWith('-bin')) out.set(key, Buffer.from(value, 'base64'));
    else out.set(key, value);
  }
  return out;
}

export function fromGrpc(metadata: GrpcMetadata): Metadata {
  const out: Metadata = {};
  // toHttp2Headers joins nothing and decodes nothing that we would have to encode again.
  const headers = metadata.toHttp2Headers();
  for (const key in headers) {
    const value = headers[key];
    if (value !== undefined) out[key] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return out;
}

const detailsKey = 'grpc-status-details-bin';

/** The serialised google.rpc.Status of a failed call, where it carries one. */
export function detailsOf(metadata: GrpcMetadata): Uint8Array | undefined {
  const value = metadata.get(detailsKey)[0];
  return value instanceof Buffer ? value : undefined;
}

export function withDetails(metadata: GrpcMetadata, details: Uint8Array | undefined): GrpcMetadata {
  if (details !== undefined) metadata.set(detailsKey, asBuffer(details));
  return metadata;
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
