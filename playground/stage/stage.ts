import { execFileSync, spawn } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Change, type Claim, CONTRACT_VERSION, Outcome, PROVIDERS } from "#core/wire/contract.ts";
import { type KeyPair, open } from "#core/wire/sealed.ts";
import type { Session } from "#core/wire/session.ts";
import { ROOT, TOOL_CACHE } from "../world.ts";
import { type FakeApp, RUN_TOKEN, startApp } from "./app.ts";

/** One job of the built Action as a runner starts it, with nothing of the app but its answers: real CLI, real sandbox, real git. */
export type Stage = AsyncDisposable & {
  readonly app: FakeApp;
  readonly temp: string;
  /** The files of the main step that the runner reads after it. */
  readonly files: Readonly<Record<CommandFile, string>>;
  /** Main step and post step. `during` is told the process of the first. */
  run(env?: Record<string, string>, during?: (pid: number) => void): Promise<Job>;
};
export type Job = {
  readonly status: number | null;
  readonly log: string;
  readonly post: string;
  /** Of the main step, by `performance.now()`. */
  readonly endedAt: number;
  /** What the main step wrote for the runner to read. */
  readonly files: Readonly<Record<CommandFile, string>>;
  /** What a step after the main step would have uploaded, opened with the app's key. */
  readonly uploaded: Outcome | undefined;
};

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
  readonly overlay?: readonly Change[];
  readonly agent?: Claim["agent"];
};

const COMMAND_FILES = ["GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] as const;
export type CommandFile = (typeof COMMAND_FILES)[number];

const DIST = join(ROOT, "action/dist");
export const PRICE = { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000, cacheWrite1h: 6_000_000 };

/** Effects: a folder, removed when disposed; a server on loopback until then. */
export async function setStage(given: StageSettings): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), "job-"));
  const temp = join(root, "_temp");
  await mkdir(temp);
  const commands = join(temp, "_runner_file_commands");
  const files = Object.fromEntries(COMMAND_FILES.map((name) => [name, join(commands, name)])) as Stage["files"];
  await mkdir(commands);
  const keys = makeKeys();
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
    outcomeKey: keys.publicKey,
    resume: [...(given.resume ?? [])],
    session: given.session,
    ...(given.overlay === undefined ? {} : { overlay: [...given.overlay] }),
    agent: given.agent,
  });
  const env = {
    PATH: process.env["PATH"] ?? "", HOME: root, RUNNER_TEMP: temp, RUNNER_TOOL_CACHE: process.env["RUNNER_TOOL_CACHE"] ?? TOOL_CACHE,
    GITHUB_API_URL: app.url, GITHUB_TOKEN: "ghs_jobTokenThatMustStayOutside", ...files,
    ACTIONS_ID_TOKEN_REQUEST_URL: `${app.url}/oidc?x=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "oidc-request-token",
    INPUT_ATTEMPT: "attempt-1", "INPUT_APP-URL": `${app.url}/`, INPUT_KEY: given.key,
    ...Object.fromEntries(PROVIDERS.map((it) => [`INPUT_${it.toUpperCase()}-BASE-URL`, given.modelUrl])),
  }; // prettier-ignore
  return {
    app,
    temp,
    files,
    async run(more = {}, during) {
      for (const file of Object.values(files)) await writeFile(file, "");
      const main = await start("main.mjs", { ...env, ...more }, during);
      const endedAt = performance.now();
      const read = async (name: CommandFile) => [name, await readFile(files[name], "utf8")] as const;
      const written = Object.fromEntries(await Promise.all(COMMAND_FILES.map(read))) as Job["files"];
      const uploaded = await openUpload(valueOf(written.GITHUB_OUTPUT, "outcome"), keys);
      const post = await start("post.mjs", { ...env, STATE_kept: valueOf(written.GITHUB_STATE, "kept") });
      return { ...main, post: post.log, endedAt, files: written, uploaded };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function makeKeys(): KeyPair {
  const { x = "", d = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  return { publicKey: x, privateKey: d };
}

/** What `@actions/core` wrote under a name. */
function valueOf(text: string, name: string): string {
  return new RegExp(`^${name}<<.+\\n(.*)\\n`, "m").exec(text)?.[1] ?? "";
}

/** Throws for a file that the app would refuse. */
async function openUpload(path: string, keys: KeyPair): Promise<Outcome | undefined> {
  const file = await readFile(path).catch(() => undefined);
  if (file === undefined) return undefined;
  const opened = open(file, keys, { lease: "attempt-1", tokenHash: createHash("sha256").update(RUN_TOKEN).digest("hex") });
  if (!opened.ok) throw new Error(`the job's own file is ${opened.error}`);
  return Outcome.parse(JSON.parse(opened.value));
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
