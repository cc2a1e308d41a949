import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gitBlobId } from "#core/change/guards.ts";
import { Claim, NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { runTitle } from "#core/task/markers.ts";
import { LeaseId } from "#core/wire/ids.ts";
import type { QueuedRun } from "#playground/types.ts";
import type { World } from "#playground/world.ts";

export type Jobs = AsyncDisposable & {
  /** How often each task's work was done, by issue: once, unless something repeats. */
  readonly worked: ReadonlyMap<number, number>;
};

/** As many as an organisation's runners take at once. */
const RUNNERS = 12;
/** How long a job goes on asking an app that is away. The Action: ten minutes. */
const PATIENCE_MS = 120_000;
const USAGE = { ...NO_USAGE, inputTokens: 1_000, outputTokens: 200 };

/** Every dispatched run as the Action would do it, but for the work: claim, heartbeat, outcome, each until it is answered. */
export function startJobs(world: World, appUrl: string, random: () => number): Jobs {
  const stopping = new AbortController();
  const worked = new Map<number, number>();
  let checkRuns = 50_000;

  async function send(path: string, token: string, body: unknown): Promise<{ status: number; json: unknown }> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await fetch(`${appUrl}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      }).catch(() => undefined);
      if (answer !== undefined && answer.status < 500)
        return { status: answer.status, json: await answer.json().catch(() => ({})) };
      if (performance.now() > deadline || stopping.signal.aborted) return { status: 0, json: {} };
      await sleep(200 + random() * 800);
    }
  }

  async function work(run: QueuedRun): Promise<"success" | "failure"> {
    const attempt = run.inputs["attempt"] ?? "";
    const environment = run.inputs["credential"] ?? "";
    await world.github.host.startRun(run.id, runTitle(LeaseId(attempt)));
    if ((await world.github.host.enterEnvironment(run.id, environment)) === undefined) return "failure";
    checkRuns += 1;
    const token = await world.oidc.mint({
      repository: run.repository,
      run: { id: run.id, number: run.number, attempt: 1 },
      checkRunId: checkRuns,
      actor: run.actor,
      workflow: { name: "agent-pool", path: run.workflow.path },
      event: run.event,
      ref: run.ref,
      refProtected: run.refProtected,
      sha: run.sha,
      environment,
      audience: appUrl,
    });
    const claimed = await send(`/runs/${attempt}/claim`, token, { contract: 1, harnesses: ["claude-code"] });
    if (claimed.status !== 200) return "failure";
    const claim = Claim.parse(claimed.json);
    const { issue } = claim.brief;
    await send(`/runs/${attempt}/heartbeat`, claim.runToken, beat());
    worked.set(issue, (worked.get(issue) ?? 0) + 1);
    await sleep(random() * 2_000);
    const reported = await send(`/runs/${attempt}/outcome`, claim.runToken, outcomeOf(issue));
    return reported.status === 200 ? "success" : "failure";
  }

  const lanes = Array.from({ length: RUNNERS }, async () => {
    while (!stopping.signal.aborted) {
      const run = await world.github.host.takeRun(stopping.signal);
      if (run === undefined) return;
      await world.github.host.completeRun(run.id, await work(run));
    }
  });
  return {
    worked,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(lanes);
    },
  };
}

function beat() {
  return { contract: 1, phase: "harness", modelCalls: 1, usage: USAGE, observation: null };
}

/** A file of its own, as an honest job reports it. */
function outcomeOf(issue: number): Outcome {
  const content = Buffer.from(`${randomUUID()}\n`);
  return {
    kind: "ran",
    contract: 1,
    ending: { kind: "completed", detail: null, turns: 3, finalMessage: "I made the change." },
    usage: USAGE,
    modelCalls: 3,
    estimated: false,
    observation: null,
    harnessVersion: "2.1.330",
    sandbox: "srt",
    checks: { source: "ci", commands: [] },
    verification: [],
    changes: [
      {
        status: "added",
        path: `notes/${String(issue)}.md`,
        mode: "100644",
        blob: gitBlobId(content),
        content: content.toString("base64"),
      },
    ],
    ms: 60_000,
  };
}
