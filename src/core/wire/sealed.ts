import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { MAX_OUTCOME_BYTES } from "./contract.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * A file that one app opens and one job has written, on its way through a place that others read: the artifact of a run.
 *
 *   magic "APO", version 1 | the job's public key, 32 bytes | tag, 16 bytes | AES-256-GCM of the text
 *
 * The key and the nonce come from HKDF-SHA-256 (RFC 5869) of the X25519 secret (RFC 7748), with the hash of the run token as
 * salt: who knows the app's public key alone can't write what opens. The magic and the lease's id are authenticated with the
 * text, so what was sealed for one lease opens for no other. Both key pairs serve once: the job makes one for each file, and the
 * app forgets its own with the lease's end, after which nobody can open what was uploaded. Pure.
 */
const MAGIC = Buffer.from("APO\u0001", "latin1");
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + KEY_BYTES + TAG_BYTES;

/** The artifact and the one file in it, by name and size. The workflow file says the first as well. */
export const SEALED_OUTCOME = {
  artifact: "agent-pool-outcome",
  file: "outcome.sealed",
  maxBytes: MAX_OUTCOME_BYTES + HEAD_BYTES,
} as const;

/** An X25519 key of JWK's form (RFC 8037): base64url of 32 bytes. */
export type PublicKey = string;
export type KeyPair = { readonly publicKey: PublicKey; readonly privateKey: string };

/** What binds a file to one claim. `tokenHash`: SHA-256 of the run token, hexadecimal. */
export type SealedFor = { readonly lease: string; readonly tokenHash: string };

/** `own`: a pair that is used for this file alone. Throws for keys that are none. */
export function seal(text: string, own: KeyPair, app: PublicKey, to: SealedFor): Buffer {
  const secret = diffieHellman({ privateKey: toPrivate(own), publicKey: toPublic(app) });
  const { key, nonce } = derive(secret, own.publicKey, app, to);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(boundTo(to));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([MAGIC, Buffer.from(own.publicKey, "base64url"), cipher.getAuthTag(), sealed]);
}

/** Errors: why it isn't what a job sealed to this key for this claim. Throws for a private key that is none. */
export function open(file: Uint8Array, app: KeyPair, to: SealedFor): Result<string, "not-sealed" | "not-for-this-lease"> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return err("not-sealed");
  const theirs = bytes.subarray(MAGIC.length, MAGIC.length + KEY_BYTES).toString("base64url");
  const tag = bytes.subarray(MAGIC.length + KEY_BYTES, HEAD_BYTES);
  try {
    // A point of small order, chosen by whoever wrote the file, throws here as well.
    const secret = diffieHellman({ privateKey: toPrivate(app), publicKey: toPublic(theirs) });
    const { key, nonce } = derive(secret, theirs, app.publicKey, to);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo(to));
    decipher.setAuthTag(tag);
    return ok(Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()]).toString("utf8"));
  } catch {
    return err("not-for-this-lease");
  }
}

function derive(secret: Buffer, job: PublicKey, app: PublicKey, { tokenHash }: SealedFor): { key: Buffer; nonce: Buffer } {
  const info = `agent-pool outcome 1 ${job} ${app}`;
  const bytes = Buffer.from(hkdfSync("sha256", secret, Buffer.from(tokenHash, "hex"), info, KEY_BYTES + NONCE_BYTES));
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}

function boundTo({ lease }: SealedFor): Buffer {
  return Buffer.concat([MAGIC, Buffer.from(lease)]);
}

function toPublic(x: PublicKey): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
}

function toPrivate({ publicKey: x, privateKey: d }: KeyPair): KeyObject {
  return createPrivateKey({ key: { kty: "OKP", crv: "X25519", x, d }, format: "jwk" });
}
