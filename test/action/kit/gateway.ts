import { Agent, request } from "undici";
import { type Gateway, type GatewaySettings, startGateway } from "../../../action/src/gateway/gateway.ts";
import { type CredentialSettings, makeCredential } from "../../../action/src/gateway/credential.ts";
import { anthropicMessages } from "../../../action/src/gateway/wires/anthropic-messages.ts";
import { type Model, type Reply, startModel } from "./model.ts";

export const KEY = "sk-ant-api03-the-real-key";
export const DUMMY = "sk-ant-api03-dummy";
export const MODEL = "claude-sonnet-5-5";
const PRICE = { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000, cacheWrite1h: 6_000_000 };
export const CALL = { model: MODEL, max_tokens: 100, messages: [{ role: "user", content: "hello" }] };

type GatewaySet = AsyncDisposable & { readonly model: Model; readonly gateway: Gateway };

/** What is shown upstream, and where: one API key where nothing else is said. */
export type Given = Partial<GatewaySettings> &
  Partial<Pick<CredentialSettings, "key" | "provider" | "identity" | "upstream" | "idToken" | "onKey">>;

export async function setUp(
  reply: Reply,
  { key = KEY, provider = "anthropic", identity = null, upstream, idToken, onKey = () => {}, ...settings }: Given = {},
): Promise<GatewaySet> {
  const model = await startModel(reply);
  const dispatcher = new Agent();
  const auth = settings.auth ?? "api-key";
  const gateway = await startGateway({
    credential: makeCredential({ auth, provider, key, identity, upstream: upstream ?? model.url, dispatcher, idToken: idToken ?? (() => Promise.reject(new Error("a key needs none"))), onKey }),
    dummy: DUMMY, auth, wire: anthropicMessages, model: MODEL, maxTokens: 1_000, repeatsRefusals: false, budgetMicroUsd: 1_000_000, price: PRICE, deadline: performance.now() + 60_000,
    stopping: new AbortController().signal, dispatcher, ...settings,
  }); // prettier-ignore
  gateway.setOpen(true);
  return {
    model,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await dispatcher.destroy();
      await model[Symbol.asyncDispose]();
    },
  };
}

type Answer = {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Record<string, unknown>;
  readonly text: string;
};

export async function post(
  { gateway }: GatewaySet,
  body: unknown,
  headers: Record<string, string> = { "x-api-key": DUMMY },
  path = "/v1/messages?beta=true",
): Promise<Answer> {
  const answer = await request(`http://${gateway.address}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  const parsed = text.startsWith("{") ? (JSON.parse(text) as { error?: { type?: string } }) : {};
  return { status: answer.statusCode, type: parsed.error?.type, headers: answer.headers, text };
}
