import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { Readable } from "node:stream";
import { type Dispatcher } from "undici";
import type { Auth, Price, Usage } from "#core/wire/contract.ts";
import { parseRecord, record, textOf } from "#core/wire/json.ts";
import type { Observation } from "#core/wire/observation.ts";
import { cut } from "#core/wire/text.ts";
import { type Allowance, makeAllowance, reserve, settle, worstCase } from "./allowance.ts";
import {
  type Body,
  type Buffered,
  type Head,
  makeHead,
  readBody,
  refuse,
  type Refusal,
  refuseUnread,
  release,
  RETRY_SOON,
} from "./gateway-body.ts";
import { dummyHeader, type KeyHeader, toUpstreamHeaders } from "./gateway-headers.ts";
import { parseModelCall } from "./gateway-request.ts";
import { makeJsonMeter, makeSseMeter, type Meter } from "./meter.ts";
import { makeObserver, type Observer } from "./observer.ts";

/**
 * The key gateway: a loopback reverse proxy in the Action's own process. The sandbox holds a dummy; only here does it
 * become the leased key, and only for this attempt's model, endpoints, budget and time. The one place that knows what
 * was used.
 */
export type GatewaySettings = {
  /** The real key. Never logged, never in an answer. */
  readonly key: string;
  /** What the sandbox presents instead; random per run. */
  readonly dummy: string;
  readonly auth: Auth;
  readonly upstream: URL;
  readonly model: string;
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
  /** HTTP status and error type of the last model call, when it failed; null when it succeeded. */
  readonly lastError: { readonly status: number; readonly type: string; readonly message: string } | null;
  /** What the provider's answers tell of the credential's limits; null before the first. */
  readonly observation: Observation | null;
};

export type Gateway = AsyncDisposable & {
  /** `127.0.0.2:<port>`. Not 127.0.0.1, which srt's NO_PROXY keeps from its proxy (notes: runner-sandbox §2). */
  readonly address: string;
  /** Model calls pass only while open: not during `setup`, not during verification. */
  setOpen(open: boolean): void;
  facts(): GatewayFacts;
  /** What the harness's own stream tells of limits; the answers' word counts before it. */
  heard(event: Record<string, unknown>): void;
};

const HOST = "127.0.0.2";
const MAX_RETRY_AFTER_S = 60;
/** The CLI's own limit for a call is 600 s; the gateway waits no shorter, so that the CLI decides. */
const HEADERS_TIMEOUT_MS = 600_000;
const IDLE_TIMEOUT_MS = 300_000;

/**
 * Of one attempt: a CLI with every sub-agent busy stays below these, and a loop in the sandbox can't fill the runner's
 * memory. A call counts from its first byte to its end.
 */
const MAX_CONNECTIONS = 64;
const MAX_IN_FLIGHT = 32;

const DROPPED_RESPONSE_HEADERS = new Set([
  "connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "content-length", "content-encoding", "set-cookie",
  "retry-after", "x-should-retry",
]); // prettier-ignore

