import { judge } from "#core/task/judge.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { mayStart } from "./who-may.ts";

/** judging → committing, or the end: what was reported is judged, trusting none of it. */
export async function judgeOutcome({ store, github, runtime }: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { plan } = task;
  const { report } = lease;
  if (report === null || plan === null) throw new Error(`task ${task.id} is judged without an outcome`);
  const outcome = report.kind === "ran" ? { ...report, changes: [...(await store.readChanges(lease.id))] } : report;
  const judgement = judge(outcome, { guards: plan.guards, verify: plan.commands.verify, mayBeUnsandboxed: runtime.playground });
  runtime.log.info({ task: task.id, verdict: judgement.verdict }, "task judged");
  const judged = (verdict: typeof judgement.verdict, why: Parameters<Deps["store"]["noteLease"]>[1] | null) => ({
    lease: { lease: lease.id, verdict: { verdict, why } },
  });
  if (judgement.verdict !== "solved") return { go: "reject", ...judged(judgement.verdict, judgement.why) };
  const may = await mayStart(github, task.brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) return { go: "reject", patch: { failure: may.value }, ...judged("refused", null) };
  return { go: "accept", ...judged("solved", null) };
}
