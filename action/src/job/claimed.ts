import { performance } from "node:perf_hooks";
import * as core from "@actions/core";
import { type Dispatcher } from "undici";
import { revokeToken } from "#action/checkout/fetch.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import type { Gateway } from "#action/gateway/gateway.ts";
import { type Blocked, blocked, type SoFar, toBlocked } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import { killAll } from "#action/runner/process.ts";
import { type Claim, CONTRACT_VERSION, type Heartbeat, NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { costOf } from "#core/wire/cost.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { AppClient } from "./app-client.ts";
import { runAttempt } from "./attempt.ts";
import { makeOutbox } from "./outbox.ts";
import { choose, type Ready } from "./prepare.ts";
import { describeUndelivered, isOver, report, startHeartbeats, toReportable } from "./report.ts";
import { makeStopping } from "./stopping.ts";
import { describeForReaders, makePhases, renderSummary, writeSummary } from "./summary.ts";
import type { AttemptDeps } from "./work.ts";

export type ClaimedRun = {
  readonly client: AppClient;
  readonly claim: Claim;
  /** When the claim was answered, by `performance.now()`. */
  readonly claimedAt: number;
  readonly inputs: Inputs;
  readonly workspace: Workspace;
  readonly ready: Result<Ready, Blocked>;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
};

/** What is said of a job that never came to its own words. */
const ENDED_EARLY = blocked(
  "internal",
  "The job ended before it could report: cancelled, out of time or memory, or a defect. Its log in the runner repository says more.",
);
const CANCELLED = blocked("internal", "The job was cancelled, and what it had done could not be read in the time that was left.");

/**
 * From here on the app waits for an outcome: whatever happens, one is sent, by this step, by the post step, or by the artifact
 * that the workflow makes of what this step keeps.
 */
export async function runClaimed(run: ClaimedRun): Promise<Result<void, string>> {
  const { inputs, client, claim, claimedAt, log } = run;
  const phases = makePhases(() => performance.now(), claimedAt);
  const stopping = makeStopping(log);
  const wasStopped = (): { stopped?: true } => (stopping.cancelled() ? { stopped: true } : {});
  let gateway: Gateway | undefined;
  const soFar = (): SoFar => {
    const { usage = NO_USAGE, observation = null } = gateway?.facts() ?? {};
    return { usage, observation, ms: Math.round(performance.now() - claimedAt), ...wasStopped() };
  };
  const outbox = makeOutbox(inputs.surroundings.temp, inputs, claim);
  const keepSoFar = (): Promise<void> => outbox.keep(toBlocked(ENDED_EARLY, soFar()));
  await keepSoFar();
  core.saveState("kept", outbox.path);
  // The only output, and nothing but a path that we chose: what a model or a repository wrote never becomes one.
  if (outbox.sealed !== undefined) core.setOutput("outcome", outbox.sealed);

  // What is kept says so too, should there be no time for more.
  let isAtWork = true;
  stopping.signal.addEventListener("abort", () => {
    if (isAtWork) void keepSoFar().catch(() => {});
  });
  const beat = (): Heartbeat => {
    if (!stopping.signal.aborted) void keepSoFar().catch(() => {});
    const { usage, observation } = soFar();
    const modelCalls = gateway?.facts().modelCalls ?? 0;
    return { contract: CONTRACT_VERSION, phase: phases.current(), modelCalls, usage, observation };
  };

  let outcome: Outcome;
  {
    await using _beats = startHeartbeats(client, claim.runToken, claim.heartbeatEveryMs, beat, stopping.stop);
    const onPhase = (next: Heartbeat["phase"], its?: Gateway): void => {
      phases.enter(next);
      gateway = its ?? gateway;
    };
    const secrets = [inputs.key, claim.runToken, claim.checkout.token];
    const onKey = (key: string): void => {
      core.setSecret(key);
      secrets.push(key);
    };
    const work = doAttempt(run, { stopping: stopping.signal, onPhase, onKey });
    const ran = await Promise.race([work, stopping.overdue.then(() => err(CANCELLED))]);
    isAtWork = false;
    const done = ran.ok ? { ...ran.value, ...wasStopped() } : toBlocked(ran.error, soFar());
    outcome = toReportable(done, secrets);
  }
  await outbox.keep(outcome);
  phases.enter("report");
  const sent = await report(client, claim.runToken, outcome, stopping.gone);
  if (isOver(sent)) await outbox.clear();
  await killAll();
  const undelivered = sent.ok ? undefined : describeUndelivered(sent.error);
  const costMicroUsd = costOf(outcome.usage, claim.budget.price);
  await writeSummary(renderSummary({ route: claim.route, outcome, costMicroUsd, phases: phases.spans(), undelivered }));
  if (undelivered !== undefined) return err(undelivered);
  log("reported", { outcome: outcome.kind === "ran" ? outcome.ending.kind : outcome.reason });
  return outcome.kind === "blocked" ? err(describeForReaders(outcome)) : ok(undefined);
}

async function doAttempt(
  run: ClaimedRun,
  watch: Pick<AttemptDeps, "stopping" | "onPhase" | "onKey">,
): Promise<Result<Outcome, Blocked>> {
  const { inputs, ready, claim, dispatcher } = run;
  const chosen = ready.ok ? choose(ready.value, inputs, claim) : ready;
  if (chosen.ok) {
    const idToken = (audience: string) => core.getIDToken(audience);
    return runAttempt({ ...run, ...chosen.value, ...watch, idToken });
  }
  // The fetch revokes its token; without one it would live on for an hour.
  await revokeToken({ surroundings: inputs.surroundings, dispatcher }, claim.checkout.token);
  return chosen;
}
