import { answer, notFound, notSupplied, page, refusal, textField, type Answer, type RepositoryRequest } from "../answers.ts";
import { findEnvironment, hasAll } from "../plans.ts";
import { keyPairOf, organizationSecretsOf, putSecret, unseal, type Secret, type Secrets } from "../secrets.ts";
import type { Shape } from "../shapes/account.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import type { Environment } from "../environments.ts";
import { iso, type GitHub } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const listRepositorySecrets: RepositoryHandler = (github, request) =>
  listOf(github, request, "actions/secrets", request.repository.secrets);

export const listOrganizationSecrets: RepositoryHandler = (github, request) =>
  listOf(github, request, "actions/organization-secrets", organizationSecretsOf(github, request.repository));

export const deleteRepositorySecret: RepositoryHandler = (_github, request) =>
  request.repository.secrets.delete(nameOf(request)) ? answer(204) : notFound();

export const listEnvironmentSecrets: RepositoryHandler = (github, request) => {
  const environment = environmentOf(github, request);
  if (environment === undefined) return notFound();
  return listOf(github, request, `environments/${encodeURIComponent(environment.name)}/secrets`, environment.secrets);
};

/** What a secret must be sealed to (libsodium's `crypto_box_seal`). */
export const getEnvironmentKey: RepositoryHandler = async (github, request) => {
  const environment = environmentOf(github, request);
  if (environment === undefined) return notFound();
  const { id, publicKey } = await keyPairOf(github, environment);
  return answer(200, { key_id: id, key: Buffer.from(publicKey).toString("base64") });
};

export const getEnvironmentSecret: RepositoryHandler = (github, request) => {
  const name = nameOf(request);
  const secret = environmentOf(github, request)?.secrets.get(name);
  return secret === undefined ? notFound() : answer(200, toSecret([name, secret]));
};

export const putEnvironmentSecret: RepositoryHandler = async (github, request) => {
  const environment = environmentOf(github, request);
  if (environment === undefined) return notFound();
  const { body } = request;
  const sealed = textField(body, "encrypted_value");
  const keyId = textField(body, "key_id");
  if (sealed === undefined) return notSupplied("encrypted_value");
  if (keyId === undefined) return notSupplied("key_id");
  const name = nameOf(request);
  const wrong = wrongName(name);
  if (wrong !== undefined) return refusal(422, wrong);
  const pair = await keyPairOf(github, environment);
  const value = pair.id === keyId ? unseal(pair, sealed) : undefined;
  if (value === undefined) return refusal(422, "Bad request - Failed to decrypt the secret with the given key.");
  return putSecret(github, environment.secrets, name, value) ? answer(201, {}) : answer(204);
};

export const deleteEnvironmentSecret: RepositoryHandler = (github, request) =>
  environmentOf(github, request)?.secrets.delete(nameOf(request)) === true ? answer(204) : notFound();

function listOf(github: GitHub, request: RepositoryRequest, path: string, secrets: Secrets): Answer {
  const all = [...secrets].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(toSecret);
  const { items, headers } = page(request, `${repositoryUrl(github, request.repository)}/${path}`, all);
  return answer(200, { total_count: all.length, secrets: items }, headers);
}

function toSecret([name, { createdAt, updatedAt }]: readonly [string, Secret]): Shape {
  return { name, created_at: iso(createdAt), updated_at: iso(updatedAt) };
}

/** Source: docs, "Secrets", naming your secrets. */
function wrongName(name: string): string | undefined {
  if (name.startsWith("GITHUB_")) return "Secret names must not start with GITHUB_.";
  if (/^[A-Z_][A-Z0-9_]*$/.test(name)) return undefined;
  return "Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).";
}

function nameOf({ params }: RepositoryRequest): string {
  return (params["secret_name"] ?? "").toUpperCase();
}

/** An environment that has secrets, as those of a private repository on `free` don't. */
function environmentOf(github: GitHub, { repository, params }: RepositoryRequest): Environment | undefined {
  if (!hasAll(github, repository)) return undefined;
  return findEnvironment(github, repository, params["environment_name"] ?? "");
}
