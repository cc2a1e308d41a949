import { answer, isRecord, notAccessible, notFound, refusal, type Answer, type ApiRequest } from "./answers.ts";
import { checkExchange } from "./contract.ts";
import type { Caller } from "./credentials.ts";
import { takeContentSlot } from "./limits.ts";
import { refuseCall, refuseInside, sees } from "./permissions.ts";
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
const DEEP = new Set(["path", "ref", "basehead"]);

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

/** Installations and people take one path: who may call the route at all, then what the caller may see, then what it may do there. */
async function dispatch(github: GitHub, request: RestRequest, { route, params }: Match, caller: Caller): Promise<Answer> {
  const rule: RouteRule = ROUTES[route];
  const turnedAway = refuseParty(rule, caller);
  if (turnedAway !== undefined) return turnedAway;
  if (request.body !== undefined && !isRecord(request.body)) return refusal(400, "Problems parsing JSON");
  const { method, query, accept } = request;
  const api: ApiRequest = { method, route, params, query, body: request.body ?? {}, accept, caller };
  if (isOfNoRepository(route)) return refuseCall(api) ?? HANDLERS[route](github, api);
  if (caller.party !== "installation" && caller.party !== "user") return notAccessible();
  const repository = findRepository(github, params["owner"] ?? "", params["repo"] ?? "");
  if (repository === undefined || !sees(github, caller, repository)) return notFound();
  const inside = { ...api, repository, caller };
  const shut = repository.archived && method !== "GET" && !route.endsWith(" /repos/{owner}/{repo}");
  if (shut) return refusal(403, "Repository was archived so is read-only.");
  const full = (): Answer | undefined => (rule.creates === true ? takeContentSlot(github, caller) : undefined);
  return refuseInside(github, inside) ?? full() ?? HANDLERS[route](github, inside);
}

/** GitHub's answer to a caller of a kind that the route is not for. */
function refuseParty({ by }: RouteRule, caller: Caller): Answer | undefined {
  if (caller.party === "anonymous" && caller.refused !== undefined) return caller.refused;
  if (by === "anyone" || by === caller.party) return undefined;
  if (caller.party === "anonymous") return refusal(401, "Requires authentication");
  if (by === "app-jwt") return refusal(401, "A JSON web token could not be decoded");
  if (by === "either" && caller.party !== "app-jwt") return undefined;
  if (by === "installation" && caller.party === "user")
    return refusal(403, "You must authenticate with an installation access token in order to use this endpoint.");
  return notAccessible();
}

/** An error of the emulator itself: visible as such, never as a plausible answer. */
export function defect(github: GitHub, where: string, error: unknown): Answer {
  github.violations.push(
    `${where}: the emulated GitHub failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return answer(500, { message: "Server Error", documentation_url: "https://docs.github.com/rest" });
}
