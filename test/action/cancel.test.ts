import { readdir, readFile, readlink } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { containing } from "./kit/matchers.ts";
import { type Reply, sendStream, turnOf } from "./kit/model.ts";
import { setStage, type Stage } from "./kit/stage.ts";
import { installed, requireSandbox } from "./kit/tool-cache.ts";

const edit: Reply = (response, { body }) => {
  const work = { tool: "Bash", input: { command: "echo new > a.txt", description: "work" } };
  sendStream(response, turnOf(body) === 0 ? work : { text: "Made it new." });
};
/** Ends by nothing but SIGKILL, and its child neither. */
const STUBBORN = "trap '' TERM INT HUP; (trap '' TERM INT HUP; while :; do sleep 0.2; done) & while :; do sleep 0.2; done";
/** Before the work, when checks run as well, it ends at once. */
const AFTER_THE_WORK = `grep -q old a.txt || { ${STUBBORN}; }`;

/** As GitHub cancels a step: SIGINT first. 7.5 s later would come SIGTERM, and 2.5 s after that SIGKILL. */
function cancelOnce(ready: () => Promise<boolean>, cancelled: { at: number }): (pid: number) => void {
  const cancel = async (pid: number): Promise<void> => {
    while (!(await ready())) await sleep(20);
    cancelled.at = performance.now();
    process.kill(pid, "SIGINT");
  };
  return (pid) => void cancel(pid);
}

/** When the app got the outcome, by `performance.now()`. */
async function deliveredAt({ app }: Stage, job: Promise<unknown>): Promise<number> {
  const ended = job.then(() => "ended" as const);
  while (app.outcomes.length === 0 && (await Promise.race([ended, sleep(20)])) !== "ended");
  return app.outcomes.length === 0 ? Infinity : performance.now();
}

/** Processes that work in the job's folders, or were told of them. */
async function processesOf({ temp }: Stage): Promise<string[]> {
  const root = dirname(temp);
  const found = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (commandLine.includes(root) || folder.startsWith(root)) found.push(commandLine.replaceAll("\0", " "));
  }
  return found;
}

describe("a job that is cancelled", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    requireSandbox();
    await installed("claude-code");
    await installed("srt");
  }, 300_000);

  const inside = (lines: readonly string[]): boolean =>
    lines.filter((line) => /^\S*bash -c (?:ulimit[^\n]*\n)?(?:grep[^{]*\{ )?trap/.test(line)).length > 1;
  test.each<[string, Parameters<typeof setStage>[0], (stage: Stage, lines: readonly string[]) => boolean, object]>([
    [
      "in the middle of a model call",
      { reply: () => {} },
      (stage, lines) => stage.model.seen.length > 0 && lines.length > 1,
      { ending: { kind: "crashed" } },
    ],
    [
      "in the middle of a check that ignores every signal it can",
      { reply: edit, verify: [AFTER_THE_WORK] },
      (stage, lines) => stage.model.seen.length > 1 && inside(lines),
      { ending: { kind: "completed" }, changes: [{ path: "a.txt" }], verification: [{ exitCode: null }] },
    ],
    [
      "in the middle of set-up that ignores them",
      { reply: edit, setup: [STUBBORN] },
      (_stage, lines) => inside(lines),
      { ending: { kind: "crashed" } },
    ],
  ])("%s has reported within five seconds, and leaves no process", async (_name, given, ready, outcome) => {
    await using stage = await setStage(given);
    const cancelled = { at: Infinity };

    const job = stage.run(
      {},
      cancelOnce(async () => ready(stage, await processesOf(stage)), cancelled),
    );
    const delivered = await deliveredAt(stage, job);
    const { uploaded, files, endedAt } = await job;

    expect(delivered - cancelled.at).toBeLessThan(5_000);
    expect(endedAt - cancelled.at).toBeLessThan(7_500);
    expect(stage.app.outcomes).toMatchObject([{ kind: "ran", ...outcome }]);
    // What was delivered needs no artifact.
    expect(uploaded).toBeUndefined();
    expect(files.GITHUB_STEP_SUMMARY).toContain("delivered to the app");
    expect(await processesOf(stage)).toEqual([]);
  });

  test("doesn't wait for work that goes on", async () => {
    await using stage = await setStage({ reply: edit });
    // A token that GitHub doesn't revoke is tried again, for longer than a cancelled job has.
    stage.app.failures.revoke.push(500, 500, 500, 500, 500);
    const cancelled = { at: Infinity };

    const job = stage.run(
      {},
      cancelOnce(async () => stage.app.events.includes("revoke"), cancelled),
    );
    const delivered = await deliveredAt(stage, job);
    const { endedAt } = await job;

    expect(delivered - cancelled.at).toBeLessThan(5_000);
    expect(endedAt - cancelled.at).toBeLessThan(7_500);
    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "internal", detail: containing("was cancelled") }]);
  });

  test("leaves its outcome for the artifact where the app is away, and ends before GitHub kills it", async () => {
    await using stage = await setStage({ reply: edit, verify: [AFTER_THE_WORK] });
    stage.app.failures.outcome.push(...Array.from({ length: 50 }, () => 503));
    const cancelled = { at: Infinity };

    const job = await stage.run(
      {},
      cancelOnce(async () => stage.model.seen.length > 1 && inside(await processesOf(stage)), cancelled),
    );

    expect(job.endedAt - cancelled.at).toBeLessThan(7_500);
    expect(job.uploaded).toMatchObject({ kind: "ran", ending: { kind: "completed" }, changes: [{ path: "a.txt" }] });
    expect(stage.app.outcomes).toEqual([]);
    expect(job.log).toContain("It is kept");
  });
});
