import { Metadata as GrpcMetadata } from '@grpc/grpc-js';
import type { Metadata } from '../engine.ts';

/** Throws when a name or a value is none that HTTP/2 can carry. */
export function toGrpc(metadata: Metadata): GrpcMetadata {
  const out = new GrpcMetadata();
  for (const key in metadata) {
    const value = metadata[key]!;
    if (!key.endsWith('-bin')) out.set(key, value);
    else for (const each of value.split(',')) out.add(key, Buffer.from(each, 'base64'));
  }
  return out;
}

/** Headers or trailers as the kit has them: one value each, binary ones in base64. */
export function fromGrpc(metadata: GrpcMetadata): Metadata {
  // toHttp2Headers decodes nothing that we would have to encode again, and its object is ours to keep.
  const headers = metadata.toHttp2Headers();
  for (const key in headers) {
    const value = headers[key];
    if (typeof value !== 'string') headers[key] = [value].flat().join(', ');
  }
  return headers as Metadata;
}

/** The size of headers as HTTP/2 counts it, in bytes. Source: RFC 9113, section 6.5.2. */
export function headerBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const key in metadata) bytes += key.length + metadata[key]!.length + 32;
  return bytes;
}

const detailsKey = 'grpc-status-details-bin';

/** The serialised google.rpc.Status of a failed call, where it carries one. */
export function detailsOf(metadata: GrpcMetadata): Uint8Array | undefined {
  const value = metadata.get(detailsKey)[0];
  return value instanceof Buffer ? value : undefined;
}

/** Adds the serialised google.rpc.Status of a failure to its trailers. */
export function withDetails(metadata: GrpcMetadata, details: Uint8Array | undefined): GrpcMetadata {
  if (details !== undefined) metadata.set(detailsKey, asBuffer(details));
  return metadata;
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
