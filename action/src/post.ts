import * as core from "@actions/core";
import { messageOf } from "#action/runner/failure.ts";
import { makeWayOut } from "#action/runner/way-out.ts";
import { SECOND_MS } from "#core/wire/units.ts";
import { connectApp } from "./job/app-client.ts";
import { clearKept, readKept } from "./job/outbox.ts";
import { describeUndelivered, isOver, report } from "./job/report.ts";
import { renderNote, writeSummary } from "./job/summary.ts";

/** Where the app has the outcome in the run's artifact as well, a job that costs by the minute doesn't wait for it. */
const PATIENCE_MS = 20 * SECOND_MS;

/**
 * The post step: runs even when the main step was killed, and sends what that could not: its outcome, or that it never
 * came to one. After a job that has reported there is no file, and nothing to do.
 */
async function post(): Promise<void> {
  const path = core.getState("kept");
  const kept = path === "" ? undefined : await readKept(path);
  if (kept === undefined) return;
  core.setSecret(kept.runToken);
  const until = kept.sealed === undefined ? undefined : AbortSignal.timeout(PATIENCE_MS);
  const sent = await report(connectApp(kept, makeWayOut(process.env)), kept.runToken, kept.outcome, until);
  if (isOver(sent)) await clearKept(path, kept.sealed);
  const said = describeSent(sent);
  await writeSummary(renderNote("the post step", said));
  if (sent.ok) core.info(said);
  else core.setFailed(said);
}

function describeSent(sent: Awaited<ReturnType<typeof report>>): string {
  if (sent.ok) return "The outcome was delivered by the post step.";
  if (sent.error.reason === "refused") return describeUndelivered(sent.error);
  return `The outcome could not be delivered: ${sent.error.message}. The app takes it from this run's artifact, or ends the attempt at its lease's end.`;
}

try {
  await post();
} catch (cause) {
  core.setFailed(`A defect of the Action: ${messageOf(cause)}`);
}
process.exit(process.exitCode ?? 0);
