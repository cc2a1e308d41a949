import { SECOND_MS } from "#core/wire/units.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { AttemptRow, ClaimedTask } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";

/** How often an attempt whose run seems over is looked at again while GitHub still says it runs. */
const LOOK_AGAIN_MS = 30 * SECOND_MS;
/** Offers that ran out before the task gives up and asks for a person: about an hour without a runner. */
const MAX_OFFERS = 3;

/**
 * awaiting or running, and due: the offer or the lease has run out, or GitHub said that the run ended. What GitHub says
 * of the run now decides; a run that reported in the meantime has moved the task on already.
 */
export async function reconcile(deps: Deps, task: ClaimedTask, attempt: AttemptRow): Promise<Next> {
  const { github } = deps;
  const { brief, plan } = task;
  if (plan === null) throw new Error(`task ${task.id} is ${task.state} without a plan`);
  const runner = await github.readRunner(brief.installation, plan.runner.repository);
  if (!runner.ok) return { failed: runner.error };
  const lost = (conclusion: string): Next => ({
    go: "lose",
    attempt: {
      attempt: attempt.id,
      lose: true,
      verdict: { verdict: "lost", why: attempt.why ?? { why: "run-ended", conclusion } },
    },
  });
  if (runner.value === undefined) return lost("the runner repository is gone");

  const read =
    attempt.run === null
      ? await github.findRun(brief.installation, runner.value, plan.runner.workflow, attempt.id)
      : await github.readRun(brief.installation, runner.value, attempt.run);
  if (!read.ok) return { failed: read.error };
  const run = read.value;
  const over = run?.status === "completed";

  if (task.state === "running") {
    if (over) return lost(run.conclusion ?? "unknown");
    if ((attempt.deadlineInMs ?? 0) > -LEASE.graceMs) return { restMs: LOOK_AGAIN_MS };
    if (run !== undefined) await github.cancelRun(brief.installation, runner.value, run.id);
    return { go: "lose", attempt: { attempt: attempt.id, lose: true, verdict: { verdict: "lost", why: { why: "deadline" } } } };
  }
  if (attempt.ageMs < LEASE.offerMs) return over ? lost(run.conclusion ?? "unknown") : { restMs: LOOK_AGAIN_MS };
  // Nobody took the job in time. A run that is over by now may be one that we cancelled before our answer was lost.
  if (run !== undefined && !over) {
    const cancelled = await github.cancelRun(brief.installation, runner.value, run.id);
    if (!cancelled.ok && cancelled.error.reason === "github-unavailable") return { failed: cancelled.error };
  }
  if (attempt.number >= MAX_OFFERS) {
    return {
      go: "stick",
      patch: {
        failure: { reason: "tries-used-up", step: "waiting for a runner", tries: attempt.number, last: "no runner took the job" },
      },
      attempt: { attempt: attempt.id, lose: true },
    };
  }
  return { go: "expire", attempt: { attempt: attempt.id, lose: true } };
}
