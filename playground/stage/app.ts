import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Claim, Heartbeat, Outcome } from "#core/wire/contract.ts";

/** The app, GitHub's OIDC and REST, and a git server over real repositories, as one job sees them. */
export type FakeApp = AsyncDisposable & {
  readonly url: string;
  /** What happened, in order: `claim`, `git`, `revoke`, `outcome`. */
  readonly events: string[];
  readonly heartbeats: Heartbeat[];
  readonly outcomes: Outcome[];
  /** The bodies of the claims. */
  readonly claims: unknown[];
  claim: Claim;
  /** HTTP statuses to answer with first, per route; then the real answer. */
  readonly failures: { claim: number[]; outcome: number[]; revoke: number[] };
  stop: boolean;
};

export const CHECKOUT_TOKEN = "ghs_checkoutTokenForOneFetch1234";
export const RUN_TOKEN = "run-token-of-this-attempt-1234";

export async function startApp(
  gitRoot: string,
  claim: Omit<Claim, "checkout"> & { readonly checkout: { readonly base: string } },
): Promise<FakeApp> {
  const failures: FakeApp["failures"] = { claim: [], outcome: [], revoke: [] };
  const state = {
    events: [] as string[],
    heartbeats: [] as Heartbeat[],
    outcomes: [] as Outcome[],
    claims: [] as unknown[],
    failures,
    stop: false,
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const app: FakeApp = {
    ...state,
    url,
    claim: { ...claim, checkout: { ...claim.checkout, cloneUrl: `${url}/git/repo`, token: CHECKOUT_TOKEN } },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    const json = (status: number, body: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (path.startsWith("/git/")) return serveGit(gitRoot, app, request, response);
    const body = await readAll(request);
    const route = /^\/runs\/attempt-1\/(\w+)$/.exec(path)?.[1];
    if (path.startsWith("/oidc")) return json(200, { value: "header.payload.signature" });
    if (path === "/installation/token" && request.method === "DELETE") {
      app.events.push("revoke");
      return void response.writeHead(failures.revoke.shift() ?? 204).end();
    }
    if (route === "claim") {
      app.events.push("claim");
      app.claims.push(JSON.parse(body));
      const failure = failures.claim.shift();
      return failure === undefined
        ? json(200, app.claim)
        : json(failure, { error: "The attempt is not yours.", fix: "Nothing to do." });
    }
    if (request.headers.authorization !== `Bearer ${RUN_TOKEN}`) return json(401, { error: "Who are you?", fix: "Claim first." });
    if (route === "heartbeat") {
      app.heartbeats.push(JSON.parse(body) as Heartbeat);
      return json(200, { stop: app.stop });
    }
    app.events.push("outcome");
    const failure = failures.outcome.shift();
    if (failure !== undefined) return json(failure, {});
    app.outcomes.push(JSON.parse(body) as Outcome);
    return json(200, { accepted: true });
  }
  return app;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** `git http-backend` itself, as a CGI program; 401 without the one-fetch token. */
function serveGit(root: string, app: FakeApp, request: IncomingMessage, response: ServerResponse): void {
  const expected = `basic ${Buffer.from(`x-access-token:${CHECKOUT_TOKEN}`).toString("base64")}`;
  if (request.headers.authorization !== expected) return void response.writeHead(401).end();
  if (app.events.at(-1) !== "git") app.events.push("git");
  const { pathname, searchParams } = new URL(request.url ?? "/", app.url);
  const env = {
    PATH: process.env["PATH"] ?? "", GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: "1", PATH_INFO: pathname.slice("/git".length), QUERY_STRING: searchParams.toString(),
    REQUEST_METHOD: request.method ?? "GET", CONTENT_TYPE: request.headers["content-type"] ?? "", HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""), GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: join(root, "repo"),
  }; // prettier-ignore
  const child = spawn("git", ["http-backend"], { env });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.once("close", () => {
    const all = Buffer.concat(chunks);
    const end = all.indexOf("\r\n\r\n");
    const headers = Object.fromEntries(
      all
        .subarray(0, end)
        .toString("latin1")
        .split("\r\n")
        .map((it) => it.split(": ", 2) as [string, string]),
    );
    response.writeHead(Number(headers["Status"]?.slice(0, 3) ?? 200), headers).end(all.subarray(end + 4));
  });
}
