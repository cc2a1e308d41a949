import { performance } from "node:perf_hooks";
import * as core from "@actions/core";
import { type Dispatcher } from "undici";
import { makeWorkspace } from "#action/runner/workspace.ts";
import { messageOf } from "#action/runner/failure.ts";
import { type Inputs, readInputs } from "#action/runner/inputs.ts";
import { makeLog } from "#action/runner/log.ts";
import { makeWayOut } from "#action/runner/way-out.ts";
import type { Claim } from "#core/wire/contract.ts";
import { PROBE_ID } from "#core/wire/probe.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { type AppClient, connectApp } from "./job/app-client.ts";
import { runClaimed } from "./job/claimed.ts";
import { identify } from "./job/identify.ts";
import { prepare } from "./job/prepare.ts";
import { runProbe } from "./job/probe.ts";
import { renderNote, writeSummary } from "./job/summary.ts";

/** Without a claim there is nothing to report: the job's own page says why. */
const NO_ATTEMPT = "no attempt";

/** The main step: ready what is needed, claim the attempt, do it, report it. */
async function main(): Promise<void> {
  const log = makeLog();
  const inputs = readInputs();
  if (!inputs.ok) return fail(NO_ATTEMPT, inputs.error);
  const dispatcher = makeWayOut(process.env);
  await using workspace = await makeWorkspace(inputs.value.surroundings.temp);
  const ready = await prepare(inputs.value, workspace, log);
  await using _sandbox = ready.ok ? ready.value : undefined;

  if (PROBE_ID.test(inputs.value.attempt)) {
    const proven = await runProbe({ inputs: inputs.value, workspace, ready, dispatcher, log });
    if (!proven.ok) await fail("probe", proven.error);
    else
      await writeSummary(
        renderNote(
          "probe",
          "The app takes this job, its sandbox is tight, and its gateway refuses what there is no budget for. No model was called.",
        ),
      );
    return dispatcher.close();
  }
  const claimed = await claim(inputs.value, dispatcher);
  if (!claimed.ok) return fail(NO_ATTEMPT, claimed.error);
  const { route } = claimed.value.claim;
  log("claimed", { tier: route.tier, model: route.model });
  const said = await runClaimed({ inputs: inputs.value, workspace, ready, dispatcher, log, ...claimed.value });
  if (!said.ok) core.setFailed(said.error);
  await dispatcher.close();
}

type Claimed = { readonly client: AppClient; readonly claim: Claim; readonly claimedAt: number };

async function claim(inputs: Inputs, dispatcher: Dispatcher): Promise<Result<Claimed, string>> {
  const client = connectApp(inputs, dispatcher);
  const token = await identify(inputs);
  if (!token.ok) return token;
  const answer = await client.claim(token.value);
  const claimedAt = performance.now();
  if (!answer.ok) return err(`The app did not give this job its attempt: ${answer.error.message}`);
  core.setSecret(answer.value.runToken);
  core.setSecret(answer.value.checkout.token);
  return ok({ client, claim: answer.value, claimedAt });
}

async function fail(title: string, reason: string): Promise<void> {
  core.setFailed(reason);
  await writeSummary(renderNote(title, reason));
}

// The seam: a defect ends the step here; the post step then tells the app.
try {
  await main();
} catch (cause) {
  await fail("defect", `A defect of the Action: ${messageOf(cause)}`);
}
process.exit(process.exitCode ?? 0);
