import { notAccessible, notAdmin, notFound, refusal, type Answer, type ApiRequest, type RepositoryRequest } from "./answers.ts";
import type { Acting } from "./credentials.ts";
import { ROUTES, type Level, type Route, type RouteRule } from "./routes.ts";
import { atLeast } from "./rank.ts";
import { roleOf, type GitHub, type Installation, type Repository, type Token } from "./state.ts";

const RANK: Readonly<Record<string, number>> = { read: 1, write: 2, admin: 3 };

/** Whether permissions hold one at a level. `metadata: read` comes with every token. */
export function holds(permissions: Readonly<Record<string, string>>, name: string, level: Level): boolean {
  if (name === "metadata" && level === "read") return true;
  return (RANK[permissions[name] ?? ""] ?? 0) >= (RANK[level] ?? Infinity);
}

/** What the scopes of organisations' and repositories' tokens hold besides themselves. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  "read:org": ["write:org", "admin:org"],
  "write:org": ["admin:org"],
  public_repo: ["repo"],
};

export function hasScope(scopes: readonly string[], wanted: string): boolean {
  return [wanted, ...(WIDER[wanted] ?? [])].some((scope) => scopes.includes(scope));
}

/** What an installation was granted: what the App asks for, unless its owner has approved something else. */
export function grantOf(
  github: GitHub,
  { permissions, events }: Installation,
): { readonly permissions: Readonly<Record<string, string>>; readonly events: readonly string[] } {
  const { default_permissions, default_events } = github.manifest;
  return { permissions: permissions ?? default_permissions, events: events ?? default_events };
}

/** A token as its installation is now: what that has lost, its tokens have lost. */
export function limitedToInstallation(github: GitHub, token: Token): Token {
  const granted: Readonly<Record<string, string>> = { metadata: "read", ...grantOf(github, token.installation).permissions };
  const lower = (name: string, level: string): string | undefined =>
    (RANK[granted[name] ?? ""] ?? 0) < (RANK[level] ?? 0) ? granted[name] : level;
  const permissions = Object.entries(token.permissions).flatMap(([name, level]) => {
    const kept = lower(name, level);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  const { repositoryIds } = token.installation;
  const own = token.repositoryIds;
  const both = own === "all" ? repositoryIds : own.filter((id) => repositoryIds === "all" || repositoryIds.includes(id));
  return { ...token, permissions: Object.fromEntries(permissions), repositoryIds: both };
}

export function covers(token: Token, repositoryId: number): boolean {
  return token.repositoryIds === "all" || token.repositoryIds.includes(repositoryId);
}

/** Whether a repository is there, as far as a caller is told: GitHub tells nobody that a private one exists. */
export function sees(github: GitHub, caller: Acting, repository: Repository): boolean {
  if (caller.party === "installation")
    return repository.owner.id === caller.token.installation.account.id && covers(caller.token, repository.id);
  if (!repository.private) return true;
  return hasScope(caller.scopes, "repo") && roleOf(github, repository, caller.account) !== "none";
}

/** Why a route that is of no repository may not be called; undefined when it may. */
export function refuseCall({ route, caller }: ApiRequest): Answer | undefined {
  const rule: RouteRule = ROUTES[route as Route];
  if (caller.party === "installation") return holdsNeeded(caller.token.permissions, rule) ? undefined : notAccessible();
  if (caller.party !== "user" || rule.scope === undefined || hasScope(caller.scopes, rule.scope)) return undefined;
  return refusal(403, `You need at least ${rule.scope} scope for this endpoint.`);
}

/** Why a route of a repository may not be called; undefined when it may. */
export function refuseInside(github: GitHub, request: RepositoryRequest): Answer | undefined {
  const { caller } = request;
  const rule: RouteRule = ROUTES[request.route as Route];
  if (caller.party === "installation") return mayInside(request, caller.token, rule) ? undefined : notAccessible();
  const role = rule.role ?? "read";
  const scope = rule.scope ?? (role === "read" ? undefined : request.repository.private ? "repo" : "public_repo");
  const scoped = scope === undefined || hasScope(caller.scopes, scope);
  if (scoped && atLeast(roleOf(github, request.repository, caller.account), role)) return undefined;
  return rule.hides === true ? notFound() : notAdmin();
}

/**
 * Why a caller may not write a workflow file, which takes a permission or scope of its own. A person's token without it
 * is told that nothing is there (octokit/octokit.rb#1184, octokit/rest.js#368).
 */
export function refuseWorkflows(caller: Acting): Answer | undefined {
  if (caller.party === "user") return hasScope(caller.scopes, "workflow") ? undefined : notFound();
  return holds(caller.token.permissions, "workflows", "write") ? undefined : notAccessible();
}

function holdsNeeded(permissions: Readonly<Record<string, string>>, { needs }: RouteRule): boolean {
  return typeof needs !== "object" || Object.entries(needs).every(([name, level]) => holds(permissions, name, level));
}

/** On a pull request's number, comments need `pull_requests`. */
function mayInside(request: RepositoryRequest, { permissions }: Token, rule: RouteRule): boolean {
  if (typeof rule.needs !== "string") return holdsNeeded(permissions, rule);
  return holds(permissions, isOnPull(request) ? "pull_requests" : "issues", rule.needs.endsWith("write") ? "write" : "read");
}

function isOnPull({ params, repository }: RepositoryRequest): boolean {
  const issue =
    repository.issues.get(Number(params["issue_number"])) ?? repository.comments.get(Number(params["comment_id"]))?.issue;
  return issue?.pull !== undefined;
}

/** What of a wanted narrowing exceeds what there is; undefined when nothing does. */
export function exceeding(
  wanted: Readonly<Record<string, string>>,
  granted: Readonly<Record<string, string>>,
): string | undefined {
  return Object.entries(wanted).find(
    ([name, level]) => (RANK[level] ?? Infinity) > (RANK[granted[name] ?? (name === "metadata" ? "read" : "")] ?? 0),
  )?.[0];
}
