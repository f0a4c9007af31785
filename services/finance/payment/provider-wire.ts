/** The provider's JSON: operations as its answers and its events describe them, and the signature of the events. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { EventMalformed, type Fact, limits, SignatureInvalid } from './domain.ts';

/** An operation at the provider. Amounts are decimal texts, for JSON numbers are doubles. */
export interface WireOperation {
  key: string;
  state: Fact['kind'];
  amount_minor: string;
  currency: string;
  code: string;
}

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const keyPattern = new RegExp(`^(${uuid}):(charge|authorize|(?:capture|refund):${uuid})$`);

/** Which facts each kind of operation may have. */
const kindsOf: Record<string, readonly Fact['kind'][]> = {
  charge: ['captured', 'declined', 'voided'],
  authorize: ['authorized', 'captured', 'declined', 'voided'],
  capture: ['captured', 'declined'],
  refund: ['refunded', 'refused'],
};

/** Reads an operation; undefined when it is not one of ours or makes no sense. */
export function factOf(operation: Partial<WireOperation> | null | undefined): Fact | undefined {
  const { key, state, amount_minor, currency, code } = operation ?? {};
  const [, paymentId, name] = keyPattern.exec(String(key)) ?? [];
  if (paymentId === undefined || name === undefined) return undefined;
  const kind = kindsOf[name.split(':')[0]!]?.find((candidate) => candidate === state);
  if (kind === undefined || !/^\d{1,16}$/.test(String(amount_minor))) return undefined;
  return {
    paymentId,
    operation: name,
    kind,
    amountMinor: BigInt(amount_minor!),
    currency: textOf(currency),
    code: textOf(code),
  };
}

/** Reads a signed event. Throws SignatureInvalid before it looks at what the payload says, then EventMalformed. */
export function readEvent(
  { payload, signature }: { payload: Uint8Array; signature: string },
  { secret, now }: { secret: string; now: number },
): { eventId: string; fact: Fact } {
  const [, seconds, given] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (seconds === undefined || given === undefined) throw new SignatureInvalid();
  const expected = hmacOf(payload, seconds, secret);
  if (!timingSafeEqual(Buffer.from(given, 'hex'), expected)) throw new SignatureInvalid();
  if (Math.abs(now - Number(seconds) * 1000) > limits.eventAgeMsMax) throw new SignatureInvalid();
  const event = parse(payload);
  const fact = factOf(event?.data);
  const eventId = event?.id;
  if (fact === undefined || typeof eventId !== 'string') throw new EventMalformed();
  return { eventId: textOf(eventId), fact };
}

/** The signature of an event sent at `now`: "t=<unix seconds>,v1=<hex HMAC-SHA256 of 't.payload'>". */
export function signEvent(payload: Uint8Array, secret: string, now: number): string {
  const seconds = String(Math.floor(now / 1000));
  return `t=${seconds},v1=${hmacOf(payload, seconds, secret).toString('hex')}`;
}

/** As much as is kept of a text. PostgreSQL stores no U+0000: one would fail the batch of everybody's payments. */
function textOf(text: unknown): string {
  return String(text ?? '')
    .slice(0, limits.providerTextMax)
    .replaceAll('\0', '');
}

function hmacOf(payload: Uint8Array, seconds: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(`${seconds}.`).update(payload).digest();
}

function parse(payload: Uint8Array): { id?: unknown; data?: Partial<WireOperation> } | undefined {
  try {
    return JSON.parse(Buffer.from(payload).toString()) ?? undefined;
  } catch {
    return undefined;
  }
}
