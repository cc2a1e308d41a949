import { randomBytes } from "node:crypto";
import { answer, isRecord, notFound, page, refusal, type ApiRequest } from "../answers.ts";
import { covers, exceeding, grantOf } from "../permissions.ts";
import { toApp, toInstallation, toPublicUser } from "../shapes/account.ts";
import { toRepository } from "../shapes/repository.ts";
import {
  accountOf,
  findRepository,
  installationOf,
  iso,
  nowOf,
  type GitHub,
  type Installation,
  type Repository,
  type Token,
} from "../state.ts";
import type { Handler } from "./handler.ts";

const TOKEN_LIVES_MS = 3_600_000;

export const getApp: Handler = (github) => answer(200, toApp(github));

export const listInstallations: Handler = (github, request) => {
  const all = [...github.installations.values()].map((installation) => toInstallation(github, installation));
  const { items, headers } = page(request, `${github.url}/app/installations`, all);
  return answer(200, items, headers);
};

export const getInstallation: Handler = (github, { params }) => {
  const installation = github.installations.get(Number(params["installation_id"]));
  return installation === undefined ? notFound() : answer(200, toInstallation(github, installation));
};

export const getRepositoryInstallation: Handler = (github, { params }) => {
  const repository = findRepository(github, params["owner"] ?? "", params["repo"] ?? "");
  const installation = repository === undefined ? undefined : installationOf(github, repository.owner);
  return installation === undefined ? notFound() : answer(200, toInstallation(github, installation));
};

/** Mints a token, narrowed as asked. Asking for more than the installation has is refused whole, never cut down. */
export const createAccessToken: Handler = (github, { params, body }) => {
  const installation = github.installations.get(Number(params["installation_id"]));
  if (installation === undefined) return notFound();
  if (installation.suspendedAt !== null) return refusal(403, "This installation has been suspended");
  const repositories = wantedRepositories(github, installation, body);
  if (repositories === undefined) {
    return refusal(422, "There is at least one repository that does not exist or is not accessible to the parent installation.");
  }
  const granted = grantOf(github, installation).permissions;
  const asked = isRecord(body["permissions"]) ? stringsOf(body["permissions"]) : undefined;
  if (asked !== undefined && exceeding(asked, granted) !== undefined) {
    return refusal(422, "The permissions requested are not granted to this installation.");
  }
  const token: Token = {
    value: `ghs_${randomBytes(27).toString("base64url").replace(/[-_]/g, "0")}`,
    installation,
    permissions: { metadata: "read", ...(asked ?? granted) },
    repositoryIds: repositories === "all" ? "all" : repositories.map(({ id }) => id),
    expiresAt: nowOf(github) + TOKEN_LIVES_MS,
  };
  github.tokens.set(token.value, token);
  return answer(201, {
    token: token.value,
    expires_at: iso(token.expiresAt),
    permissions: token.permissions,
    repository_selection: repositories === "all" ? "all" : "selected",
    ...(repositories === "all" ? {} : { repositories: repositories.map((repository) => toRepository(github, repository)) }),
  });
};

function wantedRepositories(
  github: GitHub,
  installation: Installation,
  body: Readonly<Record<string, unknown>>,
): readonly Repository[] | "all" | undefined {
  const names = body["repositories"];
  const ids = body["repository_ids"];
  const { repositoryIds } = installation;
  if (names === undefined && ids === undefined)
    return repositoryIds === "all" ? "all" : repositoryIds.flatMap((id) => github.repositories.get(id) ?? []);
  const found = [
    ...(Array.isArray(names) ? names.map((name) => findRepository(github, installation.account.login, String(name))) : []),
    ...(Array.isArray(ids) ? ids.map((id) => github.repositories.get(Number(id))) : []),
  ];
  const own = found.filter(
    (repository) =>
      repository?.owner.id === installation.account.id && (repositoryIds === "all" || repositoryIds.includes(repository.id)),
  );
  return own.length === found.length ? [...new Set(own.filter((repository) => repository !== undefined))] : undefined;
}

function stringsOf(value: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(value).map(([name, level]) => [name, String(level)]));
}

export const revokeToken: Handler = (github, { caller }) => {
  if (caller.party === "installation") github.tokens.delete(caller.token.value);
  return answer(204);
};

export const listAccessibleRepositories: Handler = (github, request) => {
  const token = request.caller.party === "installation" ? request.caller.token : undefined;
  const own = [...github.repositories.values()].filter(
    (repository) => token !== undefined && repository.owner.id === token.installation.account.id && covers(token, repository.id),
  );
  const { items, headers } = page(request, `${github.url}/installation/repositories`, own);
  const repositories = items.map((repository) => toRepository(github, repository));
  const selection = token?.repositoryIds === "all" ? "all" : "selected";
  return answer(200, { total_count: own.length, repository_selection: selection, repositories }, headers);
};

export const getRateLimit: Handler = (github) => {
  const bucket = { limit: 5000, used: 0, remaining: 5000, reset: Math.floor(nowOf(github) / 1000) + 3600 };
  return answer(200, { resources: { core: bucket, search: bucket, graphql: bucket }, rate: bucket });
};

export const getUser: Handler = (github, { params }: ApiRequest) => {
  const account = accountOf(github, params["username"] ?? "");
  return account === undefined ? notFound() : answer(200, toPublicUser(github, account));
};
