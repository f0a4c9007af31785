/** The mesh as a browser reaches it: gRPC-Web, with the generated client of each service. */
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { NotificationService } from '#gen/platform/notification/v1/notification_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';

/** The gateway, or Envoy: http://127.0.0.1:5173/?door=http://127.0.0.1:8080 */
const door = new URLSearchParams(location.search).get('door') ?? 'http://127.0.0.1:7300';

let accessToken = '';

const asWhoeverIsSignedIn: Interceptor = (next) => (request) => {
  if (accessToken !== '') request.header.set('authorization', `Bearer ${accessToken}`);
  return next(request);
};
const transport = createGrpcWebTransport({ baseUrl: door, interceptors: [asWhoeverIsSignedIn] });

const sessions = createClient(SessionService, transport);
export const products = createClient(ProductService, transport);
export const orders = createClient(OrderService, transport);
export const notifications = createClient(NotificationService, transport);

/** Throws a ConnectError, whose message says why, when the two do not belong together. */
export async function signIn(email: string, password: string): Promise<void> {
  const requestId = crypto.randomUUID();
  const { tokens } = await sessions.authenticate({ requestId, email, password });
  accessToken = tokens!.accessToken;
}

/** Calls are nobody's from now on: with a token that is over, even a sign-in would be refused. */
export function forgetToken(): void {
  accessToken = '';
}