type State = GatewaySettings &
  Buffered & {
    readonly allowance: Allowance;
    readonly observer: Observer;
    open: boolean;
    inFlight: number;
    refusedForBudget: boolean;
    refusedForTime: boolean;
    lastError: GatewayFacts["lastError"];
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
    lastError: null,
  };
  const server = createServer({ requestTimeout: 0, headersTimeout: 30_000 }, (request, response) => {
    answer(state, request, response).catch(() => {
      if (!response.headersSent) refuse(response, 502, "gateway_error", "the gateway failed");
      else response.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\n\r\n"));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, HOST, resolve));
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
  const [path = "/", asked] = (request.url ?? "/").split("?", 2);
  if (request.method === "GET" && path === "/healthz") return void response.writeHead(200).end("ok\n");
  const counting = path === "/v1/messages/count_tokens";
  if (request.method !== "POST" || !(counting || path === "/v1/messages"))
    return refuse(response, 404, "not_found_error", "no such route");
  const header = dummyHeader(request.headers, state);
  if (header === undefined) return refuse(response, 401, "authentication_error", "not this run's key");
  if (state.inFlight >= MAX_IN_FLIGHT)
    return refuseUnread(request, response, [429, "rate_limit_error", `${MAX_IN_FLIGHT} calls are under way`, RETRY_SOON]);
  const closed = whyClosed(state);
  if (closed !== undefined) return refuseUnread(request, response, closed);
  const body: Body = { chunks: [], bytes: 0 };
  state.inFlight += 1;
  let unread: Refusal | undefined;
  try {
    unread = await readBody(state, request, body);
    if (unread === undefined)
      return await answerCall(state, response, { request, path, asked, header, counting, bytes: Buffer.concat(body.chunks) });
  } finally {
    state.inFlight -= 1;
    release(state, body);
  }
  await refuseUnread(request, response, unread);
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
  // Again: a body can take long enough for the phase or the lease to end.
  const closed = whyClosed(state);
  if (closed !== undefined) return refuse(response, ...closed);
  if (!["", "identity"].includes(request.headers["content-encoding"] ?? ""))
    return refuse(response, 400, "invalid_request_error", "send the body unencoded");
  const parsed = parseModelCall(asked.bytes, state.model);
  if (!parsed.ok)
    return refuse(response, parsed.error.type === "invalid_request_error" ? 400 : 403, parsed.error.type, parsed.error.message);
  const call = parsed.value;
  if (!counting && call.maxTokens === 0) return refuse(response, 400, "invalid_request_error", "max_tokens is missing");

  const query = new URLSearchParams(asked.asked).get("beta") === "true" ? "?beta=true" : "";
  const sending = send(state, response, {
    path: `${state.upstream.pathname.replace(/\/$/, "")}${path}${query}`,
    headers: toUpstreamHeaders(request.headers, header, state),
    body: call.body,
  });
  // Counting costs nothing and proves nothing: neither its success nor its failure is the provider's word on the credential.
  if (counting) return void (await relay(response, await sending.answer(), undefined, makeHead()));
  await answerMetered(state, response, sending, worstCase(call, state.price));
}

async function answerMetered(state: State, response: ServerResponse, sending: Sending, worst: Usage): Promise<void> {
  if (!reserve(state.allowance, worst)) {
    state.refusedForBudget = true;
    return refuse(response, 403, "budget_exhausted", "the attempt's budget doesn't cover another call");
  }
  state.allowance.calls += 1;
  let meter: Meter | undefined;
  let refused = false;
  let upstream: Dispatcher.ResponseData | undefined;
  const said = makeHead();
  try {
    upstream = await sending.answer();
    refused = upstream.statusCode !== 200;
    // A good answer may stream for minutes: what its headers tell is known by the next heartbeat.
    if (upstream.statusCode < 400) observe(state, upstream, "");
    const streams = String(upstream.headers["content-type"]).includes("text/event-stream");
    if (!refused) meter = streams ? makeSseMeter(worst.outputTokens) : makeJsonMeter();
    state.lastError = await relay(response, upstream, meter, said);
  } catch {
    state.lastError = { status: 502, type: "connection_failed", message: "no answer from the provider" };
    if (!response.headersSent) refuse(response, 502, "connection_failed", "no answer from the provider");
    else response.destroy();
  } finally {
    const error = said.text() || (meter?.failure() ?? "");
    if (upstream !== undefined && (upstream.statusCode >= 400 || error !== "")) observe(state, upstream, error);
    settle(state.allowance, worst, refused || !sending.begun() ? "nothing" : (meter?.end() ?? "unknown"));
  }
}

function observe({ observer }: State, { statusCode: status, headers }: Dispatcher.ResponseData, body: string): void {
  observer.saw({ status, headers, body });
}

type Sending = {
  answer(): Promise<Dispatcher.ResponseData>;
  /** The provider may have the request: undici takes the body once it is connected and has written the headers. */
  begun(): boolean;
};

type ToSend = { readonly path: string; readonly headers: Record<string, string>; readonly body: string };

/** Ends with the client: a call nobody waits for any more is aborted. */
function send(state: State, response: ServerResponse, { path, headers, body }: ToSend): Sending {
  const aborter = new AbortController();
  response.once("close", () => aborter.abort());
  const bytes = Buffer.from(body);
  let begun = false;
  function* take(): Generator<Buffer> {
    begun = true;
    yield bytes;
  }
  return {
    begun: () => begun,
    answer: () =>
      state.dispatcher.request({
        origin: state.upstream.origin, path, method: "POST", headers: { ...headers, "content-length": String(bytes.length) },
        body: Readable.from(take(), { objectMode: false }), signal: aborter.signal, headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: IDLE_TIMEOUT_MS,
      }), // prettier-ignore
  };
}

/** Passes the provider's answer on as it arrives. Rate-limit headers pass; retries are told off: the app does the failover. @returns what it refused. */
async function relay(
  response: ServerResponse,
  upstream: Dispatcher.ResponseData,
  meter: Meter | undefined,
  said: Head,
): Promise<GatewayFacts["lastError"]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(upstream.headers)) {
    if (value !== undefined && !DROPPED_RESPONSE_HEADERS.has(name)) headers[name] = value;
  }
  if (upstream.statusCode >= 400) {
    headers["x-should-retry"] = "false";
    const seconds = Number(upstream.headers["retry-after"]);
    if (seconds > 0) headers["retry-after"] = String(Math.min(Math.ceil(seconds), MAX_RETRY_AFTER_S));
  }
  response.writeHead(upstream.statusCode, headers);
  response.flushHeaders();
  for await (const chunk of upstream.body as AsyncIterable<Uint8Array>) {
    meter?.read(chunk);
    if (upstream.statusCode >= 400) said.read(chunk);
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
  return upstream.statusCode < 400 ? null : toError(upstream.statusCode, said.text());
}

function toError(status: number, body: string): GatewayFacts["lastError"] {
  const error = record(parseRecord(body)?.["error"]);
  return { status, type: cut(textOf(error?.["type"]), 100), message: cut(textOf(error?.["message"]), 500) };
}

/** Resolves on drain or close: a client that went away must not leave the loop waiting. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    if (response.destroyed) resolve();
    else response.once("drain", done).once("close", done);
  });
}
