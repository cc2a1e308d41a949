import type { Outcome } from "../wire/contract.ts";
import { judge, type Judgement, type Planned } from "../task/judge.ts";

/**
 * A trial's outcome → verdict, as that of any other; but one that tells of no run of the tests without the work has judged nothing:
 * its Action doesn't know them, or it was stopped before. Pure.
 */
export function judgeTrial(outcome: Outcome, planned: Planned): Judgement {
  if (outcome.kind === "blocked" || outcome.control !== undefined) return judge(outcome, planned);
  const detail =
    "The job told of no run of the merge's tests: it was stopped before, or the Action in the runner repository is older than the app.";
  return { verdict: "failed", why: { why: "blocked", reason: "internal", detail } };
}
