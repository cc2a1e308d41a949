import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "./failure.ts";
import { descendants, isSame, type Most, outgrows, ownedBy, type Relative } from "./family.ts";

/** One child process: its whole environment is given, nothing is inherited. */
export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** By `performance.now()`. */
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
  /** The most kept of stdout and of stderr; of more, the end is kept. */
  readonly keepBytes?: number;
  /** What it and all processes below it may use together; it is ended when it uses more. */
  readonly most?: Most | undefined;
  /** Whose its processes are, where they are not ours to find by their parents and to signal. */
  readonly user?: { readonly uid: number; readonly end: (signal: "TERM" | "KILL") => Promise<void> };
};

export type Ended = {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** We ended it: at its time limit, because it used more than it may, or because the job stops. */
  readonly killed: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly ms: number;
};

const KEEP_BYTES = 32 * 1024 * 1024;
/**
 * srt removes its mount points on SIGTERM, within a second; killed sooner it leaves its sandbox running. Not longer: the job
 * that is cancelled has 7.5 s, and what is in the sandbox is killed with it, whatever it thinks of signals.
 */
const GRACE_MS = 2_000;

/** What runs now, each the first of a process group, with what ends it at once. */
const running = new Map<number, () => Promise<void>>();

/**
 * Runs a command to its end. Never throws: a program that can't be started ends with exit code 127, and one that would
 * start after the stop is not started.
 */
export async function run(command: Command): Promise<Ended> {
  const nothing = { signal: null, stdout: Buffer.alloc(0), stderr: "", ms: 0 };
  if (command.signal?.aborted) return { ...nothing, exitCode: null, killed: true };
  const started = performance.now();
  const child = start(command);
  if (typeof child === "string") return { ...nothing, exitCode: 127, killed: false, stderr: child };
  const { pid } = child;
  const endNow = async (first: number): Promise<void> =>
    command.user === undefined ? killTree(first, await descendants(first)) : command.user.end("KILL");
  if (pid !== undefined) running.set(pid, () => endNow(pid));
  const stdout = makeTail(command.keepBytes ?? KEEP_BYTES);
  const stderr = makeTail(command.keepBytes ?? 64 * 1024);
  child.stdout.on("data", stdout.add);
  child.stderr.on("data", stderr.add);
  child.stdin.on("error", () => {}); // it may end without reading its input
  child.stdin.end(command.input ?? "");

  let killed = false;
  let killing: Promise<void> | undefined;
  const stop = (): void => {
    killed = true;
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
    if (pid !== undefined) killing ??= command.user ? endUser(command.user, hasEnded) : endTree(pid, hasEnded);
  };
  const timer = setTimeout(stop, Math.max(0, Math.min(command.until - started, 2 ** 31 - 1)));
  command.signal?.addEventListener("abort", stop, { once: true });

  const watch = new AbortController();
  if (pid !== undefined) void watchOver(pid, command, stop, watch.signal);

  const end = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("error", (error) => {
      stderr.add(Buffer.from(error.message));
      resolve({ code: 127, signal: null });
    });
    child.once("close", (code, signal) => resolve({ code, signal }));
    // A grandchild may hold the pipes open for ever after its parent's end.
    child.once("exit", (code, signal) => setTimeout(() => resolve({ code, signal }), 2 * GRACE_MS).unref());
  });
  clearTimeout(timer);
  watch.abort();
  command.signal?.removeEventListener("abort", stop);
  await killing;
  if (pid !== undefined) running.delete(pid);
  const ms = Math.round(performance.now() - started);
  return { exitCode: end.code, signal: end.signal, killed, stdout: stdout.read(), stderr: stderr.read().toString("utf8"), ms };
}

/** A missing program is an event of the child; an argument that is too long or holds a NUL is thrown, and returned here. */
function start({ file, args, cwd, env }: Command): ChildProcessWithoutNullStreams | string {
  try {
    return spawn(file, args, { cwd, env, stdio: "pipe", detached: true });
  } catch (cause) {
    return messageOf(cause);
  }
}

/** Half a second is what a process needs to fill some 1 to 2 GB: the limit leaves a quarter of the machine's memory for that. */
const WATCH_MS = 500;

async function watchOver(pid: number, { most, user }: Command, stop: () => void, signal: AbortSignal): Promise<void> {
  if (most === undefined) return;
  const family = async (): Promise<number[]> =>
    user === undefined ? [pid, ...(await descendants(pid)).map((it) => it.pid)] : ownedBy(user.uid);
  while (!signal.aborted && !(await outgrows(await family(), most))) await sleep(WATCH_MS, undefined, { signal }).catch(() => {});
  if (!signal.aborted) stop();
}

/** Before this process ends: nothing that it started outlives it. */
export async function killAll(): Promise<void> {
  for (const end of running.values()) await end();
}

/** SIGTERM, two seconds, then the sandboxes by pid (`--die-with-parent` takes what is inside), then the rest. */
async function endTree(pid: number, ended: () => boolean): Promise<void> {
  const family = await descendants(pid);
  kill(pid, "SIGTERM");
  for (let waited = 0; waited < GRACE_MS && !ended(); waited += 100) await sleep(100);
  const later = ended() ? [] : await descendants(pid);
  await killTree(pid, [...family, ...later]);
}

async function killTree(pid: number, family: readonly Relative[]): Promise<void> {
  for (const child of family) if (await isSame(child)) kill(child.pid, "SIGKILL");
  kill(pid, "SIGKILL");
  kill(-pid, "SIGKILL");
}

async function endUser(user: NonNullable<Command["user"]>, ended: () => boolean): Promise<void> {
  await user.end("TERM");
  for (let waited = 0; waited < GRACE_MS && !ended(); waited += 100) await sleep(100);
  await user.end("KILL");
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone.
  }
}

/** Pieces are put together by so many: one byte at a time, each would take some 300 bytes of memory to keep. */
const PIECES = 1_024;

function makeTail(limit: number): { add: (chunk: Buffer) => void; read: () => Buffer } {
  let chunks: Buffer[] = [];
  let pieces: Buffer[] = [];
  let bytes = 0;
  return {
    add(chunk) {
      pieces.push(chunk);
      bytes += chunk.length;
      if (pieces.length === PIECES) {
        chunks.push(Buffer.concat(pieces));
        pieces = [];
      }
      if (bytes > 2 * limit) {
        chunks = [Buffer.concat([...chunks, ...pieces]).subarray(-limit)];
        pieces = [];
        bytes = limit;
      }
    },
    read: () => Buffer.concat([...chunks, ...pieces]).subarray(-limit),
  };
}

/** When a command is stopped, if it has not ended. `until` by `performance.now()`. */
export type Limits = { readonly until: number; readonly signal: AbortSignal };

/** A word of a shell command line. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
