import type { RepositoryRequest } from "./answers.ts";
import { ROUTES, type Level, type Route, type RouteRule } from "./routes.ts";
import type { Token } from "./state.ts";

const RANK: Readonly<Record<string, number>> = { read: 1, write: 2, admin: 3 };

/** Whether permissions hold one at a level. `metadata: read` comes with every token. */
export function holds(permissions: Readonly<Record<string, string>>, name: string, level: Level): boolean {
  if (name === "metadata" && level === "read") return true;
  return (RANK[permissions[name] ?? ""] ?? 0) >= (RANK[level] ?? Infinity);
}

/** Whether a route that is of no repository may be called with these permissions. */
export function holdsNeeded(permissions: Readonly<Record<string, string>>, { needs }: RouteRule): boolean {
  return typeof needs !== "object" || Object.entries(needs).every(([name, level]) => holds(permissions, name, level));
}

export function covers(token: Token, repositoryId: number): boolean {
  return token.repositoryIds === "all" || token.repositoryIds.includes(repositoryId);
}

/** Whether the token may call the route. On a pull request's number, comments need `pull_requests`. */
export function mayCall(request: RepositoryRequest): boolean {
  const rule: RouteRule = ROUTES[request.route as Route];
  const { permissions } = request.token;
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
