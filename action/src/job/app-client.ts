import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Dispatcher } from "undici";
import { z } from "zod";
import { HARNESS } from "#action/harness/table.ts";
import { blocked, messageOf, toBlocked } from "#action/runner/failure.ts";
import { KNOWN } from "#core/wire/claimed-agent.ts";
import {
  Claim,
  type ClaimRequest,
  CONTRACT_VERSION,
  type Heartbeat,
  HeartbeatReply,
  NO_USAGE,
  type Outcome,
  OutcomeReply,
  Refusal,
  MAX_OUTCOME_BYTES,
} from "#core/wire/contract.ts";
import { record } from "#core/wire/json.ts";
import { ProbeReply } from "#core/wire/probe.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";

/** The app as the job knows it: a few calls, each idempotent on the app's side, so that a lost answer is asked for again. */
export type AppClient = {
  claim(oidcToken: string): Promise<Result<Claim, AppFailure>>;
  /** Of a job that is a probe: whether the app would know it. */
  probe(oidcToken: string): Promise<Result<unknown, AppFailure>>;
  heartbeat(runToken: string, beat: Heartbeat, signal: AbortSignal): Promise<Result<HeartbeatReply, AppFailure>>;
  outcome(runToken: string, outcome: Outcome, signal?: AbortSignal): Promise<Result<OutcomeReply, AppFailure>>;
};

export type AppFailure = {
  /** `refused`: the app said no (4xx) and repeating would not help. `unreachable`: no usable answer in the time there was. */
  readonly reason: "refused" | "unreachable";
  readonly status: number | null;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
};

