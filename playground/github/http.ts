import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { answer, badCredentials, type Answer } from "./answers.ts";
import { answerNewApp } from "./app-creation.ts";
import { answerDownload } from "./artifacts.ts";
import { callerOf, type Caller } from "./credentials.ts";
import type { HookAnswer, HookRequest } from "./emulated-github.ts";
import { answerGit, parseGitRequest } from "./git-http.ts";
import { answerGraphql } from "./graphql.ts";
import { renderPage } from "./pages.ts";
import { answerRest, defect, matchRoute } from "./rest.ts";
import { nowOf, type GitHub } from "./state.ts";

type Incoming = {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly raw: Buffer;
  readonly body: unknown;
};

/** One loopback server for REST, GraphQL and git. Nothing outside this machine may reach it: it hands out tokens. */
export async function listen(github: GitHub, port: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    void serve(github, incoming, outgoing).catch((error: unknown) => {
      defect(github, `${incoming.method ?? ""} ${incoming.url ?? ""}`, error);
      outgoing.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

async function serve(github: GitHub, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? "/", "http://localhost");
  const raw = await readBody(incoming);
  const method = incoming.method ?? "GET";
  const request: Incoming = {
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    raw,
    body: parseBody(raw),
  };
  const page = await renderPage(github, method, url.pathname);
  if (page !== undefined) return void outgoing.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(page);
  const aside = answerDownload(github, method, url.pathname) ?? answerNewApp(github, { method, url, raw });
  if (aside !== undefined) return send(outgoing, aside);
  const caller = await callerOf(github, incoming.headers.authorization);
  const git = parseGitRequest(method, url.pathname, url.searchParams);
  const match = git === undefined ? matchRoute(method, url.pathname) : undefined;
  const isGraphql = method === "POST" && url.pathname === "/graphql";
  const route = git?.route ?? (isGraphql ? "POST /graphql" : (match?.route ?? `${method} ${url.pathname}`));

  const answered = async (): Promise<Answer> => {
    if (git !== undefined) return answerGit(github, git, caller, incoming, raw);
    if (isGraphql) return graphqlAnswer(github, caller, request.body);
    return answerRest(github, { ...request, accept: incoming.headers.accept ?? "" }, match, caller);
  };
  const body = git === undefined ? request.body : undefined;
  const hooked = { method, route, path: request.path, query: request.query, body, party: caller.party };
  const final = await withHooks(github, hooked, () => answered().catch((error: unknown) => defect(github, route, error)));

  record(github, route, request.path, final === "drop" ? null : final.status, caller, incoming);
  if (final === "drop") incoming.socket.destroy();
  else send(outgoing, final, caller);
}

/** A hook `before` takes the place of the answer; one `after` hides the answer to what was done. */
async function withHooks(
  github: GitHub,
  request: HookRequest["request"],
  answered: () => Promise<Answer>,
): Promise<Answer | "drop"> {
  const before = await askHooks(github, { phase: "before", request });
  if (before !== undefined) return before;
  const given = await answered();
  return (await askHooks(github, { phase: "after", request })) ?? given;
}

async function askHooks(github: GitHub, call: HookRequest): Promise<Answer | "drop" | undefined> {
  for (const entry of Array.from(github.hooks)) {
    if (entry.route !== call.request.route) continue;
    const said: HookAnswer = await entry.hook(call);
    if (said === undefined) continue;
    if (entry.times === "once") github.hooks.delete(entry);
    return said === "drop"
      ? "drop"
      : answer(
          said.status,
          said.body ?? { message: "emulated fault", documentation_url: "https://docs.github.com/rest" },
          said.headers,
        );
  }
  return undefined;
}

async function graphqlAnswer(github: GitHub, caller: Caller, body: unknown): Promise<Answer> {
  if (caller.party !== "installation" && caller.party !== "user") return badCredentials();
  return answer(200, await answerGraphql(github, caller, body));
}

function record(
  github: GitHub,
  route: string,
  path: string,
  status: number | null,
  caller: Caller,
  incoming: IncomingMessage,
): void {
  const grant =
    caller.party === "installation"
      ? { permissions: caller.token.permissions, repositoryIds: caller.token.repositoryIds }
      : undefined;
  github.calls.push({
    route,
    path,
    status,
    party: caller.party,
    ...(grant === undefined ? {} : { grant }),
    userAgent: incoming.headers["user-agent"] ?? "",
    at: nowOf(github),
  });
  github.options.onEvent?.(`${route} → ${status === null ? "dropped" : String(status)}`);
}

function send(outgoing: ServerResponse, { status, body, headers }: Answer, caller?: Caller): void {
  const common = {
    "x-github-media-type": "github.v3; format=json",
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4999",
    ...(caller?.party === "user" ? { "x-oauth-scopes": caller.scopes.join(", ") } : {}),
    ...headers,
  };
  if (body === undefined) outgoing.writeHead(status, common).end();
  else if (Buffer.isBuffer(body)) outgoing.writeHead(status, common).end(body);
  else outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8", ...common }).end(JSON.stringify(body));
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** JSON, or the text itself where it is none: the route then answers 400. */
function parseBody(raw: Buffer): unknown {
  if (raw.length === 0) return undefined;
  const text = raw.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
