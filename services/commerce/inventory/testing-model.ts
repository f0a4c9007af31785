/** Stock as one would do it on paper, for tests: nothing is kept that can be counted anew. */
import type { Command, ReservationState } from './domain.ts';

interface Paper {
  state: ReservationState;
  lines: Map<string, bigint>;
  expiresAt: number;
}

export function createModel() {
  /** All that ever came in, counts and corrections included. */
  const received = new Map<string, bigint>();
  const papers = new Map<string, Paper>();

  function unitsIn(state: ReservationState, sku: string): bigint {
    let units = 0n;
    for (const paper of papers.values()) {
      if (paper.state === state) units += paper.lines.get(sku) ?? 0n;
    }
    return units;
  }

  function stockOf(sku: string) {
    const sold = unitsIn('COMMITTED', sku);
    return { onHand: received.get(sku)! - sold, reserved: unitsIn('ACTIVE', sku), sold };
  }

  function availableOf(sku: string): bigint {
    const { onHand, reserved } = stockOf(sku);
    return onHand - reserved;
  }

  function reserve({ orderId, lines, expiresAt }: Extract<Command, { kind: 'reserve' }>): string {
    const paper = papers.get(orderId);
    if (paper?.state === 'RELEASED' || paper?.state === 'EXPIRED') return 'RESERVATION_NOT_ACTIVE';
    if (paper !== undefined) return 'RESERVATION_EXISTS';
    const wanted = new Map<string, bigint>();
    for (const { sku, quantity } of lines) wanted.set(sku, (wanted.get(sku) ?? 0n) + quantity);
    for (const sku of [...wanted.keys()].sort()) {
      if (!received.has(sku)) return 'SKU_NOT_FOUND';
      if (availableOf(sku) < wanted.get(sku)!) return 'INSUFFICIENT_STOCK';
    }
    papers.set(orderId, { state: 'ACTIVE', lines: wanted, expiresAt });
    return 'done';
  }

  function commit(orderId: string): string {
    const paper = papers.get(orderId);
    if (paper === undefined) return 'RESERVATION_NOT_FOUND';
    if (paper.state !== 'ACTIVE' && paper.state !== 'COMMITTED') return 'RESERVATION_NOT_ACTIVE';
    paper.state = 'COMMITTED';
    return 'done';
  }

  function release(orderId: string, now: number): string {
    const paper = papers.get(orderId);
    if (paper === undefined) {
      papers.set(orderId, { state: 'RELEASED', lines: new Map(), expiresAt: now });
    } else if (paper.state !== 'EXPIRED') paper.state = 'RELEASED';
    return 'done';
  }

  function expire(orderId: string, now: number): string {
    const paper = papers.get(orderId);
    if (paper === undefined) return 'RESERVATION_NOT_FOUND';
    if (paper.state === 'ACTIVE' && paper.expiresAt <= now) paper.state = 'EXPIRED';
    return 'done';
  }

  function set(sku: string, onHand: bigint): string {
    if (received.has(sku) && onHand < unitsIn('ACTIVE', sku)) return 'STOCK_IS_RESERVED';
    received.set(sku, onHand + unitsIn('COMMITTED', sku));
    return 'done';
  }

  function adjust(sku: string, delta: bigint): string {
    const before = received.get(sku);
    if (before === undefined) return 'SKU_NOT_FOUND';
    if (delta < 0n && availableOf(sku) < -delta) return 'INSUFFICIENT_STOCK';
    received.set(sku, before + delta);
    return 'done';
  }

  return {
    stockOf,
    receivedOf: (sku: string) => received.get(sku),
    states: () => Object.fromEntries([...papers].map(([id, { state }]) => [id, state])),
    /** Answers "done" or why not. */
    apply(command: Command): string {
      switch (command.kind) {
        case 'reserve':
          return reserve(command);
        case 'commit':
          return commit(command.orderId);
        case 'release':
          return release(command.orderId, command.now);
        case 'expire':
          return expire(command.orderId, command.now);
        case 'set':
          return set(command.sku, command.onHand);
        case 'adjust':
          return adjust(command.sku, command.delta);
      }
    },
  };
}