export type AppClientDeps = {
  readonly appUrl: string;
  readonly attempt: string;
  readonly dispatcher: Dispatcher;
  /** Ends early, without an error, when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
};

/** An app being restarted or redeployed is back within these; a job costs by the minute, so it doesn't wait longer. */
const CLAIM_PATIENCE_MS = 3 * MINUTE_MS;
const OUTCOME_PATIENCE_MS = 10 * MINUTE_MS;
/** The longest a pause may be, doubled each time. Each is any length below that: jobs that an app's restart met at once come apart. */
const FIRST_PAUSE_MS = SECOND_MS;
const LONGEST_PAUSE_MS = 30 * SECOND_MS;
/** Of what `Retry-After` asks for: a proxy that names an hour must not cost the outcome its other tries. */
const LONGEST_ASKED_MS = MINUTE_MS;
const ANSWER_TIMEOUT_MS = 30 * SECOND_MS;
/** A claim's answer may bring as much as an outcome takes away. */
const MAX_ANSWER_BYTES = MAX_OUTCOME_BYTES + 1024 * 1024;

type Call<T> = {
  readonly path: string;
  readonly token: string;
  readonly body: unknown;
  readonly answer: z.ZodType<T>;
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** The app at its address, by this process's own clock. */
export function connectApp({ appUrl, attempt }: Pick<AppClientDeps, "appUrl" | "attempt">, dispatcher: Dispatcher): AppClient {
  const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
  return makeAppClient({
    appUrl,
    attempt,
    dispatcher,
    sleep: pause,
    now: () => performance.now(),
    random: () => Math.random(),
  });
}

const PROBE_REQUEST = { contract: CONTRACT_VERSION };
const CLAIM_REQUEST: ClaimRequest = { contract: CONTRACT_VERSION, harnesses: Object.keys(HARNESS), knows: [...KNOWN] };

export function makeAppClient(deps: AppClientDeps): AppClient {
  return {
    async claim(token) {
      const call = { path: "claim", token, body: CLAIM_REQUEST, answer: z.unknown(), patienceMs: CLAIM_PATIENCE_MS };
      const answered = await send(deps, call);
      if (!answered.ok) return answered;
      const claim = Claim.safeParse(answered.value);
      if (claim.success) return ok(claim.data);
      const message = describeUnreadable(answered.value, claim.error);
      // The lease is this job's all the same, and the app waits for its outcome.
      const { runToken } = record(answered.value) ?? {};
      if (typeof runToken === "string")
        await this.outcome(runToken, toBlocked(blocked("internal", message), { usage: NO_USAGE, observation: null, ms: 0 }));
      return err({ reason: "refused", status: 200, message });
    },
    probe: (token) =>
      send(deps, { path: "probe", token, body: PROBE_REQUEST, answer: ProbeReply, patienceMs: CLAIM_PATIENCE_MS }),
    heartbeat: (token, body, signal) =>
      send(deps, { path: "heartbeat", token, body, answer: HeartbeatReply, patienceMs: 0, signal }),
    outcome: (token, body, signal) =>
      send(deps, { path: "outcome", token, body, answer: OutcomeReply, patienceMs: OUTCOME_PATIENCE_MS, signal }),
  };
}

/** What is wrong with a claim's answer, and what to do. Names fields, never what they hold. Pure. */
function describeUnreadable(answer: unknown, error: z.ZodError): string {
  const contract = record(answer)?.["contract"];
  const path = error.issues[0]?.path.join(".") ?? "";
  if (path === "contract" && typeof contract === "number") {
    const older = contract < CONTRACT_VERSION;
    const versions = `${String(CONTRACT_VERSION - 1)} and ${String(CONTRACT_VERSION)}`;
    return `The app speaks contract ${String(contract)}, this Action ${versions}: ${older ? "update the app" : "raise the commit of the Action in the workflow of the runner repository"}.`;
  }
  const where = path === "" ? "it is no claim" : `\`${path}\` is missing or not of its form`;
  return `The app's answer is not of this Action's contract: ${where}. Use the commit of the Action that belongs to the app's version.`;
}

async function send<T>(deps: AppClientDeps, call: Call<T>): Promise<Result<T, AppFailure>> {
  const giveUpAt = deps.now() + call.patienceMs;
  for (let longestMs = FIRST_PAUSE_MS; ; longestMs = Math.min(2 * longestMs, LONGEST_PAUSE_MS)) {
    const answer = await sendOnce(deps, call);
    if (answer.ok || answer.error.reason === "refused") return answer;
    const pauseMs = Math.max(deps.random() * longestMs, Math.min(answer.error.retryAfterMs ?? 0, LONGEST_ASKED_MS));
    if (call.signal?.aborted || deps.now() + pauseMs > giveUpAt) return answer;
    await deps.sleep(pauseMs, call.signal);
    if (call.signal?.aborted) return answer;
  }
}

async function sendOnce<T>(deps: AppClientDeps, call: Call<T>): Promise<Result<T, AppFailure>> {
  try {
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const url = new URL(`${deps.appUrl}/runs/${encodeURIComponent(deps.attempt)}/${call.path}`);
    const response = await deps.dispatcher.request({
      origin: url.origin,
      path: url.pathname,
      method: "POST",
      headers: {
        authorization: `Bearer ${call.token}`,
        "content-type": "application/json",
        accept: "application/json",
        "user-agent": "agent-pool-action",
      },
      body: JSON.stringify(call.body),
      signal: call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]),
    });
    const text = await readText(response.body);
    if (text === undefined)
      return err({
        reason: "refused",
        status: response.statusCode,
        message: "The app's answer is too large to be one of its own.",
      });
    return readAnswer(response.statusCode, readRetryAfter(response.headers["retry-after"]), text, call.answer);
  } catch (cause) {
    return err({ reason: "unreachable", status: null, message: messageOf(cause) });
  }
}

/** In milliseconds; a date, which is the other form, counts for nothing: this machine's clock may be anything. */
function readRetryAfter(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && /^\d{1,9}$/.test(header) ? Number(header) * SECOND_MS : undefined;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** 4xx is final (409: the attempt isn't ours to run), apart from 408 and 429, which say "later". */
function readAnswer<T>(
  status: number,
  retryAfterMs: number | undefined,
  text: string,
  schema: z.ZodType<T>,
): Result<T, AppFailure> {
  const body = parseJson(text);
  if (status === 200) {
    const answer = schema.safeParse(body);
    if (answer.success) return ok(answer.data);
    return err({
      reason: "refused",
      status,
      message: "the app's answer is not of this Action's contract: use the Action's version that belongs to the app",
    });
  }
  const refusal = Refusal.safeParse(body);
  const message = refusal.success ? cut(`${refusal.data.error} ${refusal.data.fix}`, 500) : `HTTP ${String(status)}`;
  const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return err({ reason: final ? "refused" : "unreachable", status, message, retryAfterMs });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
