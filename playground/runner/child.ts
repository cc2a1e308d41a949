import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { killTree } from "./process-tree.ts";
import type { Log } from "./log.ts";

/** How long a cancelled step may go on after each signal, milliseconds. */
export type CancelLadder = { readonly interruptMs: number; readonly terminateMs: number };

/** docs.github.com, actions/reference/workflows-and-actions/workflow-cancellation, read 2026-11-23. */
export const GITHUB_LADDER: CancelLadder = { interruptMs: 7_500, terminateMs: 2_500 };

export type ChildCommand = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing of ours is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: Log;
  /** Cancels politely, by the ladder. */
  readonly cancel: AbortSignal;
  /** Kills at once: the runner itself is going away. */
  readonly shutdown: AbortSignal;
  readonly ladder: CancelLadder;
};

/** Milliseconds that a background process may hold the output open after the step's own process has ended. */
const DRAIN_MS = 1_000;

/**
 * Runs one step's process in a process group of its own and logs its output.
 * Signals go to that process alone, as GitHub's do; only the last stage takes the whole tree.
 * Returns the exit code, null when a signal ended it or it could not be started.
 */
export async function runChild(command: ChildCommand): Promise<number | null> {
  const { log, cancel, shutdown, ladder } = command;
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const outputs = [child.stdout, child.stderr].map((pipe) => {
    const output = log.stream();
    pipe.on("data", (chunk: Buffer) => output.push(chunk));
    return output;
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const timers: NodeJS.Timeout[] = [];

  const killAll = () => {
    if (child.pid !== undefined) killTree(child.pid);
  };
  const climb = () => {
    child.kill("SIGINT");
    timers.push(setTimeout(() => child.kill("SIGTERM"), ladder.interruptMs));
    timers.push(setTimeout(killAll, ladder.interruptMs + ladder.terminateMs));
  };
  if (shutdown.aborted) killAll();
  else if (cancel.aborted) climb();
  cancel.addEventListener("abort", climb, { once: true });
  shutdown.addEventListener("abort", killAll, { once: true });

  const exitCode = await new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", (error) => {
      log.write(`##[error]${error.message}`);
      resolve(null);
    });
  });
  for (const timer of timers) clearTimeout(timer);
  cancel.removeEventListener("abort", climb);
  shutdown.removeEventListener("abort", killAll);

  const drained = new AbortController();
  await Promise.race([closed, sleep(DRAIN_MS, undefined, { signal: drained.signal }).catch(() => undefined)]);
  drained.abort();
  child.stdout.destroy();
  child.stderr.destroy();
  for (const output of outputs) output.end();
  return exitCode;
}
