/** The Merkle tree of the log: hashes, roots and proofs. Source: RFC 6962, section 2; RFC 9162, section 2.1. */
import { sha256 } from '#kit/derived-id.ts';
import { assert } from '#kit/errors.ts';

/** The root of the tree without leaves. */
export const emptyRoot = sha256('');

const leafPrefix = Buffer.of(0);
const nodePrefix = Buffer.of(1);

/** 32 bytes, which no inner node can have. The statement that seals (store.ts) computes the same. */
export function hashLeaf(leaf: Uint8Array): Buffer {
  return sha256(Buffer.concat([leafPrefix, leaf]));
}

export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.concat([nodePrefix, left, right]));
}

/** The root over the hashes of leaves, or of complete subtrees of one size, of which the last may be a smaller one. */
export function rootOf(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return emptyRoot;
  let level = hashes;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(hashNode(level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) above.push(level.at(-1)!);
    level = above;
  }
  return level[0]!;
}

/** The leaves from `begin` to before `end`. What a proof is made of are the roots of such ranges. */
export interface Range {
  begin: number;
  end: number;
}

/** The root of the 2^level leaves that begin at index * 2^level. */
export interface Node {
  level: number;
  index: number;
}

/** The ranges whose roots prove that a leaf is in the tree of `size` leaves, in the order of the proof. */
export function inclusionRanges(index: number, size: number): Range[] {
  assert(index >= 0 && index < size, 'the leaf is one of the tree');
  const path: Range[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (index < middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
    }
  }
  return path.reverse();
}

/** The ranges whose roots prove that the tree of `size` leaves goes on from that of `from` leaves. */
export function consistencyRanges(from: number, size: number): Range[] {
  assert(from > 0 && from <= size, 'the earlier tree is a part of the later one');
  const path: Range[] = [];
  let [begin, end] = [0, size];
  while (from < end) {
    const middle = begin + splitOf(end - begin);
    if (from <= middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
    }
  }
  // The first of them is the earlier tree itself when it is complete; whoever verifies has that.
  if (begin > 0) path.push({ begin, end });
  return path.reverse();
}

/** The complete subtrees of a range that begins where one of its size may, the largest first. */
export function nodesOf({ begin, end }: Range): Node[] {
  const nodes: Node[] = [];
  let at = begin;
  while (at < end) {
    const left = end - at;
    const level = Math.floor(Math.log2(left));
    nodes.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

/** The root of a range by those of its complete subtrees. */
export function joinNodes(hashes: readonly Buffer[]): Buffer {
  return hashes.reduceRight((right, left) => hashNode(left, right));
}

/** Where a tree of so many leaves is divided: the largest power of two below. */
function splitOf(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1);
}

/** Whether a proof shows that the leaf with this hash is in the tree. */
export function provesInclusion(of: {
  leafHash: Buffer;
  index: number;
  size: number;
  root: Buffer;
  proof: readonly Buffer[];
}): boolean {
  const { leafHash, index, size, root, proof } = of;
  if (index < 0 || index >= size) return false;
  let [node, last] = [index, size - 1];
  let found = leafHash;
  for (const step of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      found = hashNode(step, found);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      found = hashNode(found, step);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && found.equals(root);
}

/** Whether a proof shows that the later tree begins with all leaves of the earlier one. */
export function provesConsistency(of: {
  from: { size: number; root: Buffer };
  to: { size: number; root: Buffer };
  proof: readonly Buffer[];
}): boolean {
  const { from, to, proof } = of;
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root);
  if (from.size <= 0 || from.size > to.size) return false;
  let [node, last] = [from.size - 1, to.size - 1];
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  const path = node === 0 ? [from.root, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let [earlier, later] = [first, first];
  for (const step of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      earlier = hashNode(step, earlier);
      later = hashNode(step, later);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      later = hashNode(later, step);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && earlier.equals(from.root) && later.equals(to.root);
}
