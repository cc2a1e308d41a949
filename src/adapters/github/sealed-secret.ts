import sodium from "libsodium-wrappers";

/**
 * A secret as GitHub takes it: a sealed box that only GitHub can open, in base64. `publicKey`: base64, 32 bytes.
 * Source: docs, "Encrypting secrets for the REST API", read 2026-11-30.
 */
export async function sealSecret(value: string, publicKey: string): Promise<string> {
  await sodium.ready;
  const key = sodium.from_base64(publicKey, sodium.base64_variants.ORIGINAL);
  return sodium.to_base64(sodium.crypto_box_seal(sodium.from_string(value), key), sodium.base64_variants.ORIGINAL);
}
