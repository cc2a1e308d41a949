import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectEmbedded, connectPostgres } from "#adapters/store/connect.ts";
import { reservePort } from "#playground/reserved-port.ts";
import { ROOT } from "#playground/world.ts";
import type { GitHubReady } from "./github-process.ts";
import { end } from "./processes.ts";

/** The app as `npm start` runs it, and its store between its starts. */
export type Product = AsyncDisposable & {
  readonly address: string;
  process(): ChildProcess;
  start(): Promise<void>;
  end(how: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** While it is down: what its store holds. */
  stored(): Promise<Stored>;
};
export type Stored = {
  /** Of each task, the delivery that asked for it. */
  readonly tasks: readonly string[];
  /** How many deliveries were not yet worked off. */
  readonly waiting: number;
};

const START_MS = 60_000;

export async function prepareProduct(
  folder: string,
  { url: apiUrl, app }: GitHubReady,
  secret: string,
  databaseUrl: string | undefined,
): Promise<Product> {
  const { port, ...reserved } = await reservePort();
  const address = `127.0.0.1:${String(port)}`;
  const directory = join(folder, "store");
  mkdirSync(folder);
  const log = join(folder, "log");
  const env = {
    PATH: process.env["PATH"] ?? "",
    APP_ID: String(app.id),
    PRIVATE_KEY: app.privateKey,
    WEBHOOK_SECRET: secret,
    PUBLIC_URL: `http://${address}`,
    PORT: String(port),
    HOST: "127.0.0.1",
    GITHUB_API_URL: apiUrl,
    AGENT_POOL_DATA: directory,
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  };
  let running: ChildProcess | undefined;
  const child = (): ChildProcess => running ?? fail("the app was not started");
  process.once("exit", () => running?.kill("SIGKILL"));
  return {
    address,
    process: child,
    async start() {
      const output = openSync(log, "a");
      running = spawn(process.execPath, [join(ROOT, "src/main.ts")], { cwd: folder, env, stdio: ["ignore", output, output] });
      closeSync(output);
      for (const until = performance.now() + START_MS; performance.now() < until; await sleep(50)) {
        if (running.exitCode !== null) break;
        const answer = await fetch(`http://${address}/healthz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
        if (answer?.ok === true) return;
      }
      fail(`the app did not start:\n${readFileSync(log, "utf8").slice(-2_000)}`);
    },
    end: (how) => end(child(), how),
    async stored() {
      const { db, close } = databaseUrl === undefined ? await connectEmbedded(directory) : connectPostgres(databaseUrl);
      try {
        const tasks = await db.selectFrom("tasks").select("delivery_id").execute();
        const waiting = await db.selectFrom("deliveries").select("id").where("due_at", "is not", null).execute();
        return { tasks: tasks.map(({ delivery_id }) => delivery_id), waiting: waiting.length };
      } finally {
        await close();
      }
    },
    async [Symbol.asyncDispose]() {
      if (running !== undefined) await end(running, "SIGKILL");
      await reserved[Symbol.asyncDispose]();
    },
  };
}

function fail(why: string): never {
  throw new Error(why);
}
