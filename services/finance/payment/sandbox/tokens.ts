/** The test cards: what each token makes of the call that carries it. Pure. */

export interface Card {
  /** Empty when the card is good. */
  declineCode: string;
  /** Before anything happens. */
  delayMs: number;
  /**
   * What goes wrong at the first call under a key; the same call is answered well when it is made again. `lost` and
   * `error_before` happen before the charge, `timeout` and `error` after it.
   */
  fault: 'none' | 'timeout' | 'error' | 'lost' | 'error_before';
  /** How often each event is sent. */
  copies: number;
  /** The event goes out before the answer. */
  isEventFirst: boolean;
  /** Why a later capture, or a later refund, is refused; empty when it is not. */
  captureDeclineCode: string;
  refundRefusalCode: string;
}

const delayMsMax = 60_000;
const good: Card = {
  declineCode: '',
  delayMs: 0,
  fault: 'none',
  copies: 1,
  isEventFirst: false,
  captureDeclineCode: '',
  refundRefusalCode: '',
};

const cards: Record<string, Partial<Card>> = {
  tok_visa: {},
  tok_mastercard: {},
  tok_timeout: { fault: 'timeout' },
  tok_lost: { fault: 'lost' },
  tok_error: { fault: 'error' },
  tok_error_before: { fault: 'error_before' },
  tok_twice: { copies: 2 },
  tok_event_first: { isEventFirst: true },
  tok_capture_declined: { captureDeclineCode: 'authorization_expired' },
  tok_refund_refused: { refundRefusalCode: 'refund_not_possible' },
  ...Object.fromEntries(
    ['insufficient_funds', 'expired_card', 'card_declined', 'stolen_card', 'limit_exceeded'].map(
      (declineCode) => [`tok_${declineCode}`, { declineCode }],
    ),
  ),
};

/**
 * The card of a token: `tok_visa`, `tok_insufficient_funds`, `tok_slow_2000`. What follows a dash makes it unlike
 * others and means nothing; a token that is unknown is declined.
 */
export function cardOf(token: string): Card {
  const [name = ''] = token.split('-');
  const known = cards[name];
  if (known !== undefined) return { ...good, ...known };
  const [, delay] = /^tok_slow_(\d{1,5})$/.exec(name) ?? [];
  if (delay === undefined) return { ...good, declineCode: 'unknown_token' };
  return { ...good, delayMs: Math.min(Number(delay), delayMsMax) };
}
