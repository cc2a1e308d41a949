import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { type Dispatcher } from "undici";
import type { Auth, Price, Usage } from "#core/wire/contract.ts";
import type { Observation } from "#core/wire/observation.ts";
import { type Allowance, makeAllowance, reserve, settle, worstCase } from "./allowance.ts";
import { type Body, type Buffered, readBody, release, unread, whole } from "./body.ts";
import type { Answered, Refused } from "./call.ts";
import type { Credential } from "./credential.ts";
import { dummyHeader, type KeyHeader, toUpstreamHeaders } from "./headers.ts";
import { makeJsonMeter, makeSseMeter, type Meter } from "./meter.ts";
import { makeObserver } from "./observer.ts";
import { type Refusal, refuse, RETRY_SOON } from "./refusal.ts";
import { answerOf, passedOn, type ProviderError, relay, send, type Sending, toError, type Upstream } from "./upstream.ts";
import type { ModelCall, Wire } from "./wires/wire.ts";

/**
 * The key gateway: a loopback reverse proxy in the Action's own process. The sandbox holds a dummy; only here does it
 * become the leased key, and only for this attempt's model, endpoints, budget and time. The one place that knows what
 * was used.
 */
export type GatewaySettings = {
  /** Never logged, never in an answer. */
  readonly credential: Credential;
  /** What the sandbox presents instead; random per run. */
  readonly dummy: string;
  readonly auth: Auth;
  readonly wire: Wire;
  readonly model: string;
  /** The output that a call may ask for that names no bound itself. null: this credential's place takes no bound. */
  readonly maxTokens: number | null;
  /** See `Harness`. */
  readonly repeatsRefusals: boolean;
  readonly budgetMicroUsd: number;
  readonly price: Price;
  /** By `performance.now()`: no one can move this clock. */
  readonly deadline: number;
  /** Closes the gateway for good: the job was cancelled, or its lease lost. */
  readonly stopping: AbortSignal;
  readonly dispatcher: Dispatcher;
};

/** What the provider or the gateway last refused, as the gateway saw it: harness output alone can't be trusted to say so. */
export type GatewayFacts = {
  readonly usage: Usage;
  readonly modelCalls: number;
  readonly estimated: boolean;
  readonly refusedForBudget: boolean;
  readonly refusedForTime: boolean;
  /** Whether the last model call was refused because its conversation goes in circles; others may have gone on beside it. */
  readonly refusedForRepeating: boolean;
  /** HTTP status and error type of the last model call, when it failed; null when it succeeded. */
  readonly lastError: ProviderError | null;
  /** What the provider's answers tell of the credential's limits; null before the first. */
  readonly observation: Observation | null;
};

export type Gateway = AsyncDisposable & {
  /** `127.0.0.2:<port>`. Not 127.0.0.1, which srt's NO_PROXY keeps from its proxy. */
  readonly address: string;
  /** Model calls pass only while open: not during `setup`, not during verification. */
  setOpen(open: boolean): void;
  facts(): GatewayFacts;
  /** What the harness's own stream tells of limits; the answers' word counts before it. */
  heard(event: Record<string, unknown>): void;
};

const HOST = "127.0.0.2";
const MAX_RETRY_AFTER_S = 60;
/**
 * Of one attempt: 500 streams at once, and the connections that are kept between them. What bounds the memory is the bytes
 * held of bodies (64 MB, body.ts) and the budget, of which each call reserves its worst case. These two bound what a
 * call takes beside: 500 streams took 50 MB. 32 and 64 were refusing what many sub-agents may well do, and bounded nothing
 * that a runner would notice. A call counts from its first byte to its end.
 */
const MAX_CONNECTIONS = 1_024;
const MAX_IN_FLIGHT = 512;

type State = GatewaySettings &
  Buffered &
  Upstream & {
    readonly allowance: Allowance;
    open: boolean;
    inFlight: number;
    refusedForBudget: boolean;
    refusedForTime: boolean;
    refusedForRepeating: boolean;
  };

