import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

const name = 'grpc-message';

/**
 * The text of a status as other servers send it. connect-node escapes ":" and "/" too, which gRPC does not ask for and
 * grpc-js does not undo: its callers would read "order_id%3A". Source: gRPC over HTTP/2, Status-Message.
 */
export function withPlainMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = answer;
  if (body === undefined || trailer === undefined) return answer;
  return { ...answer, body: followedBy(body, () => plain(trailer)) };
}

function plain(trailer: Headers): void {
  const escaped = trailer.get(name);
  if (escaped) trailer.set(name, encodeURI(decodeURIComponent(escaped)));
}

/** The status is known when the last byte of the answer is. */
async function* followedBy<Item>(items: AsyncIterable<Item>, then: () => void) {
  yield* items;
  then();
}
