import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Change, type Claim, CONTRACT_VERSION, PROVIDERS } from "#core/wire/contract.ts";
import type { Session } from "#core/wire/session.ts";
import { ROOT, TOOL_CACHE } from "../world.ts";
import { type FakeApp, RUN_TOKEN, startApp } from "./app.ts";

/** One job of the built Action as a runner starts it, with nothing of the app but its answers: real CLI, real sandbox, real git. */
export type Stage = AsyncDisposable & {
  readonly app: FakeApp;
  readonly temp: string;
  /** Main step and post step. `during` is told the process of the first. */
  run(env?: Record<string, string>, during?: (pid: number) => void): Promise<Job>;
};
export type Job = { readonly status: number | null; readonly log: string; readonly post: string };

export type StageSettings = {
  /** Where every provider's calls go. */
  readonly modelUrl: string;
  readonly key: string;
  readonly files: Readonly<Record<string, string>>;
  readonly route: Claim["route"];
  readonly auth?: string;
  readonly setup?: readonly string[];
  readonly verify?: readonly string[] | "detect";
  readonly microUsd?: number;
  readonly deadlineMs?: number;
  readonly repairs?: number;
  readonly resume?: readonly Change[];
  readonly session?: Session | undefined;
};

const DIST = join(ROOT, "action/dist");
export const PRICE = { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000, cacheWrite1h: 6_000_000 };

/** Effects: a folder, removed when disposed; a server on loopback until then. */
export async function setStage(given: StageSettings): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), "job-"));
  const temp = join(root, "_temp");
  await mkdir(temp);
  const base = await commit(join(root, "git/repo"), given.files);
  const app = await startApp(join(root, "git"), {
    contract: CONTRACT_VERSION,
    runToken: RUN_TOKEN,
    deadlineMs: given.deadlineMs ?? 300_000,
    heartbeatEveryMs: 200,
    brief: { repository: "acme/web", issue: 7, title: "Make a.txt new", body: "It says old. THE-ISSUE-TEXT" },
    checkout: { base },
    route: given.route,
    auth: given.auth ?? "api-key",
    identity: null,
    budget: { microUsd: given.microUsd ?? 5_000_000, price: PRICE },
    commands: { setup: [...(given.setup ?? [])], verify: given.verify === "detect" ? "detect" : [...(given.verify ?? [])] },
    limits: { maxFiles: 50, maxBytes: 500_000 },
    repairs: given.repairs ?? 2,
    resume: [...(given.resume ?? [])],
    session: given.session,
  });
  const env = {
    PATH: process.env["PATH"] ?? "", HOME: root, RUNNER_TEMP: temp, RUNNER_TOOL_CACHE: process.env["RUNNER_TOOL_CACHE"] ?? TOOL_CACHE,
    GITHUB_API_URL: app.url, GITHUB_TOKEN: "ghs_jobTokenThatMustStayOutside", GITHUB_STATE: join(temp, "state"),
    ACTIONS_ID_TOKEN_REQUEST_URL: `${app.url}/oidc?x=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "oidc-request-token",
    INPUT_ATTEMPT: "attempt-1", "INPUT_APP-URL": `${app.url}/`, INPUT_KEY: given.key,
    ...Object.fromEntries(PROVIDERS.map((it) => [`INPUT_${it.toUpperCase()}-BASE-URL`, given.modelUrl])),
  }; // prettier-ignore
  return {
    app,
    temp,
    async run(more = {}, during) {
      await writeFile(env.GITHUB_STATE, "");
      const main = await start("main.mjs", { ...env, ...more }, during);
      const state = await readFile(env.GITHUB_STATE, "utf8");
      const pending = /pending<<(?<mark>.+)\n(?<value>.*)\n/.exec(state)?.groups?.["value"] ?? "";
      const post = await start("post.mjs", { ...env, STATE_pending: pending });
      return { ...main, post: post.log };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** @returns the id of the one commit. */
async function commit(repo: string, files: StageSettings["files"]): Promise<string> {
  await mkdir(repo, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(repo, path)), { recursive: true });
    await writeFile(join(repo, path), text);
  }
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: repo, encoding: "utf8" }).trim();
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "base");
  return git("rev-parse", "HEAD");
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
