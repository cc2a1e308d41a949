import { faultOf } from "#core/pool/cooldown.ts";
import { judge, type JudgedReason } from "#core/task/judge.ts";
import type { Verdict } from "#core/task/lifecycle.ts";
import { judgeTrial } from "#core/trial/judge.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { afterUnverified } from "./escalate.ts";
import { begunWith, reportedRuns } from "./runs.ts";
import { isGivingWay, whoStopped } from "./stopped.ts";
import { mayStillStart } from "./who-may.ts";

/** judging → committing, queued again, or the end: what was reported is judged, trusting none of it. A trial ends here. */
export async function judgeOutcome(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { store, runtime } = deps;
  const { plan } = task;
  const { report } = lease;
  if (report === null || plan === null) throw new Error(`task ${task.id} is judged without an outcome`);
  const stopped = task.trial === null ? await whoStopped(deps, task, lease) : undefined;
  if (stopped !== undefined) return stopped;
  const outcome = report.kind === "ran" ? { ...report, changes: [...(await store.readChanges(lease.id))] } : report;
  const { guards, route, floors = [] } = plan;
  const planned = {
    guards,
    verify: plan.commands.verify,
    tier: route.tier,
    floors,
    begunWith: await begunWith(store, lease, plan),
    mayBeUnsandboxed: runtime.playground,
  };
  const judgement = (task.trial === null ? judge : judgeTrial)(outcome, planned);
  const judged = (verdict: Verdict, why: JudgedReason | null = null) => ({
    lease: { lease: lease.id, verdict: { verdict, why } },
  });
  // The credential's limit is no fault of the attempt's: it goes on with another, as often as the plan allows.
  const isInterrupted = judgement.verdict !== "solved" && report.kind === "ran" && faultOf(report) !== null;
  const left = lease.attempt.left - (lease.costs.listed ?? 0);
  const moves = (await reportedRuns(store, lease)).filter((run) => !isGivingWay(run)).length;
  // Nor is it that others went first, however often.
  const gaveWay = judgement.verdict !== "solved" && isGivingWay(lease);
  if (left > 0 && (gaveWay || (isInterrupted && moves <= plan.moves))) {
    runtime.log.info({ task: task.id, credential: lease.credential, gaveWay }, "task moves on");
    return { go: "move" };
  }
  runtime.log.info({ task: task.id, verdict: judgement.verdict }, "task judged");
  if (task.trial !== null) {
    if (judgement.verdict === "solved") return { go: "score", ...judged("solved") };
    return { go: "reject", ...judged(judgement.verdict, judgement.why) };
  }
  if (judgement.verdict !== "solved") return afterUnverified(deps, task, lease, judgement);
  const may = await mayStillStart(deps, task.brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) return { go: "reject", patch: { failure: may.value }, ...judged("refused") };
  return { go: "accept", ...judged("solved") };
}