/** Starts listening. Effects: one loopback port until disposed. */
export async function startGateway(settings: GatewaySettings): Promise<Gateway> {
  const allowance = makeAllowance(settings.budgetMicroUsd, settings.price);
  const state: State = {
    ...settings,
    allowance,
    observer: makeObserver(settings.model),
    open: false,
    inFlight: 0,
    bufferedBytes: 0,
    refusedForBudget: false,
    refusedForTime: false,
    refusedForRepeating: false,
    lastError: null,
    refusal: undefined,
  };
  const server = createServer({ requestTimeout: 0, headersTimeout: 30_000 }, (request, response) => {
    answer(state, request, response).catch(() => {
      if (!response.headersSent) refuse(state, response, [502, "gateway_error", "the gateway failed"]);
      else response.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\n\r\n"));
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen({ port: 0, host: HOST, backlog: MAX_CONNECTIONS }, resolve),
  );
  const { port } = server.address() as AddressInfo;
  return {
    address: `${HOST}:${port}`,
    setOpen: (open) => void (state.open = open),
    facts: () => ({
      usage: allowance.usage,
      modelCalls: allowance.calls,
      estimated: allowance.estimated,
      refusedForBudget: state.refusedForBudget,
      refusedForTime: state.refusedForTime,
      refusedForRepeating: state.refusedForRepeating,
      lastError: state.lastError,
      observation: state.observer.observation(),
    }),
    heard: (event) => state.observer.heard(event),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { wire } = state;
  const [path = "/", asked] = (request.url ?? "/").split("?", 2);
  if (request.method === "GET" && path === "/healthz") return void response.writeHead(200).end("ok\n");
  const counting = path === wire.countingPath;
  if (request.method !== "POST" || !(counting || path === wire.path))
    return refuse(state, response, [404, "not_found_error", "no such route"]);
  const header = dummyHeader(request.headers, state);
  if (header === undefined) return refuse(state, response, [401, "authentication_error", "not this run's key"]);
  const refuseAt = async (refusal: Refusal) => {
    await unread(request);
    refuse(state, response, refusal);
  };
  if (state.inFlight >= MAX_IN_FLIGHT)
    return refuseAt([429, "rate_limit_error", `${MAX_IN_FLIGHT} calls are under way`, RETRY_SOON]);
  const closed = whyClosed(state);
  if (closed !== undefined) return refuseAt(closed);
  const body: Body = { chunks: [], bytes: 0 };
  state.inFlight += 1;
  let tooLarge: Refusal | undefined;
  try {
    tooLarge = await readBody(state, request, body);
    if (tooLarge === undefined)
      return await answerCall(state, response, { request, path, asked, header, counting, bytes: whole(body) });
  } finally {
    state.inFlight -= 1;
    release(state, body);
  }
  await refuseAt(tooLarge);
}

/** Why no call may pass now. */
function whyClosed(state: State): Refusal | undefined {
  if (!state.open || state.stopping.aborted) return [403, "not_open", "no model calls in this phase"];
  if (performance.now() < state.deadline) return undefined;
  state.refusedForTime = true;
  return [403, "deadline_passed", "the lease's time is over"];
}

type Asked = {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly asked: string | undefined;
  readonly header: KeyHeader;
  readonly counting: boolean;
  readonly bytes: Buffer;
};

async function answerCall(state: State, response: ServerResponse, asked: Asked): Promise<void> {
  const { request, path, header, counting } = asked;
  const { wire } = state;
  // Again: a body can take long enough for the phase or the lease to end.
  const closed = whyClosed(state);
  if (closed !== undefined) return refuse(state, response, closed);
  if (!["", "identity"].includes(request.headers["content-encoding"] ?? ""))
    return refuse(state, response, [400, "invalid_request_error", "send the body unencoded"]);
  const parsed = wire.parse(asked.bytes, state);
  if (!parsed.ok) {
    const { type, message } = parsed.error;
    return refuse(state, response, [type === "invalid_request_error" ? 400 : 403, type, message]);
  }
  const call = parsed.value;
  if (!counting && call.maxTokens === 0)
    return refuse(state, response, [400, "invalid_request_error", "the call names no bound of its output"]);
  if (!counting) state.refusedForRepeating = call.isRepeating;
  if (!counting && call.isRepeating)
    return refuse(state, response, [403, "repeating", "the same has come of the same call, again and again"]);

  const query = new URLSearchParams(asked.asked).get("beta") === "true" ? "?beta=true" : "";
  const shown = await state.credential.show();
  if (!shown.ok) {
    state.lastError = toError(shown.error.status, shown.error.said);
    state.observer.saw({ ...shown.error, body: shown.error.said });
    return passRefusal(state, response, shown.error);
  }
  // A token can take long enough to be had, too, and the harness may have gone.
  const over = whyClosed(state);
  if (over !== undefined) return refuse(state, response, over);
  if (response.destroyed) return;
  const { auth, credential } = state;
  const place = credential.place(path);
  const sending = send(state, response, {
    place: { ...place, path: `${place.path}${query}` },
    headers: toUpstreamHeaders(request.headers, header, { ...shown.value, rules: wire.headers, auth }),
    body: call.body,
  });
  // Counting costs nothing and proves nothing: neither its success nor its failure is the provider's word on the credential.
  if (counting) return relay(response, await sending.answer(), undefined);
  await answerMetered(state, response, sending, call);
}

async function answerMetered(state: State, response: ServerResponse, sending: Sending, call: ModelCall): Promise<void> {
  if (state.refusal !== undefined) return passRefusal(state, response, state.refusal);
  const { wire } = state;
  const worst = worstCase(call, state.price);
  if (!reserve(state.allowance, worst)) {
    state.refusedForBudget = true;
    return refuse(state, response, [403, "budget_exhausted", "the attempt's budget doesn't cover another call"]);
  }
  state.allowance.calls += 1;
  let meter: Meter | undefined;
  let used: Parameters<typeof settle>[2] | undefined;
  try {
    const answered = await answerOf(state, sending);
    if ("said" in answered) {
      used = "nothing";
      return passRefusal(state, response, answered);
    }
    const streams = String(answered.headers["content-type"]).includes("text/event-stream");
    meter = streams ? makeSseMeter(wire.readStream(call)) : makeJsonMeter(wire.usageOf);
    state.lastError = null;
    await relay(response, answered, meter);
    const failure = meter.failure();
    if (failure !== undefined) noteFailure(state, answered, failure);
  } catch (cause) {
    const message = `no answer from the provider${codeOf(cause)}`;
    state.lastError = { status: 502, type: "connection_failed", message };
    if (!response.headersSent) refuse(state, response, [502, "connection_failed", message]);
    else response.destroy();
  } finally {
    used ??= sending.begun() ? (meter?.end() ?? "unknown") : "nothing";
    settle(state.allowance, worst, used);
  }
}

/** Why there is no connection, in the word that Node or undici has for it; empty where it has none. */
function codeOf(cause: unknown): string {
  const code: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, "code") : undefined;
  return typeof code === "string" && /^[A-Z_]{1,40}$/.test(code) ? ` (${code})` : "";
}

/** A stream that began well and broke off with an error of the provider's. */
function noteFailure(state: State, { statusCode: status, headers }: Answered, failure: Record<string, unknown>): void {
  const said = JSON.stringify(failure);
  state.observer.saw({ status, headers, body: said });
  state.lastError = toError(status, said);
}

/** Refusals that a client may take for passing. */
const REPEATED = (status: number): boolean => status >= 500 || status === 429 || status === 408 || status === 409;

/** Passes a refusal on. Limit headers pass; further tries are told off: they were made here, and the app does the failover. */
function passRefusal(state: State, response: ServerResponse, { status, headers, said }: Refused): void {
  if (state.repeatsRefusals && REPEATED(status))
    return refuse(state, response, [403, "provider_refused", "The provider refuses this call, and will again."]);
  const seconds = Number(headers["retry-after"]);
  const wait = seconds > 0 ? { "retry-after": String(Math.min(Math.ceil(seconds), MAX_RETRY_AFTER_S)) } : {};
  response.writeHead(status, { ...passedOn(headers), ...wait, "x-should-retry": "false" });
  response.end(said);
}
