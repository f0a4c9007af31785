/** Checkpoints and their signatures, as text that anybody's tools read. Source: C2SP tlog-checkpoint and signed-note. */
import {
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { sha256 } from '#kit/derived-id.ts';
import { assert } from '#kit/errors.ts';

/** The state of a log: how many leaves it has, and the root over them. `origin` is its name. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Buffer;
}

/** Who may sign the checkpoints of a log, by the public half of a key. */
export interface Verifier {
  name: string;
  /** As signed-note writes it: "<name>+<key id>+<key>". */
  text: string;
  id: Buffer;
  key: KeyObject;
}

export interface Signer extends Verifier {
  privateKey: KeyObject;
}

/** What is no checkpoint, no signed note or no verifier; the message says which. */
export class NoteInvalid extends Error {}

const ed25519 = Buffer.of(1);
const idBytes = 4;
/** What stands before the 32 bytes of a key in PKCS #8 and in SPKI. Source: RFC 8410. */
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const secretLengthMin = 32;

/** Makes the key of a log from a secret of at least 32 characters: the same from the same, in every process. */
export function createSigner(name: string, secret: string): Signer {
  assert(secret.length >= secretLengthMin, `a secret has at least ${secretLengthMin} characters`);
  const seed = Buffer.from(hkdfSync('sha256', secret, '', `${name} checkpoint`, 32));
  const privateKey = createPrivateKey({
    key: Buffer.concat([privatePrefix, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { ...toVerifier(name, spki.subarray(publicPrefix.length)), privateKey };
}

function toVerifier(name: string, publicKey: Buffer): Verifier {
  if (name === '' || /[\s+]/.test(name)) throw new NoteInvalid(`"${name}" is no name of a key`);
  const typed = Buffer.concat([ed25519, publicKey]);
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed]));
  return {
    name,
    text: `${name}+${id.toString('hex', 0, idBytes)}+${typed.toString('base64')}`,
    id: id.subarray(0, idBytes),
    key: createPublicKey({
      key: Buffer.concat([publicPrefix, publicKey]),
      format: 'der',
      type: 'spki',
    }),
  };
}

/** Throws NoteInvalid for text that is no verifier, or one whose key has another id. */
export function readVerifier(text: string): Verifier {
  const [, name, id, key] =
    /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const typed = Buffer.from(key ?? '', 'base64');
  if (typed.length !== 33 || typed[0] !== 1) throw new NoteInvalid('this is no Ed25519 verifier');
  const verifier = toVerifier(name!, typed.subarray(1));
  if (verifier.id.toString('hex') !== id) throw new NoteInvalid('the verifier is damaged');
  return verifier;
}

/** The text of a checkpoint with the signature of each signer. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly Signer[]): string {
  const { origin, size, root } = checkpoint;
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`;
  const lines = signers.map(({ name, id, privateKey }) => {
    const signature = sign(undefined, Buffer.from(text), privateKey);
    return `— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/** The signed text of a note, when one of the verifiers is among those who signed it. Throws NoteInvalid. */
export function openNote(note: string, verifiers: readonly Verifier[]): string {
  const at = note.lastIndexOf('\n\n');
  if (at < 0) throw new NoteInvalid('the checkpoint has no signature');
  const text = note.slice(0, at + 1);
  for (const line of note.slice(at + 2).split('\n')) {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? '', 'base64');
    const known = verifiers.find(
      (one) => one.name === name && one.id.equals(bytes.subarray(0, idBytes)),
    );
    if (known === undefined) continue;
    const isSigned = verify(undefined, Buffer.from(text), known.key, bytes.subarray(idBytes));
    if (isSigned) return text;
    throw new NoteInvalid(`the signature of ${name} is not of this checkpoint`);
  }
  throw new NoteInvalid('the checkpoint is signed by nobody who is known');
}

/** Reads a checkpoint that one of the verifiers has signed. Throws NoteInvalid. */
export function openCheckpoint(note: string, verifiers: readonly Verifier[]): Checkpoint {
  const [origin = '', size = '', root = ''] = openNote(note, verifiers).split('\n');
  const bytes = Buffer.from(root, 'base64');
  if (origin === '' || !/^(0|[1-9]\d{0,14})$/.test(size) || bytes.length !== 32) {
    throw new NoteInvalid('the note is no checkpoint');
  }
  return { origin, size: Number(size), root: bytes };
}
