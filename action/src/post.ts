import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import * as core from "@actions/core";
import { EnvHttpProxyAgent } from "undici";
import { makeAppClient } from "./app-client.ts";
import { blocked, messageOf } from "./failure.ts";
import { describeUndelivered, readPending, report, toBlocked } from "./report.ts";

/**
 * The post step: runs even when the main step was killed, and sends what that could not: its outcome, or that it never
 * came to one. After a job that has reported there is no file, and nothing to do.
 */
async function post(): Promise<void> {
  const path = core.getState("pending");
  const pending = path === "" ? undefined : await readPending(path);
  if (pending === undefined) return;
  core.setSecret(pending.runToken);
  const { appUrl, attempt } = pending;
  const client = makeAppClient({ appUrl, attempt, dispatcher: new EnvHttpProxyAgent(), sleep, now: () => performance.now() });
  const fault = blocked(
    "internal",
    "The job ended before it could report: cancelled, out of time or memory, or a defect. Its log in the runner repository says more.",
  );
  // What was seen of limits, the heartbeats have told.
  const outcome = pending.outcome ?? toBlocked(fault, { ...pending, observation: null });
  const sent = await report(client, path, { ...pending, outcome });
  if (sent.ok) core.info("The outcome was delivered by the post step.");
  else if (sent.error.reason === "refused") core.setFailed(describeUndelivered(sent.error));
  else core.setFailed(`The outcome could not be delivered: ${sent.error.message}. The app ends the attempt at its lease's end.`);
}

try {
  await post();
} catch (cause) {
  core.setFailed(`A defect of the Action: ${messageOf(cause)}`);
}
process.exit(process.exitCode ?? 0);
