import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Change, CONTRACT_VERSION, PROVIDERS } from "#core/wire/contract.ts";
import { type FakeApp, RUN_TOKEN, startApp } from "./app.ts";
import { type Model, type Reply, startModel } from "./model.ts";
import { TOOL_CACHE } from "./tool-cache.ts";

/** The built Action, as a runner starts it: real Claude Code, real srt, real git; the model is scripted. */
export const KEY = "sk-ant-api03-the-leased-key-of-this-job";
const MODEL = "claude-sonnet-5-5";
const DIST = fileURLToPath(new URL("../../../action/dist", import.meta.url));

export type Job = { readonly status: number | null; readonly log: string; readonly post: string };
export type Stage = AsyncDisposable & {
  readonly app: FakeApp;
  readonly model: Model;
  readonly temp: string;
  run(env?: Record<string, string>, during?: (pid: number) => void): Promise<Job>;
};

type Given = {
  readonly reply: Reply;
  readonly setup?: string[];
  readonly verify?: string[];
  readonly microUsd?: number;
  readonly deadlineMs?: number;
  readonly harness?: string;
  readonly auth?: string;
  /** The leased key; an API key by default. */
  readonly key?: string;
  readonly files?: Record<string, string>;
  readonly resume?: Change[];
};

export async function setStage(given: Given): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), "job-"));
  const repo = join(root, "git/repo");
  const temp = join(root, "_temp");
  await mkdir(repo, { recursive: true });
  await mkdir(temp);
  for (const [path, text] of Object.entries({ "a.txt": "old\n", "AGENTS.md": "Write British English.\n", ...given.files }))
    await writeFile(join(repo, path), text);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: repo, encoding: "utf8" }).trim();
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "base");
  const app = await startApp(join(root, "git"), {
    contract: CONTRACT_VERSION,
    runToken: RUN_TOKEN,
    deadlineMs: given.deadlineMs ?? 300_000,
    heartbeatEveryMs: 200,
    brief: { repository: "acme/web", issue: 7, title: "Make a.txt new", body: "It says old. THE-ISSUE-TEXT" },
    checkout: { base: git("rev-parse", "HEAD") },
    route: {
      tier: "standard",
      harness: given.harness ?? "claude-code",
      provider: "anthropic",
      model: MODEL,
      effort: "low",
      maxTurns: 10,
    },
    auth: given.auth ?? "api-key",
    identity: null,
    budget: {
      microUsd: given.microUsd ?? 5_000_000,
      price: { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000, cacheWrite1h: 6_000_000 },
    },
    commands: { setup: given.setup ?? [], verify: given.verify ?? [] },
    limits: { maxFiles: 50, maxBytes: 500_000 },
    resume: given.resume ?? [],
  });
  const model = await startModel(given.reply);
  const env = {
    PATH: process.env["PATH"] ?? "", HOME: root, RUNNER_TEMP: temp, RUNNER_TOOL_CACHE: TOOL_CACHE, GITHUB_API_URL: app.url, GITHUB_TOKEN: "ghs_jobTokenThatMustStayOutside",
    ACTIONS_ID_TOKEN_REQUEST_URL: `${app.url}/oidc?x=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "oidc-request-token", GITHUB_STATE: join(temp, "state"),
    INPUT_ATTEMPT: "attempt-1", "INPUT_APP-URL": `${app.url}/`, INPUT_KEY: given.key ?? KEY, ...Object.fromEntries(PROVIDERS.map((it) => [`INPUT_${it.toUpperCase()}-BASE-URL`, model.url.href])),
  }; // prettier-ignore
  return {
    app,
    model,
    temp,
    async run(more = {}, during) {
      await writeFile(env.GITHUB_STATE, "");
      const main = await start("main.mjs", { ...env, ...more }, during);
      const state =
        /pending<<(?<mark>.+)\n(?<value>.*)\n/.exec(await readFile(env.GITHUB_STATE, "utf8"))?.groups?.["value"] ?? "";
      const post = await start("post.mjs", { ...env, STATE_pending: state });
      return { ...main, post: post.log };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function start(
  file: string,
  env: Record<string, string>,
  during?: (pid: number) => void,
): Promise<{ status: number | null; log: string }> {
  const child = spawn(process.execPath, [join(DIST, file)], { env });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (log += data.toString("utf8")));
  if (child.pid !== undefined) during?.(child.pid);
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, log })));
}
