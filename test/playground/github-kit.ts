import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createPrivateKey } from "node:crypto";
import { Octokit } from "@octokit/rest";
import { SignJWT } from "jose";
import { startGitHub } from "#playground/github/server.ts";
import type { AppManifest, EmulatedGitHub, GitHubOptions } from "#playground/github/emulated-github.ts";

export const MANIFEST: AppManifest = {
  name: "Agent Pool",
  default_permissions: {
    metadata: "read",
    issues: "write",
    pull_requests: "write",
    contents: "write",
    actions: "write",
    checks: "write",
    members: "read",
  },
  default_events: ["issues", "issue_comment", "pull_request", "push", "workflow_run", "check_suite", "member", "repository"],
};

export type Received = {
  readonly event: string;
  readonly guid: string;
  readonly signature: string;
  readonly text: string;
  readonly payload: Record<string, unknown>;
};
export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly list: readonly Record<string, unknown>[];
};

export type Stage = AsyncDisposable & {
  readonly github: EmulatedGitHub;
  readonly received: Received[];
  readonly folder: string;
  /** What the app answers to webhooks. */
  readonly answer: { status: number };
  jwt(claims?: { iss?: string; lifeSeconds?: number }): Promise<string>;
  /** A token of `acme`'s installation, narrowed as asked. */
  token(narrowing?: Record<string, unknown>): Promise<string>;
  call(method: string, path: string, token: string | undefined, body?: unknown): Promise<Reply>;
  git(args: readonly string[], cwd?: string): Promise<string>;
};

/** An emulated GitHub with the organisation acme, the app installed, `acme/web` private, and an app that records what it is sent. */
export async function makeStage(more: Partial<GitHubOptions> = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "github-test-"));
  const received: Received[] = [];
  const answer = { status: 200 };
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const header = (name: string): string => String(request.headers[name]);
      received.push({
        event: header("x-github-event"),
        guid: header("x-github-delivery"),
        signature: header("x-hub-signature-256"),
        text,
        payload: JSON.parse(text) as Record<string, unknown>,
      });
      response.writeHead(answer.status).end();
    });
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const { port } = receiver.address() as AddressInfo;
  const github = await startGitHub({
    appManifest: MANIFEST,
    dataDir: join(folder, "repositories"),
    webhook: { url: `http://127.0.0.1:${String(port)}/hooks`, secret: "s3cret" },
    app: { id: 4711, slug: "agent-pool" },
    ...more,
  });
  await github.createOwner({ login: "acme", kind: "Organization" });
  const installation = await github.installApp("acme");
  await github.createRepository({
    owner: "acme",
    name: "web",
    private: true,
    files: { "README.md": "# Web\n", "src/a.txt": "one\ntwo\n" },
  });
  const key = createPrivateKey(github.app.privateKeyPem);

  const stage: Stage = {
    github,
    received,
    folder,
    answer,
    jwt({ iss = "4711", lifeSeconds = 540 } = {}) {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss, iat: now - 30, exp: now + lifeSeconds }).setProtectedHeader({ alg: "RS256" }).sign(key);
    },
    async token(narrowing) {
      const reply = await stage.call(
        "POST",
        `/app/installations/${String(installation)}/access_tokens`,
        await stage.jwt(),
        narrowing,
      );
      return String(reply.body["token"]);
    },
    async call(method, path, token, body) {
      const response = await fetch(`${github.url}${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const parsed: unknown = text === "" ? {} : JSON.parse(text);
      return {
        status: response.status,
        headers: response.headers,
        body: (Array.isArray(parsed) ? {} : parsed) as Record<string, unknown>,
        list: (Array.isArray(parsed) ? parsed : []) as Record<string, unknown>[],
      };
    },
    async git(args, cwd = folder) {
      const env = { ...process.env, GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
      const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
      const { stdout } = await promisify(execFile)("git", [...identity, ...args], { cwd, env });
      return stdout.trim();
    },
    async [Symbol.asyncDispose]() {
      await github.delivered();
      await github[Symbol.asyncDispose]();
      receiver.closeAllConnections();
      await new Promise((done) => receiver.close(done));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

/** The path of a member, through records of unknown shape. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string | number, unknown>)[key] : undefined),
    value,
  );
}

export type Said = { readonly status: number; readonly data: unknown; readonly message: unknown; readonly headers: unknown };

/** Asks as the product does, through Octokit, which throws what is refused. `owner` is acme where not said otherwise, `repo` web. */
export async function ask(stage: Stage, token: string, route: string, params: Record<string, unknown> = {}): Promise<Said> {
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const octokit = new Octokit({ auth: token, baseUrl: stage.github.url, log: silent });
  const place = {
    ...(route.includes("{owner}") ? { owner: "acme" } : {}),
    ...(route.includes("{repo}") ? { repo: "web" } : {}),
    ...(route.includes("{org}") ? { org: "acme" } : {}),
  };
  const said = await octokit
    .request(route, { ...place, ...params })
    .then(({ status, data, headers }) => ({ status, data: data as unknown, headers: headers as unknown }))
    .catch((error: unknown) => ({
      status: Number(at(error, "status")),
      data: at(error, "response", "data"),
      headers: at(error, "response", "headers"),
    }));
  return { ...said, message: at(said.data, "message") };
}
