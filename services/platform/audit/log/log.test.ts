import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '#kit/testing/property.ts';
import {
  consistencyRanges,
  emptyRoot,
  hashLeaf,
  hashNode,
  inclusionRanges,
  provesConsistency,
  provesInclusion,
  type Range,
  rootOf,
} from './merkle.ts';
import {
  createSigner,
  NoteInvalid,
  openCheckpoint,
  openNote,
  readVerifier,
  signCheckpoint,
} from './note.ts';
import {
  type Frontier,
  grow,
  hashesAt,
  joinLeaves,
  pathOfBundle,
  pathOfTile,
  rootOfFrontier,
  rootsOf,
  splitLeaves,
  type Tile,
  tilesOf,
  tileWidth,
} from './tiles.ts';

const leafAt = (i: number) => hashLeaf(Buffer.from(`leaf ${i}`));
const leaves = (count: number) => Array.from({ length: count }, (_, i) => leafAt(i));

/** As RFC 6962 defines it, word for word. */
function naiveRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return emptyRoot;
  if (hashes.length === 1) return hashes[0]!;
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  return hashNode(naiveRoot(hashes.slice(0, k)), naiveRoot(hashes.slice(k)));
}

function naiveConsistency(m: number, hashes: readonly Buffer[], isWhole: boolean): Buffer[] {
  const n = hashes.length;
  if (m === n) return isWhole ? [] : [naiveRoot(hashes)];
  let k = 1;
  while (k * 2 < n) k *= 2;
  if (m <= k) {
    return [...naiveConsistency(m, hashes.slice(0, k), isWhole), naiveRoot(hashes.slice(k))];
  }
  return [...naiveConsistency(m - k, hashes.slice(k), false), naiveRoot(hashes.slice(0, k))];
}

/** A log that was grown in pieces, with its full tiles. */
function grown(pieces: readonly number[]) {
  let frontier: Frontier = [];
  let size = 0;
  const tiles = new Map<string, readonly Buffer[]>();
  for (const count of pieces) {
    const added = Array.from({ length: count }, (_, i) => leafAt(size + i));
    const next = grow(frontier, size, added);
    for (const { level, index, hashes } of next.full) tiles.set(`${level} ${index}`, hashes);
    frontier = next.frontier;
    size += count;
  }
  const read = async ({ level, index, width }: Tile) => {
    const full = tiles.get(`${level} ${index}`) ?? frontier[level] ?? [];
    expect(full.length).toBeGreaterThanOrEqual(width);
    return full.slice(0, width);
  };
  return { size, root: rootOfFrontier(frontier), read };
}

describe('the tree', () => {
  test('has the roots that RFC 6962 gives its reference leaves', () => {
    const reference = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ].map((hex) => hashLeaf(Buffer.from(hex, 'hex')));
    const roots = reference.map((_, i) => rootOf(reference.slice(0, i + 1)).toString('hex'));
    expect([emptyRoot.toString('hex'), ...roots]).toEqual([
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ]);
  });

  test('has the same root however it was grown, the one of the definition', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 6 });
    const property = fc.property(pieces, (counts) => {
      const { size, root } = grown(counts);
      expect(root).toEqual(naiveRoot(leaves(size)));
    });
    fc.assert(property, runs(40));
  });

  test('has more than one level of tiles once it has more than a full one', async () => {
    const size = tileWidth ** 2 + tileWidth + 3;
    const { root, read } = grown([size]);
    expect(root).toEqual(rootOf(leaves(size)));
    expect([0, 1, 2, 3].map((level) => hashesAt(level, size))).toEqual([size, 257, 1, 0]);
    const [proof] = await rootsOf([{ begin: 0, end: size }], size, read);
    expect(proof).toEqual(root);
  });
});

