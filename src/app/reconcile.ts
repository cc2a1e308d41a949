import { MINUTE_MS } from "#core/wire/units.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { Verdict } from "#core/task/lifecycle.ts";
import type { RunnerRepository, WorkflowRun } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { notYet } from "./not-yet.ts";
import { endByPerson, isByPerson, isGivingWay } from "./stopped.ts";
import { takeUploaded } from "./uploaded.ts";

/** How soon GitHub is asked again about a run that it said has ended, and says that it works. */
const LOOK_AGAIN_MS = 2 * MINUTE_MS;
/** Offers in a row that ran out before a person is asked: about an hour without a runner. */
const MAX_OFFERS = 3;

/**
 * awaiting or running, and due: the offer or the lease has run out, or GitHub said that the run ended. What GitHub says
 * of the run now decides; a run that reported in the meantime has moved the task on already, and what it uploaded because it
 * couldn't report is taken first.
 */
export async function reconcile(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { github } = deps;
  const { brief, plan } = task;
  if (plan === null) throw new Error(`task ${task.id} is ${task.state} without a plan`);
  const end = (why: JudgedReason, verdict: Verdict = "lost"): Next =>
    isGivingWay(lease)
      ? { go: "expire", lease: { lease: lease.id, lose: true } }
      : { go: "lose", lease: { lease: lease.id, lose: true, verdict: { verdict, why: lease.note ?? why } } };
  const pastDeadline = lease.deadlineInMs !== null && lease.deadlineInMs <= -LEASE.graceMs;
  const isSilent = lease.unheardMs !== null && lease.unheardMs >= LEASE.silentMs;
  // A job that is heard of works: GitHub isn't asked.
  if (task.state === "running" && !lease.runEnded && !isSilent && !pastDeadline)
    return { restMs: LEASE.silentMs - (lease.unheardMs ?? 0) };

  const runner = await github.readRunner(brief.installation, plan.runner.repository);
  const read =
    !runner.ok || runner.value === undefined
      ? undefined
      : lease.run === null
        ? await github.findRun(brief.installation, runner.value, plan.runner.workflow, lease.id)
        : await github.readRun(brief.installation, runner.value, lease.run);

  if (task.state === "running") {
    if (read?.ok === true && read.value?.status === "completed") {
      const looked = runner.ok && runner.value !== undefined ? await takeUploaded(deps, task, lease, runner.value) : "nothing";
      if (looked === "taken") return { restMs: null };
      if (looked !== "nothing") return looked;
      if (isByPerson(read.value, lease)) return endByPerson(lease, "live");
      return end({ why: "run-ended", conclusion: read.value.conclusion ?? "unknown" });
    }
    // A silent one is stopped, which frees nothing: what it holds stays held until GitHub says that it has ended, or its
    // deadline. A job that GitHub tells nothing of, but that is heard, goes on.
    if (isSilent && lease.note === null) await deps.store.noteLease(lease.id, { why: "silent" });
    if ((isSilent || pastDeadline) && runner.ok && runner.value !== undefined && lease.run !== null) {
      await github.cancelRun(brief.installation, runner.value, lease.run);
    }
    return pastDeadline ? end({ why: "deadline" }) : { restMs: LOOK_AGAIN_MS };
  }

  if (!runner.ok) return { failed: runner.error };
  if (runner.value === undefined || read === undefined)
    return end({ why: "run-ended", conclusion: "the runner repository is gone" });
  if (!read.ok) {
    if (read.error.reason === "github-unavailable" || read.error.status !== 404) return { failed: read.error };
    // Nobody can delete a run that hasn't ended.
    return task.tries > 1
      ? end({ why: "run-ended", conclusion: "deleted" })
      : notYet(read.error.route, "the run is not seen yet");
  }
  const run = read.value;
  const over = run?.status === "completed";
  // What ended after we had withdrawn its lease, we cancelled.
  const withdrawn = lease.state === "withdrawn";
  if (over && !withdrawn) return endUnclaimed(run, runner.value);
  if (lease.ageMs < LEASE.offerMs) return { restMs: LEASE.offerMs - lease.ageMs };
  // The lease is taken back before its run is cancelled: one that claims at this very moment keeps both.
  if (!withdrawn && !(await deps.store.withdrawLease(lease.id))) return { restMs: null };
  if (run !== undefined && !over) {
    const cancelled = await github.cancelRun(brief.installation, runner.value, run.id);
    if (!cancelled.ok && cancelled.error.reason === "github-unavailable") return { failed: cancelled.error };
  }
  const offers = await countOffers(deps.store, task, lease);
  if (offers < MAX_OFFERS) return { go: "expire", lease: { lease: lease.id, lose: true } };
  const failure = {
    reason: "tries-used-up",
    step: "waiting for a runner",
    tries: offers,
    last: "no runner took the job",
  } as const;
  return { go: "stick", patch: { failure }, lease: { lease: lease.id, lose: true, verdict: { verdict: "lost", why: null } } };

  /** A run that ended by itself and has claimed nothing. One without any job was refused whole, by what no further try mends. */
  async function endUnclaimed(ended: WorkflowRun, at: RunnerRepository): Promise<Next> {
    if (isByPerson(ended, lease)) return endByPerson(lease, "live");
    const conclusion = ended.conclusion ?? "unknown";
    // What a job has shown of itself says more.
    if (lease.note !== null) return end({ why: "run-ended", conclusion });
    const jobs = await github.countJobs(brief.installation, at, ended.id);
    if (!jobs.ok)
      return jobs.error.reason === "github-unavailable" ? { failed: jobs.error } : end({ why: "run-ended", conclusion });
    if (jobs.value > 0) return end({ why: "run-ended", conclusion });
    return task.tries > 1 ? end({ why: "never-ran", conclusion }, "refused") : notYet(JOBS, "no job is listed yet");
  }
}

const JOBS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs";

/** Offers of this attempt since a run of it last reported or gave way, this one included: what has moved is offered anew. */
async function countOffers(store: Deps["store"], task: ClaimedTask, { attempt }: LeaseRow): Promise<number> {
  const leases = (await store.readLeases(task.id)).filter((each) => each.attempt.id === attempt.id);
  return leases.length - 1 - leases.findLastIndex((each) => each.state === "settled" || isGivingWay(each));
}
