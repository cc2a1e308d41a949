import sodium from "libsodium-wrappers";
import { hasAll } from "./plans.ts";
import type { Environment } from "./environments.ts";
import { nowOf, type GitHub, type Repository } from "./state.ts";

/** By name in capitals: GitHub compares secrets' names without case, and shows them so. */
export type Secrets = Map<string, Secret>;
export type Secret = { readonly value: string; readonly createdAt: number; readonly updatedAt: number };
export type KeyPair = { readonly id: string; readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };

/** Answers whether there was none of that name. */
export function putSecret(github: GitHub, secrets: Secrets, name: string, value: string): boolean {
  const known = secrets.get(name.toUpperCase());
  const now = nowOf(github);
  secrets.set(name.toUpperCase(), { value, createdAt: known?.createdAt ?? now, updatedAt: now });
  return known === undefined;
}

export function makeSecrets(github: GitHub, values: Readonly<Record<string, string>>): Secrets {
  const secrets: Secrets = new Map();
  for (const [name, value] of Object.entries(values)) putSecret(github, secrets, name, value);
  return secrets;
}

/** On `free`, a private repository sees none. Source: docs, "Secrets", organization-level secrets. */
export function organizationSecretsOf(github: GitHub, repository: Repository): Secrets {
  const none: Secrets = new Map();
  return hasAll(github, repository) ? (github.organizationSecrets.get(repository.owner.id) ?? none) : none;
}

/** What a job in an environment sees: the nearest of a name hides those behind it. Source: docs, "Secrets", naming your secrets. */
export function secretsSeen(github: GitHub, repository: Repository, environment: Environment): Record<string, string> {
  const layers = [organizationSecretsOf(github, repository), repository.secrets, environment.secrets];
  return Object.fromEntries(layers.flatMap((layer) => [...layer].map(([name, { value }]) => [name, value] as const)));
}

/** What an environment's secrets are sealed to. GitHub's key ids are decimal numbers. */
export async function keyPairOf(github: GitHub, { id }: Environment): Promise<KeyPair> {
  await sodium.ready;
  const known = github.secretKeys.get(id);
  if (known !== undefined) return known;
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  const pair = { id: `56802${String(id)}`, publicKey, privateKey };
  github.secretKeys.set(id, pair);
  return pair;
}

/** The value inside a sealed box; undefined where it was sealed for somebody else, or isn't one. */
export function unseal({ publicKey, privateKey }: KeyPair, sealed: string): string | undefined {
  try {
    return Buffer.from(sodium.crypto_box_seal_open(Buffer.from(sealed, "base64"), publicKey, privateKey)).toString();
  } catch {
    return undefined;
  }
}
