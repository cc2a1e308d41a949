import { Outcome } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { open, SEALED_OUTCOME } from "#core/wire/sealed.ts";
import type { ArtifactFile, GitHubFailure, RunnerRepository } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow, Sealing } from "#ports/store.ts";
import type { Deps } from "./deps.ts";
import { notYet } from "./not-yet.ts";
import { report } from "./outcome.ts";

const ARTIFACTS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts";

/**
 * What an ended run left for an app that it couldn't reach: its outcome, in an artifact that opens with this lease's keys alone,
 * is taken as if the job had sent it. Everyone who can start jobs in the runner repository can write an artifact, so what is
 * none of ours is refused, logged with the reason, and the lease is judged without.
 */
export async function takeUploaded(
  deps: Deps,
  task: ClaimedTask,
  lease: LeaseRow,
  runner: RunnerRepository,
): Promise<"taken" | "nothing" | { readonly failed: GitHubFailure }> {
  const { github, store, runtime } = deps;
  const sealing = await store.readSealing(lease.id);
  if (sealing === undefined || lease.run === null) return "nothing";
  const found = await github.readArtifactFile(task.brief.installation, runner, lease.run, SEALED_OUTCOME);
  if (!found.ok) {
    if (found.error.reason === "github-unavailable") return { failed: found.error };
    runtime.log.warn({ lease: lease.id, status: found.error.status }, "GitHub gives no artifacts of this run");
    return "nothing";
  }
  if (found.value === undefined) return task.tries > 1 ? "nothing" : notYet(ARTIFACTS, "no artifact is listed yet");
  const outcome = readOutcome(found.value, sealing);
  const taken = outcome.ok ? await report(deps, lease, outcome.value) : outcome;
  if (taken.ok) {
    runtime.log.info({ lease: lease.id }, "outcome taken from the run's artifact");
    return "taken";
  }
  const refused = typeof taken.error === "string" ? taken.error : taken.error.error;
  runtime.log.warn({ lease: lease.id, refused }, "the run's artifact was refused");
  return "nothing";
}

function readOutcome(file: ArtifactFile, sealing: Sealing): Result<Outcome, string> {
  if ("unfit" in file) return err(file.unfit);
  const opened = open(file.bytes, sealing.keys, sealing);
  if (!opened.ok) return opened;
  const outcome = Outcome.safeParse(parseJson(opened.value));
  return outcome.success ? ok(outcome.data) : err("not-of-the-contract");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
