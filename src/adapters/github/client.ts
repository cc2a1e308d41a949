import { createAppAuth } from "@octokit/auth-app";
import { GraphqlResponseError } from "@octokit/graphql";
import { Octokit } from "@octokit/rest";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure, Place } from "#ports/github.ts";

export type GitHubApp = { readonly appId: number; readonly privateKey: string; readonly apiUrl: string };

/** A call's longest wait. GitHub itself ends a request after 10 s; the rest is the network's. */
const TIMEOUT_MS = 30 * SECOND_MS;

/**
 * Octokit without Probot's throttle: that one spaces comments three seconds apart, and makes one task wait in memory for
 * another's. Here a limit is a failure with a time, and waiting is the queue's.
 */
export function connectApp(app: GitHubApp): Octokit {
  return new Octokit({
    ...settingsFor(app.apiUrl),
    authStrategy: createAppAuth,
    auth: { appId: app.appId, privateKey: app.privateKey },
  });
}

/** A client under one short-lived token. */
export function connectToken(app: GitHubApp, token: string): Octokit {
  return new Octokit({ ...settingsFor(app.apiUrl), auth: token });
}

/** Octokit's own log is off: it writes to the console, and what goes wrong is a failure that we log. */
export function settingsFor(apiUrl: string) {
  const silent = () => undefined;
  return {
    baseUrl: apiUrl,
    userAgent: "agent-pool",
    log: { debug: silent, info: silent, warn: silent, error: silent },
  };
}

/** A repository, as routes name it. */
export type At = { readonly owner: string; readonly repo: string };
export function at({ owner, repository }: Pick<Place, "owner" | "repository">): At {
  return { owner: owner.login, repo: repository.name };
}

export function timeout(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(TIMEOUT_MS) };
}

/** Runs one call and turns what it throws into a failure that says whether trying again makes sense. */
export async function answer<T>(route: string, call: () => Promise<T>): Promise<Result<T, GitHubFailure>> {
  try {
    return ok(await call());
  } catch (error) {
    return err(toFailure(route, error));
  }
}

function toFailure(route: string, error: unknown): GitHubFailure {
  if (error instanceof GraphqlResponseError) return graphqlFailure(route, error);
  const status = readNumber(error, "status");
  // Neither Octokit's nor GitHub's: a bug of ours, which no waiting mends.
  if (status === undefined) throw error;
  const message = error instanceof Error ? error.message.slice(0, 300) : "unknown error";
  const headers = readHeaders(error);
  // Octokit gives a request that got no answer at all status 500 and no response.
  if (status >= 500 || status === 408) return unavailable(route, message, null);
  const limited = status === 429 || (status === 403 && /rate limit|abuse/i.test(message));
  if (limited) return unavailable(route, message, retryAfterMs(headers));
  // A token that was revoked or has just run out: the next try mints another (tokens.ts drops what was refused).
  if (status === 401) return { ...unavailable(route, message, SECOND_MS), tokenRefused: true };
  return { reason: "github-refused", route, status, message };
}

type Unavailable = Extract<GitHubFailure, { reason: "github-unavailable" }>;

function unavailable(route: string, message: string, retryAfter: number | null): Unavailable {
  return { reason: "github-unavailable", route, message, retryAfterMs: retryAfter, tokenRefused: false };
}

/** GraphQL answers 200 with errors: what has a type is a refusal, but for the rate limit; "something went wrong" has none. */
function graphqlFailure(route: string, error: GraphqlResponseError<unknown>): GitHubFailure {
  const types = (error.errors ?? []).map((each) => each.type);
  const message = (error.errors ?? [])
    .map((each) => each.message)
    .join("; ")
    .slice(0, 300);
  if (types.includes("RATE_LIMITED")) return unavailable(route, message, retryAfterMs(error.headers));
  if (types.length === 0 || types.some((type) => type === undefined)) return unavailable(route, message, null);
  return { reason: "github-refused", route, status: types.includes("NOT_FOUND") ? 404 : 403, message };
}

/** GitHub asks for at least a minute where it names no time. Source: its guide to secondary rate limits. */
function retryAfterMs(headers: Readonly<Record<string, unknown>>): number {
  const seconds = Number(headers["retry-after"]);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * SECOND_MS;
  const reset = Number(headers["x-ratelimit-reset"]);
  const date = Date.parse(String(headers["date"]));
  if (headers["x-ratelimit-remaining"] === "0" && Number.isFinite(reset) && Number.isFinite(date)) {
    return Math.max(SECOND_MS, reset * SECOND_MS - date);
  }
  return MINUTE_MS;
}

function readNumber(error: unknown, key: string): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const value: unknown = Reflect.get(error, key);
  return typeof value === "number" ? value : undefined;
}

function readHeaders(error: unknown): Readonly<Record<string, unknown>> {
  const response: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "response") : undefined;
  const headers: unknown = typeof response === "object" && response !== null ? Reflect.get(response, "headers") : undefined;
  return typeof headers === "object" && headers !== null ? Object.fromEntries(Object.entries(headers)) : {};
}
