import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A program of this folder as a process of its own, which ends with this one. */
export function startProcess(name: string, ...args: readonly string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, `${name}-process.ts`), args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

/** What it says next. Throws where it ends instead. */
export async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const heard = new AbortController();
  const died = once(child, "exit", { signal: heard.signal }).then(() => {
    throw new Error(`${child.spawnargs[1] ?? "a process"} ended`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal: heard.signal }), died])) as [Answer];
    return message;
  } finally {
    heard.abort();
    died.catch(() => {});
  }
}

/** Ends it, unless it has ended. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  // One that was stopped hears nothing else.
  child.kill("SIGCONT");
  await exited;
}
