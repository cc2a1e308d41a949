import { type Dispatcher } from "undici";
import { type z } from "zod";
import {
  Claim,
  type ClaimRequest,
  CONTRACT_VERSION,
  type Heartbeat,
  HeartbeatReply,
  type Outcome,
  OutcomeReply,
  Refusal,
  MAX_OUTCOME_BYTES,
} from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { messageOf } from "./failure.ts";
import { HARNESS } from "./harness/table.ts";

/** The app as the job knows it: three calls, each idempotent on the app's side, so that a lost answer is asked for again. */
export type AppClient = {
  claim(oidcToken: string): Promise<Result<Claim, AppFailure>>;
  heartbeat(runToken: string, beat: Heartbeat): Promise<Result<HeartbeatReply, AppFailure>>;
  outcome(runToken: string, outcome: Outcome, signal?: AbortSignal): Promise<Result<OutcomeReply, AppFailure>>;
};

export type AppFailure = {
  /** `refused`: the app said no (4xx) and repeating would not help. `unreachable`: no usable answer in the time there was. */
  readonly reason: "refused" | "unreachable";
  readonly status: number | null;
  readonly message: string;
};

export type AppClientDeps = {
  readonly appUrl: string;
  readonly attempt: string;
  readonly dispatcher: Dispatcher;
  readonly sleep: (ms: number) => Promise<void>;
  readonly now: () => number;
};

/** An app being restarted or redeployed is back within these; a job costs by the minute, so it doesn't wait longer. */
const CLAIM_PATIENCE_MS = 3 * MINUTE_MS;
const OUTCOME_PATIENCE_MS = 8 * MINUTE_MS;
const FIRST_PAUSE_MS = SECOND_MS;
const LONGEST_PAUSE_MS = 30 * SECOND_MS;
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

const CLAIM_REQUEST: ClaimRequest = { contract: CONTRACT_VERSION, harnesses: Object.keys(HARNESS) };

export function makeAppClient(deps: AppClientDeps): AppClient {
  return {
    claim: (token) => send(deps, { path: "claim", token, body: CLAIM_REQUEST, answer: Claim, patienceMs: CLAIM_PATIENCE_MS }),
    heartbeat: (token, body) => send(deps, { path: "heartbeat", token, body, answer: HeartbeatReply, patienceMs: 0 }),
    outcome: (token, body, signal) =>
      send(deps, { path: "outcome", token, body, answer: OutcomeReply, patienceMs: OUTCOME_PATIENCE_MS, signal }),
  };
}

async function send<T>(deps: AppClientDeps, call: Call<T>): Promise<Result<T, AppFailure>> {
  const giveUpAt = deps.now() + call.patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const answer = await sendOnce(deps, call);
    if (answer.ok || answer.error.reason === "refused") return answer;
    if (call.signal?.aborted || deps.now() + pauseMs > giveUpAt) return answer;
    await deps.sleep(pauseMs);
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
    return readAnswer(response.statusCode, text, call.answer);
  } catch (cause) {
    return err({ reason: "unreachable", status: null, message: messageOf(cause) });
  }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error("the app's answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** 4xx is final (409: the attempt isn't ours to run), apart from 408 and 429, which say "later". */
function readAnswer<T>(status: number, text: string, schema: z.ZodType<T>): Result<T, AppFailure> {
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
  return err({ reason: final ? "refused" : "unreachable", status, message });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
