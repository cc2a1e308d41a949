import { MINUTE_MS } from "#core/wire/units.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { WorkflowRun } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow, Report } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";

/** How soon GitHub is asked again whether the run has ended; its event comes sooner. */
const LOOK_AGAIN_MS = MINUTE_MS;
/** A job that was stopped has about five minutes for its last steps. What isn't known by then is judged by the report alone. */
const WAIT_MS = 10 * MINUTE_MS;

const CANCELLED: JudgedReason = { why: "cancelled" };

/** Its run was on standby, and others wait for what it takes. */
export function isGivingWay({ note }: Pick<LeaseRow, "note">): boolean {
  return note?.why === "gave-way";
}

/**
 * Whether a person has cancelled this run on GitHub's page. GitHub says no more than that it was cancelled: where we asked for that,
 * or where its job's own limit of time may have (after the lease's deadline), it was nobody. Pure.
 */
export function isByPerson({ conclusion }: WorkflowRun, { stopAsked, note, deadlineInMs }: LeaseRow): boolean {
  return conclusion === "cancelled" && !stopAsked && note === null && (deadlineInMs === null || deadlineInMs > 0);
}

/** The end of a task whose run a person has cancelled. Who that was, GitHub doesn't tell. `live`: its lease has no report. */
export function endByPerson(lease: LeaseRow, live: "live" | "settled"): Next {
  const verdict = { verdict: "refused", why: CANCELLED } as const;
  return {
    go: "cancel",
    patch: { failure: { reason: "cancelled", why: "run", login: null } },
    lease: { lease: lease.id, verdict, ...(live === "live" ? { lose: true as const } : {}) },
  };
}

/**
 * judging: what a job reported that was stopped in the middle. By its signal alone nobody knows who stopped it, so GitHub is asked how
 * its run has ended, and waited for until it has. undefined: nobody did, and the report is judged as it is.
 */
export async function whoStopped({ github }: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next | undefined> {
  const { brief, plan } = task;
  if (plan === null || lease.report === null || !mayBeStopped(lease.report)) return undefined;
  if (lease.run === null || lease.stopAsked || lease.note !== null) return undefined;
  const runner = await github.readRunner(brief.installation, plan.runner.repository);
  if (!runner.ok) return runner.error.reason === "github-unavailable" ? { failed: runner.error } : undefined;
  if (runner.value === undefined) return undefined;
  const run = await github.readRun(brief.installation, runner.value, lease.run);
  if (!run.ok) return run.error.reason === "github-unavailable" ? { failed: run.error } : undefined;
  if (run.value.status !== "completed") return (lease.unheardMs ?? 0) < WAIT_MS ? { restMs: LOOK_AGAIN_MS } : undefined;
  return isByPerson(run.value, lease) ? endByPerson(lease, "settled") : undefined;
}

/** It says so; or it is of an Action that can't, or of a job that was killed before it could, and looks like it. */
function mayBeStopped(report: Report): boolean {
  if (report.stopped === true) return true;
  return report.kind === "blocked" ? report.reason === "internal" : report.ending.kind === "crashed";
}
