/** Who calls: a service of the mesh, a person, both (a person through the gateway), or nobody known. */
export interface Caller {
  /** "commerce.order"; undefined when the call does not come from a service of this mesh. */
  readonly service: string | undefined;
  readonly user: User | undefined;
}

/** A signed-in person, as their access token says. */
export interface User {
  /** The person's UUID. */
  readonly id: string;
  readonly roles: readonly string[];
  /** The session the token was issued in; it ends when the session is revoked. */
  readonly sessionId: string;
  /** When the token was issued, in milliseconds since the epoch. */
  readonly issuedAt: number;
}

/** A caller who showed no credentials. */
export const nobody: Caller = { service: undefined, user: undefined };

const prefix = 'spiffe://meshwork/';
const shape = /^spiffe:\/\/meshwork\/([^/.]+)\/([^/]+)$/;

/** The name of a service in its certificate: "spiffe://meshwork/commerce/order" for "commerce.order". */
export function spiffeId(service: string): string {
  return `${prefix}${service.replace('.', '/')}`;
}

/** The service that a SPIFFE id names; undefined for an id of another trust domain or another shape. */
export function serviceOfSpiffeId(id: string): string | undefined {
  const parts = shape.exec(id);
  return parts === null ? undefined : `${parts[1]}.${parts[2]}`;
}

/** Whether a person may call what the contract keeps for staff. */
export function isStaff(user: User): boolean {
  return user.roles.includes('staff');
}
