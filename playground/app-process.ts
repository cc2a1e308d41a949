import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { reservePort } from "./reserved-port.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const START_MS = 60_000;

/** The app as `npm start` runs it: another process, with nothing in its environment but what its contract names. */
export type AppProcess = AsyncDisposable & {
  readonly url: string;
  /** The environment it starts with; tests change it between starts. */
  readonly variables: Record<string, string>;
  /** `tree`: the folder of another release's sources. */
  start(tree?: string): Promise<void>;
  /** `kill -9`: nothing is finished, nothing is closed. */
  kill(): Promise<void>;
  /** SIGTERM: it finishes what is under way and closes its store. */
  stop(): Promise<void>;
  /** Everything it wrote so far, over all its starts. */
  output(): string;
  running(): boolean;
};

export async function prepareApp(
  cwd: string,
  variables: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<AppProcess> {
  const reserved = await reservePort();
  const url = `http://127.0.0.1:${String(reserved.port)}`;
  const own: Record<string, string> = { ...variables, PORT: String(reserved.port), HOST: "127.0.0.1", PUBLIC_URL: url };
  let child: ChildProcess | undefined;
  let output = "";

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  return {
    url,
    variables: own,
    async start(tree = ROOT) {
      const started = spawn(process.execPath, [join(tree, "src/main.ts")], {
        // Not where a developer may have a `.env`.
        cwd,
        env: { PATH: process.env["PATH"] ?? "", ...own },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      for (const stream of [started.stdout, started.stderr]) {
        stream.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
        createInterface({ input: stream }).on("line", onLine);
      }
      const deadline = Date.now() + START_MS;
      while (Date.now() < deadline) {
        if (started.exitCode !== null || started.signalCode !== null)
          throw new Error(`the app ended at its start:\n${output.slice(-2_000)}`);
        const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
        if (answer?.ok === true) return;
        await sleep(50);
      }
      throw new Error(`the app did not answer within ${String(START_MS / 1000)} s:\n${output.slice(-2_000)}`);
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    output: () => output,
    running: () => child !== undefined && child.exitCode === null && child.signalCode === null,
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await reserved[Symbol.asyncDispose]();
    },
  };
}
