import { listRefs, readTree } from "./git-repository.ts";
import { grantOf } from "./permissions.ts";
import type { Secrets } from "./secrets.ts";
import { isPull } from "./shapes/pull.ts";
import type { Environment } from "./environments.ts";
import { installationOf, type Account, type GitHub, type Repository } from "./state.ts";

type Picture = Readonly<Record<string, unknown>>;

/** All that is of an owner, by names alone: made again, it looks the same. */
export async function snapshotOf(github: GitHub, owner: Account): Promise<Picture> {
  const repositories = [...github.repositories.values()].filter((repository) => repository.owner.id === owner.id);
  const pictures = await Promise.all(repositories.map(async (each) => [each.name, await pictureOf(each)] as const));
  const prefix = `${owner.login.toLowerCase()}/`;
  const of = <T>(map: ReadonlyMap<string, T>): Record<string, T> =>
    sorted([...map].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [])));
  const teams = Object.entries(of(github.teams)).map(([slug, { members }]) => [slug, sorted(members)] as const);
  return {
    plan: github.plans.get(owner.id) ?? "team",
    installation: installationPicture(github, owner),
    roles: of(github.organizationRoles),
    teams: Object.fromEntries(teams),
    secrets: valuesOf(github.organizationSecrets.get(owner.id) ?? new Map()),
    repositories: sorted(pictures),
  };
}

function installationPicture(github: GitHub, owner: Account): Picture | null {
  const installation = installationOf(github, owner);
  if (installation === undefined) return null;
  const { repositoryIds, suspendedAt } = installation;
  const names =
    repositoryIds === "all" ? "all" : repositoryIds.flatMap((id) => github.repositories.get(id)?.name ?? []).toSorted();
  const { permissions, events } = grantOf(github, installation);
  return { permissions: sorted(Object.entries(permissions)), events, repositories: names, suspended: suspendedAt !== null };
}

async function pictureOf(repository: Repository): Promise<Picture> {
  const { description, defaultBranch, environments, labels, workflows, issues } = repository;
  const branches = await Promise.all(
    (await listRefs(repository.git, "refs/heads/")).map(async ({ ref, sha }) => {
      const entries = await readTree(repository.git, sha, true);
      const blobs = entries.flatMap(({ type, path, sha: blob }) => (type === "tree" ? [] : [[path, blob] as const]));
      return [ref.slice("refs/heads/".length), sorted(blobs)] as const;
    }),
  );
  const pulls = [...issues.values()].filter(isPull).filter(({ state }) => state === "open");
  return {
    private: repository.private,
    description,
    defaultBranch,
    branches: sorted(branches),
    protections: sorted(repository.protections),
    rules: sorted(repository.branchRules),
    roles: sorted(repository.roles),
    environments: sorted([...environments].map(([name, environment]) => [name, environmentPicture(environment)] as const)),
    labels: sorted([...labels].map(([key, { name, color, description: about }]) => [key, { name, color, description: about }])),
    secrets: valuesOf(repository.secrets),
    actions: repository.actions,
    disabledWorkflows: [...workflows.values()].flatMap(({ path, enabled }) => (enabled ? [] : [path])).toSorted(),
    pulls: pulls.map(({ title, body, pull: { head, base, draft } }) => ({ title, body, head, base, draft })),
  };
}

function environmentPicture(environment: Environment): Picture {
  const { name, branches, reviewers, preventSelfReview, waitMinutes, secrets, variables } = environment;
  return {
    name,
    branches: typeof branches === "string" ? branches : branches.map((policy) => `${policy.type} ${policy.name}`).toSorted(),
    reviewers: reviewers.map((one) => (one.type === "User" ? one.account.login : one.team.slug)),
    preventSelfReview,
    waitMinutes,
    secrets: valuesOf(secrets),
    variables: sorted(Object.entries(variables)),
  };
}

function valuesOf(secrets: Secrets): Record<string, string> {
  return sorted([...secrets].map(([name, { value }]) => [name, value] as const));
}

/** As JSON prints it, an object tells in which order it was filled; a picture must not. */
function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
