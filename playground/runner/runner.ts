import { join } from "node:path";
import type { OidcIssuer } from "../oidc.ts";
import type { RunnerHost } from "../types.ts";
import { startArtifacts } from "./artifacts.ts";
import { GITHUB_LADDER, type CancelLadder } from "./child.ts";
import { startIdTokens } from "./id-tokens.ts";
import { makeLog, type Log } from "./log.ts";
import { executeRun, type Fleet, type RunnerEvent } from "./run.ts";

/** Actions of GitHub's own that a workflow may use here. */
const GITHUB_ACTIONS = { "actions/upload-artifact": join(import.meta.dirname, "upload-artifact") };

export type RunnerOptions = {
  readonly host: RunnerHost;
  readonly oidc: Pick<OidcIssuer, "mint">;
  /** `owner/repository/path` of an action to the local folder that stands for it. */
  readonly actions: Readonly<Record<string, string>>;
  readonly serverUrl: string;
  readonly apiUrl: string;
  /** Job folders are made below it and removed when their job ends. */
  readonly tempDir: string;
  readonly toolCache: string;
  /** Added to every step's environment; PATH belongs here. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs at a time. Jobs of one run follow each other in the order of `needs`. */
  readonly concurrency?: number;
  readonly onEvent?: (event: RunnerEvent) => void;
  /** GitHub's by default; tests use a shorter one. */
  readonly cancelLadder?: CancelLadder;
};

export type Runner = AsyncDisposable & {
  /** Resolves once no run that was taken is still going. */
  idle(): Promise<void>;
  /** The masked log of a run so far; "" for one never taken. */
  logs(runId: number): string;
};

/**
 * Starts runners that take queued runs from the host and execute the workflow file each run carries.
 * On disposal: takes no more, kills what runs, and leaves those runs uncompleted, as a machine that vanished would.
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const logs = new Map<number, Log>();
  const active = new Set<Promise<void>>();
  const stop = new AbortController();
  const onEvent = options.onEvent ?? (() => undefined);
  const fleet: Fleet = {
    host: options.host,
    tempDir: options.tempDir,
    onEvent,
    settings: {
      actions: { ...GITHUB_ACTIONS, ...options.actions },
      serverUrl: options.serverUrl,
      apiUrl: options.apiUrl,
      toolCache: options.toolCache,
      env: options.env ?? {},
      ladder: options.cancelLadder ?? GITHUB_LADDER,
    },
    idTokens: await startIdTokens(options.oidc),
    artifacts: await startArtifacts(options.host),
    shutdown: stop.signal,
    checkRuns: 0,
  };

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      const run = await options.host.takeRun(stop.signal);
      if (run === undefined) return;
      const log = makeLog((line) => onEvent({ kind: "line", runId: run.id, line }));
      logs.set(run.id, log);
      const work = executeRun(fleet, run, log);
      active.add(work);
      await work.finally(() => active.delete(work));
    }
  }
  const loops = Array.from({ length: options.concurrency ?? 4 }, loop);

  return {
    async idle() {
      while (active.size > 0) await Promise.allSettled(active);
    },
    logs: (runId) => logs.get(runId)?.text() ?? "",
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.allSettled(loops);
      await fleet.idTokens[Symbol.asyncDispose]();
      await fleet.artifacts[Symbol.asyncDispose]();
    },
  };
}