describe('a proof', () => {
  const all = leaves(700);
  const sizes = fc.integer({ min: 1, max: all.length });

  test('of inclusion convinces for its leaf and tree, and for no other', async () => {
    const { read } = grown([300, 400]);
    const property = fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, nth, other) => {
      const index = nth % size;
      const proof = await rootsOf(inclusionRanges(index, size), size, read);
      const root = rootOf(all.slice(0, size));
      const of = { leafHash: all[index]!, index, size, root, proof };
      expect(provesInclusion(of)).toBe(true);
      const wrong = other % size;
      if (wrong !== index) {
        expect(provesInclusion({ ...of, index: wrong })).toBe(false);
        expect(provesInclusion({ ...of, leafHash: all[wrong]! })).toBe(false);
      }
      expect(provesInclusion({ ...of, root: emptyRoot })).toBe(false);
      expect(provesInclusion({ ...of, proof: [...proof, emptyRoot] })).toBe(false);
      if (proof.length > 0) expect(provesInclusion({ ...of, proof: proof.slice(1) })).toBe(false);
    });
    await fc.assert(property, runs(150));
  });

  test('of consistency convinces for its two trees, and is that of the definition', async () => {
    const { read } = grown([300, 400]);
    const property = fc.asyncProperty(sizes, sizes, async (a, b) => {
      const [m, n] = [Math.min(a, b), Math.max(a, b)];
      const from = { size: m, root: rootOf(all.slice(0, m)) };
      const to = { size: n, root: rootOf(all.slice(0, n)) };
      const proof = await rootsOf(consistencyRanges(m, n), n, read);
      expect(proof).toEqual(naiveConsistency(m, all.slice(0, n), true));
      expect(provesConsistency({ from, to, proof })).toBe(true);
      const forked = { ...from, root: rootOf([...all.slice(0, m - 1), emptyRoot]) };
      expect(provesConsistency({ from: forked, to, proof })).toBe(false);
      expect(provesConsistency({ from, to: { ...to, root: emptyRoot }, proof })).toBe(false);
      expect(provesConsistency({ from, to, proof: [...proof, emptyRoot] })).toBe(false);
    });
    await fc.assert(property, runs(150));
  });

  test('among ten million leaves is short', () => {
    const hashes = (ranges: Range[]) => ranges.length;
    expect(hashes(inclusionRanges(1_234_567, 10_000_000))).toBeLessThanOrEqual(24);
    expect(hashes(consistencyRanges(1_234_567, 10_000_000))).toBeLessThanOrEqual(25);
  });
});

describe('a tile', () => {
  test('has the path that C2SP gives it', () => {
    expect(pathOfTile({ level: 0, index: 5, width: 256 })).toBe('tile/0/005');
    expect(pathOfTile({ level: 1, index: 1_234_067, width: 256 })).toBe('tile/1/x001/x234/067');
    expect(pathOfTile({ level: 0, index: 273, width: 112 })).toBe('tile/0/273.p/112');
    expect(pathOfBundle({ index: 0, width: 1 })).toBe('tile/entries/000.p/1');
  });

  test('is there once for each 256 hashes of a level', () => {
    const paths = [...tilesOf(70_000)].map(pathOfTile);
    expect(paths).toHaveLength(274 + 2 + 1);
    expect(paths.slice(-4)).toEqual([
      'tile/0/273.p/112',
      'tile/1/000',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
    expect([...tilesOf(0)]).toEqual([]);
  });

  test('of entries gives back what was put in, and what it was cut to', () => {
    const some = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(65_535, 'x')];
    expect(splitLeaves(joinLeaves(some))).toEqual(some);
    const cut = splitLeaves(joinLeaves(some).subarray(0, 20));
    expect(cut).toHaveLength(3);
    expect(cut[2]).not.toEqual(some[2]);
    expect(splitLeaves(Buffer.of(0))).toEqual([Buffer.of(0)]);
  });
});

describe('a note', () => {
  const secret = 'the secret from which a log makes its key';
  const signer = createSigner('meshwork/audit', secret);
  const checkpoint = { origin: 'meshwork/audit', size: 3, root: rootOf(leaves(3)) };

  test('that others have published is found good', () => {
    const verifier = readVerifier(
      'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    );
    const text =
      'If you think cryptography is the answer to your problem,\n' +
      "then you don't know what your problem is.\n";
    const signature =
      '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
    expect(openNote(`${text}\n${signature}`, [verifier])).toBe(text);
    expect(() => openNote(`x${text}\n${signature}`, [verifier])).toThrow('not of this checkpoint');
  });

  test('gives back the checkpoint that was signed, to whoever knows the key', () => {
    const note = signCheckpoint(checkpoint, [signer]);
    expect(openCheckpoint(note, [readVerifier(signer.text)])).toEqual(checkpoint);
    expect(createSigner('meshwork/audit', secret).text).toBe(signer.text);
    const stranger = createSigner('meshwork/audit', `another ${secret}`);
    expect(() => openCheckpoint(note, [stranger])).toThrow('signed by nobody who is known');
    const both = signCheckpoint(checkpoint, [stranger, signer]);
    expect(openCheckpoint(both, [signer])).toEqual(checkpoint);
  });

  test('that is changed, or no checkpoint, is refused', () => {
    const note = signCheckpoint(checkpoint, [signer]);
    expect(() => openCheckpoint(note.replace('\n3\n', '\n4\n'), [signer])).toThrow(NoteInvalid);
    expect(() => openCheckpoint('meshwork/audit\n3\n', [signer])).toThrow('no signature');
    const odd = signCheckpoint({ ...checkpoint, root: Buffer.of(1) }, [signer]);
    expect(() => openCheckpoint(odd, [signer])).toThrow('no checkpoint');
    expect(() => readVerifier('meshwork/audit+00000000+AAAA')).toThrow(NoteInvalid);
    expect(() => readVerifier(signer.text.replace(/\+[0-9a-f]{8}\+/, '+00000000+'))).toThrow(
      'damaged',
    );
  });
});
