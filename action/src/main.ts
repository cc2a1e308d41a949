import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@actions/core";
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { type Claim, CONTRACT_VERSION, type Heartbeat, NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { SECOND_MS } from "#core/wire/units.ts";
import { type AppClient, makeAppClient } from "./app-client.ts";
import { runAttempt } from "./attempt.ts";
import { type Blocked, messageOf } from "./failure.ts";
import type { Gateway } from "./gateway.ts";
import { type Inputs, readInputs } from "./inputs.ts";
import { type Log, makeLog } from "./log.ts";
import { equip, prepare, type Ready } from "./prepare.ts";
import {
  describeUndelivered,
  type Pending,
  report,
  savePending,
  type SoFar,
  startHeartbeats,
  toBlocked,
  toReportable,
} from "./report.ts";
import { makeWorkspace, revokeToken, type Workspace } from "./workspace.ts";

/** GitHub's cancel: SIGINT, 7.5 s, SIGTERM, 2.5 s, kill (docs "Workflow cancellation", 2026-09-30). */
const CANCEL_REPORT_MS = 4 * SECOND_MS;

/** The main step: ready what is needed, claim the attempt, do it, report it. */
async function main(): Promise<void> {
  const log = makeLog();
  const inputs = readInputs();
  if (!inputs.ok) return core.setFailed(inputs.error);
  const dispatcher = new EnvHttpProxyAgent();
  await using workspace = await makeWorkspace(inputs.value.surroundings.temp);
  const ready = await prepare(inputs.value, workspace, log);

  const claimed = await claim(inputs.value, dispatcher);
  if (!claimed.ok) return core.setFailed(claimed.error);
  log("claimed", { tier: claimed.value.answer.route.tier, model: claimed.value.answer.route.model });
  const said = await runClaimed({ inputs: inputs.value, workspace, ready, dispatcher, log, ...claimed.value });
  if (!said.ok) core.setFailed(said.error);
  await dispatcher.close();
}

type Claimed = { readonly client: AppClient; readonly answer: Claim; readonly claimedAt: number };

async function claim(inputs: Inputs, dispatcher: Dispatcher): Promise<Result<Claimed, string>> {
  const client = makeAppClient({
    appUrl: inputs.appUrl,
    attempt: inputs.attempt,
    dispatcher,
    sleep,
    now: () => performance.now(),
  });
  let token: string;
  try {
    token = await core.getIDToken(inputs.appUrl);
  } catch (cause) {
    return err(`GitHub gave no OIDC token (${messageOf(cause)}). The job needs \`permissions: id-token: write\`.`);
  }
  const answer = await client.claim(token);
  const claimedAt = performance.now();
  if (!answer.ok) return err(`The app did not give this job its attempt: ${answer.error.message}`);
  core.setSecret(answer.value.runToken);
  core.setSecret(answer.value.checkout.token);
  return ok({ client, answer: answer.value, claimedAt });
}

type ClaimedRun = Claimed & {
  readonly inputs: Inputs;
  readonly workspace: Workspace;
  readonly ready: Result<Ready, Blocked>;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
};

/** From here on the app waits for an outcome: whatever happens, one is sent, by this step or by the post step. */
async function runClaimed(run: ClaimedRun): Promise<Result<void, string>> {
  const { inputs, client, answer, claimedAt, ready, log } = run;
  const path = join(inputs.surroundings.temp, `agent-pool-${inputs.attempt}.json`);
  const stopping = new AbortController();
  let phase: Heartbeat["phase"] = "fetch";
  let gateway: Gateway | undefined;
  const soFar = (): SoFar => {
    const { usage = NO_USAGE, observation = null } = gateway?.facts() ?? {};
    return { usage, observation, ms: Math.round(performance.now() - claimedAt) };
  };
  const pending = (): Pending => ({
    appUrl: inputs.appUrl,
    attempt: inputs.attempt,
    runToken: answer.runToken,
    usage: soFar().usage,
    ms: soFar().ms,
    outcome: null,
  });
  await savePending(path, pending());
  core.saveState("pending", path);

  let cancelled = false;
  const cancel = (): void => {
    cancelled = true;
    log("cancelled");
    stopping.abort();
  };
  process.once("SIGINT", cancel).once("SIGTERM", cancel);
  let saving = Promise.resolve();
  const beat = (): Heartbeat => {
    if (gateway !== undefined && !stopping.signal.aborted && phase !== "report")
      saving = saving.then(() => savePending(path, pending())).catch(() => {});
    const { usage, observation } = soFar();
    return { contract: CONTRACT_VERSION, phase, modelCalls: gateway?.facts().modelCalls ?? 0, usage, observation };
  };
  const stop = (reason: string): void => {
    log("stopping", { reason });
    stopping.abort();
  };

  let outcome: Outcome;
  {
    await using _beats = startHeartbeats(client, answer.runToken, answer.heartbeatEveryMs, beat, stop);
    const onPhase = (next: Heartbeat["phase"], its?: Gateway): void => {
      phase = next;
      gateway = its ?? gateway;
    };
    const equipped = ready.ok ? await equip(inputs, run.workspace, ready.value, answer, log) : ready;
    // The fetch revokes its token; without one it would live on for an hour.
    if (!equipped.ok) await revokeToken({ surroundings: inputs.surroundings, dispatcher: run.dispatcher }, answer.checkout.token);
    const ran = equipped.ok
      ? await runAttempt({
          ...run,
          ...equipped.value,
          claim: answer,
          idToken: (audience) => core.getIDToken(audience),
          stopping: stopping.signal,
          onPhase,
        })
      : equipped;
    outcome = toReportable(ran.ok ? ran.value : toBlocked(ran.error, soFar()), [
      inputs.key,
      answer.runToken,
      answer.checkout.token,
    ]);
  }
  // One that is still under way would put back the file, without an outcome, after the report has removed it.
  await saving;
  const signal = cancelled ? AbortSignal.timeout(CANCEL_REPORT_MS) : undefined;
  const sent = await report(client, path, { ...pending(), outcome }, signal);
  if (!sent.ok) return err(describeUndelivered(sent.error));
  log("reported", { outcome: outcome.kind === "ran" ? outcome.ending.kind : outcome.reason });
  return outcome.kind === "blocked" ? err(describeBlocked(outcome)) : ok(undefined);
}

/**
 * For the job's log, whose readers may not see the code: these two details name the repository's own commands and files,
 * and files the model may name as it likes.
 */
const NOT_FOR_THE_LOG: readonly Blocked["reason"][] = ["setupFailed", "changesUnreadable"];

function describeBlocked({ reason, detail }: Blocked): string {
  if (NOT_FOR_THE_LOG.includes(reason)) return `${reason}: the app's comment on the issue says more.`;
  return `${reason}: ${detail.split("\n", 1)[0] ?? ""}`;
}

// The seam: a defect ends the step here; the post step then tells the app.
try {
  await main();
} catch (cause) {
  core.setFailed(`A defect of the Action: ${messageOf(cause)}`);
}
process.exit(process.exitCode ?? 0);
