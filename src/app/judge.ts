import { judge } from "#core/task/judge.ts";
import type { AttemptRow, ClaimedTask } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { mayStart } from "./who-may.ts";

/** judging → committing, or the end: what was reported is judged, trusting none of it. */
export async function judgeOutcome(deps: Deps, task: ClaimedTask, attempt: AttemptRow): Promise<Next> {
  if (attempt.outcome === null || task.plan === null) throw new Error(`task ${task.id} is judged without an outcome`);
  const judgement = judge(attempt.outcome, { guards: task.plan.guards, verify: task.plan.commands.verify });
  if (judgement.verdict !== "solved") {
    return { go: "reject", attempt: { attempt: attempt.id, verdict: { verdict: judgement.verdict, why: judgement.why } } };
  }
  const may = await mayStart(deps.github, task.brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) {
    return {
      go: "reject",
      patch: { failure: may.value },
      attempt: { attempt: attempt.id, verdict: { verdict: "refused", why: null } },
    };
  }
  return { go: "accept", attempt: { attempt: attempt.id, verdict: { verdict: "solved", why: null } } };
}
