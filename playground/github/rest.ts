import { answer, badCredentials, isRecord, notAccessible, notFound, refusal, type Answer, type ApiRequest } from "./answers.ts";
import { checkExchange } from "./contract.ts";
import type { Caller } from "./credentials.ts";
import { takeContentSlot } from "./limits.ts";
import { covers, holdsNeeded, mayCall } from "./permissions.ts";
import { ROUTES, type Route, type RouteRule } from "./routes.ts";
import { HANDLERS, isOfNoRepository } from "./routes/handlers.ts";
import { findRepository, type GitHub } from "./state.ts";

export type RestRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** undefined: nothing was sent. */
  readonly body: unknown;
  readonly accept: string;
};
export type Match = { readonly route: Route; readonly params: Readonly<Record<string, string>> };

/** Path parameters that may hold slashes. */
const DEEP = new Set(["path", "ref"]);

const PATTERNS = (Object.keys(ROUTES) as Route[]).map((route) => {
  const [method = "", template = ""] = route.split(" ");
  const names: string[] = [];
  const source = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return DEEP.has(name) ? "(.*)" : "([^/]+)";
  });
  return { route, method, names, pattern: new RegExp(`^${source}$`) };
});

export function matchRoute(method: string, path: string): Match | undefined {
  for (const { route, method: wanted, names, pattern } of PATTERNS) {
    const found = method === wanted ? pattern.exec(path) : null;
    if (found === null) continue;
    return { route, params: Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? "")])) };
  }
  return undefined;
}

/** Answers one REST request and holds the exchange against GitHub's contract. */
export async function answerRest(
  github: GitHub,
  request: RestRequest,
  match: Match | undefined,
  caller: Caller,
): Promise<Answer> {
  if (match === undefined) {
    github.violations.push(`${request.method} ${request.path}: not a route of the emulated GitHub`);
    return notFound();
  }
  const given = await dispatch(github, request, match, caller);
  const raw = Buffer.isBuffer(given.body);
  const { query, body } = request;
  github.violations.push(...checkExchange({ ...match, query, body, status: given.status, answer: given.body, raw }));
  return given;
}

async function dispatch(github: GitHub, request: RestRequest, { route, params }: Match, caller: Caller): Promise<Answer> {
  const rule: RouteRule = ROUTES[route];
  if (caller.party === "anonymous" && caller.refused !== undefined) return caller.refused;
  if (caller.party === "anonymous" && rule.by !== "anyone") return refusal(401, "Requires authentication");
  if (rule.by === "app-jwt" && caller.party !== "app-jwt") return refusal(401, "A JSON web token could not be decoded");
  if (rule.by === "installation" && caller.party !== "installation") return notAccessible();
  if (request.body !== undefined && !isRecord(request.body)) return refusal(400, "Problems parsing JSON");
  const api: ApiRequest = {
    method: request.method,
    route,
    params,
    query: request.query,
    body: request.body ?? {},
    accept: request.accept,
    ...(caller.party === "installation" ? { token: caller.token } : {}),
  };
  if (isOfNoRepository(route))
    return holdsNeeded(api.token?.permissions ?? {}, rule) ? HANDLERS[route](github, api) : notAccessible();
  if (api.token === undefined) return badCredentials();
  const { token } = api;
  const repository = findRepository(github, params["owner"] ?? "", params["repo"] ?? "");
  // What a token can't see is not there; GitHub tells nobody that a private repository exists.
  if (repository === undefined || repository.owner.id !== token.installation.account.id || !covers(token, repository.id))
    return notFound();
  const inside = { ...api, repository, token };
  if (!mayCall(inside)) return notAccessible();
  return (rule.creates === true ? takeContentSlot(github, token.installation) : undefined) ?? HANDLERS[route](github, inside);
}

/** An error of the emulator itself: visible as such, never as a plausible answer. */
export function defect(github: GitHub, where: string, error: unknown): Answer {
  github.violations.push(
    `${where}: the emulated GitHub failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return answer(500, { message: "Server Error", documentation_url: "https://docs.github.com/rest" });
}
