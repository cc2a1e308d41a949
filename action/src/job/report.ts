import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { blocked, toBlocked } from "#action/runner/failure.ts";
import { type Heartbeat, MAX_OUTCOME_BYTES, type Outcome, type Verification } from "#core/wire/contract.ts";
import { redact } from "#core/wire/redact.ts";
import { ok, err, type Result } from "#core/wire/result.ts";
import type { Session } from "#core/wire/session.ts";
import { cut, cutFront, storable } from "#core/wire/text.ts";
import type { AppClient, AppFailure } from "./app-client.ts";

/** An outcome as it may leave the machine: texts storable and without known secrets, and no larger than the app reads. Pure. */
export function toReportable(outcome: Outcome, secrets: readonly string[]): Outcome {
  // Storable first: a NUL in the middle of a secret would hide it, and go afterwards.
  const clean = (text: string, limit: number): string => cut(redact(storable(text), secrets), limit);
  if (outcome.kind === "blocked") return { ...outcome, detail: clean(outcome.detail, 2_000) };
  // The app knows no key and could only look for shapes: what holds one of ours doesn't leave this machine.
  const leaks = outcome.changes.filter((change) =>
    holdsOurs(
      change.status === "deleted" ? change.path : `${change.path}\n${Buffer.from(change.content, "base64").toString("utf8")}`,
      secrets,
    ),
  );
  if (leaks.length > 0) {
    const found = `Of the changed files, ${leaks.length} hold a secret of this job: nothing of the change leaves the runner.`;
    return toBlocked({ reason: "changesUnreadable", detail: found }, outcome);
  }
  const { detail, finalMessage } = outcome.ending;
  const ending = {
    ...outcome.ending,
    detail: detail && clean(detail, 2_000),
    finalMessage: finalMessage && clean(finalMessage, 20_000),
  };
  const cleanRun = (it: Verification): Verification => ({
    ...it,
    command: clean(it.command, 1_000),
    // Its end, cut after what is secret has gone: half of a secret no longer looks like one.
    output: cutFront(clean(it.output, it.output.length), 4_000),
  });
  const verification = outcome.verification.map(cleanRun);
  const checks =
    outcome.checks.source === "settings"
      ? { ...outcome.checks, commands: outcome.checks.commands.map((it) => clean(it, 1_000)) }
      : outcome.checks;
  const { session, control, ...rest } = outcome;
  const handedOver = session === undefined || conversationHoldsOurs(session, secrets) ? {} : { session };
  const controlled = control === undefined ? {} : { control: control.map(cleanRun) };
  const reportable: Outcome = { ...rest, ...handedOver, ...controlled, ending, checks, verification };
  const bytes = Buffer.byteLength(JSON.stringify(reportable));
  if (bytes <= MAX_OUTCOME_BYTES && outcome.changes.length <= 2_000) return reportable;
  const detailOfSize = `The change is too large to report: ${outcome.changes.length} files, ${bytes} bytes; at most 2000 files and ${MAX_OUTCOME_BYTES} bytes fit.`;
  return toBlocked({ reason: "changesUnreadable", detail: detailOfSize }, outcome);
}

/** Whether a text holds one of these, whatever else looks like a secret in it. UTF-16 puts a NUL between its letters. */
function holdsOurs(text: string, secrets: readonly string[]): boolean {
  const plain = text.replaceAll("\0", "");
  return redact(plain, secrets) !== redact(plain);
}

/** Of a conversation, what is looked through; one that filled a million tokens is 4 MB. */
const MAX_CONVERSATION_BYTES = 16 * 1024 * 1024;

/** The next job can do without it: what can't be looked through is taken for one that does. */
function conversationHoldsOurs({ content }: Session, secrets: readonly string[]): boolean {
  try {
    const text = gunzipSync(Buffer.from(content, "base64"), { maxOutputLength: MAX_CONVERSATION_BYTES });
    return holdsOurs(text.toString("utf8"), secrets);
  } catch {
    return true;
  }
}

/**
 * Sends an outcome; the app takes the same one twice without harm.
 * Errors: the app's refusal, or no answer within its client's patience.
 */
export async function report(
  client: AppClient,
  runToken: string,
  outcome: Outcome,
  signal?: AbortSignal,
): Promise<Result<void, AppFailure>> {
  const answer = await client.outcome(runToken, outcome, signal);
  if (answer.ok) return ok(undefined);
  // The app still waits, and would until the lease's end: it is told in a form that it surely reads.
  if (outcome.kind === "ran" && isUnreadable(answer.error)) {
    const fault = blocked("internal", describeUndelivered(answer.error));
    const { usage, ms } = outcome;
    await client.outcome(runToken, toBlocked(fault, { usage, ms, observation: null }), signal);
  }
  return err(answer.error);
}

/** The app has it, or never will: nothing needs to be kept for a later try. */
export function isOver(sent: Result<void, AppFailure>): boolean {
  return sent.ok || sent.error.reason === "refused";
}

function isUnreadable(failure: AppFailure): boolean {
  return failure.status === 400 || failure.status === 413;
}

/** Why an outcome did not arrive, and what to do, for people. Pure. */
export function describeUndelivered(failure: AppFailure): string {
  const said = `The outcome could not be delivered: ${failure.message}.`.replace(/\.\.$/, ".");
  if (failure.reason === "unreachable")
    return `${said} It is kept: the post step of this job tries once more, and the app takes the run's artifact.`;
  if (failure.status === 413)
    return `${said} Let the app, and a proxy before it, take bodies of ${MAX_OUTCOME_BYTES} bytes, then start the issue again: its changes are not kept.`;
  if (failure.status === 400)
    return `${said} Use the commit of the Action that belongs to the app's version, then start the issue again: its changes are not kept.`;
  // 409: this outcome, or the lease's end, is known there already.
  return `${said} It is not sent again. The app's log says what it knows of this attempt.`;
}

export type Heartbeats = AsyncDisposable;

/**
 * Tells the app every `everyMs` that the job lives, until disposed. A `stop` or a refusal (409: the lease is lost)
 * calls `onStop` once; an unreachable app is left alone, the deadline bounds it. Disposed, it waits for no answer.
 */
export function startHeartbeats(
  client: AppClient,
  runToken: string,
  everyMs: number,
  beat: () => Heartbeat,
  onStop: (reason: string) => void,
): Heartbeats {
  const ended = new AbortController();
  const loop = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const answer = await client.heartbeat(runToken, beat(), ended.signal);
      if (answer.ok ? answer.value.stop : answer.error.reason === "refused") {
        if (!ended.signal.aborted)
          onStop(answer.ok ? "the app said stop" : `the app refused the heartbeat: ${answer.error.message}`);
        return;
      }
      await sleep(everyMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  };
  const done = loop();
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await done;
    },
  };
}
