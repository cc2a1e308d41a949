import { performance } from "node:perf_hooks";
import type { Dispatcher } from "undici";
import { messageOf } from "#action/runner/failure.ts";
import type { Auth, Claim, Provider } from "#core/wire/contract.ts";
import { parseRecord, textOf } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import type { Refused } from "./call.ts";

/** The leased credential, as the gateway shows it to its provider. It stays in this process. */
export type Credential = {
  /** Where a call goes that the client sends to a path. */
  readonly place: (path: string) => { readonly origin: string; readonly path: string };
  /** What a call goes with. Errors: the provider's refusal of the credential itself. */
  readonly show: () => Promise<Result<Shown, Refused>>;
};

/** `headers`: beside the key. */
export type Shown = { readonly key: string; readonly headers: Readonly<Record<string, string>> };

export type CredentialSettings = {
  readonly auth: Auth;
  readonly provider: Provider;
  /** Empty for `workload-identity`. */
  readonly key: string;
  readonly identity: Claim["identity"];
  readonly upstream: URL;
  readonly dispatcher: Dispatcher;
  /** A token of GitHub's that says who this job is, for one use. */
  readonly idToken: (audience: string) => Promise<string>;
  /** Told of each key that is none of those given here, before anything is done with it. */
  readonly onKey: (key: string) => void;
};

export function makeCredential(settings: CredentialSettings): Credential {
  if (settings.auth === "workload-identity")
    return { place: placeOf(settings.upstream), show: keepFresh(() => exchange(settings)) };
  if (settings.auth === "access-token")
    return { place: ofChatGpt(settings.upstream), show: keepFresh(() => askAccount(settings)) };
  const shown = ok({ key: settings.key, headers: {} });
  return { place: placeOf(settings.upstream), show: () => Promise.resolve(shown) };
}

function placeOf({ origin, pathname }: URL): Credential["place"] {
  return (path) => ({ origin, path: `${pathname.replace(/\/$/, "")}${path}` });
}

/** A workspace's access token is good at ChatGPT's own address, below which paths have no version (Codex 0.169.0). */
function ofChatGpt(upstream: URL): Credential["place"] {
  const place = placeOf(new URL("/backend-api/codex", standsFor(upstream, "https://chatgpt.com")));
  return (path) => place(path.replace(/^\/v1/, ""));
}

/** OpenAI answers some calls at other hosts of its own; an organisation's proxy stands for them all. */
function standsFor(upstream: URL, host: string): string {
  return upstream.hostname === "api.openai.com" ? host : upstream.origin;
}

type Fresh = Shown & { readonly goodForMs: number };

/** A token is renewed this long before its end: a call may wait for half a minute before it is sent. */
const RENEW_BEFORE_MS = 2 * MINUTE_MS;

/** One asking serves all calls until it is nearly over; a refusal is asked about again. */
function keepFresh(ask: () => Promise<Result<Fresh, Refused>>): Credential["show"] {
  let asked: Promise<Result<Fresh, Refused>> | undefined;
  let until = 0;
  return async () => {
    if (asked === undefined || performance.now() >= until) {
      until = Infinity;
      asked = ask();
    }
    const mine = asked;
    const answer = await mine;
    if (mine !== asked) return answer;
    if (!answer.ok) asked = undefined;
    else if (until === Infinity) until = performance.now() + Math.max(0, answer.value.goodForMs - RENEW_BEFORE_MS);
    return answer;
  };
}

/**
 * The job's own identity for a token of some minutes. Anthropic's side: RFC 7523 as @anthropic-ai/sdk 1.12.0 does it
 * (`lib/credentials/oidc-federation`); OpenAI's: RFC 8693, reference "Workload identity token exchange" (2026-11-25). GitHub's
 * token is good for one exchange: a second one is refused (`jti_reused`).
 */
async function exchange(settings: CredentialSettings): Promise<Result<Fresh, Refused>> {
  const { provider, upstream, identity } = settings;
  const told = identity ?? {};
  const { audience, url, headers, body } =
    provider === "anthropic" ? anthropicExchange(upstream, told) : openaiExchange(upstream, told);
  let token: string;
  try {
    token = await settings.idToken(told["audience"] ?? audience);
  } catch (cause) {
    return err(inOurWords(`GitHub gave no identity token: ${messageOf(cause)}`));
  }
  const answer = await callJson(settings.dispatcher, { method: "POST", url, headers, body: body(token) });
  if (!answer.ok) return answer;
  const key = textOf(answer.value["access_token"]);
  const seconds = Number(answer.value["expires_in"]);
  if (key === "" || !(seconds > 0)) return err(inOurWords("the exchange of identities answered without a token"));
  settings.onKey(key);
  return ok({ key, headers: {}, goodForMs: seconds * SECOND_MS });
}

type Exchange = {
  readonly audience: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: (token: string) => Readonly<Record<string, string>>;
};
type Identity = NonNullable<Claim["identity"]>;

function anthropicExchange(
  upstream: URL,
  { rule = "", organization = "", workspace, "service-account": account }: Identity,
): Exchange {
  const { origin, path } = placeOf(upstream)("/v1/oauth/token");
  return {
    audience: "https://api.anthropic.com",
    url: new URL(path, origin),
    headers: { "anthropic-beta": "oauth-2025-04-20,oidc-federation-2026-04-01" },
    body: (assertion) => ({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion,
      federation_rule_id: rule,
      organization_id: organization,
      ...(account === undefined ? {} : { service_account_id: account }),
      ...(workspace === undefined ? {} : { workspace_id: workspace }),
    }),
  };
}

function openaiExchange(upstream: URL, { provider = "", "service-account": account = "" }: Identity): Exchange {
  return {
    audience: "https://api.openai.com/v1",
    url: new URL("/oauth/token", standsFor(upstream, "https://auth.openai.com")),
    headers: {},
    body: (token) => ({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      subject_token: token,
      identity_provider_id: provider,
      service_account_id: account,
    }),
  };
}

/** Whose workspace an access token is of: ChatGPT wants it told beside the token (what Codex 0.169.0 asks and sends). */
async function askAccount({ key, upstream, dispatcher }: CredentialSettings): Promise<Result<Fresh, Refused>> {
  const url = new URL("/api/accounts/v1/user-auth-credential/whoami", standsFor(upstream, "https://auth.openai.com"));
  const answer = await callJson(dispatcher, { method: "GET", url, headers: { authorization: `Bearer ${key}` } });
  if (!answer.ok) return answer;
  const account = textOf(answer.value["chatgpt_account_id"]);
  if (!/^[\w.-]{1,100}$/.test(account)) return err(inOurWords("the access token's account could not be told"));
  return ok({ key, headers: { "chatgpt-account-id": account }, goodForMs: Infinity });
}

/** A refusal that isn't the provider's, in the form of one. */
function inOurWords(message: string): Refused {
  return { status: 502, headers: {}, said: JSON.stringify({ error: { type: "credential_error", message } }) };
}

type Call = {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, string>>;
};

/** Of an answer, what may be told; a token's is some kilobytes. */
const MAX_SAID = 64 * 1024;

async function callJson(
  dispatcher: Dispatcher,
  { method, url, headers, body }: Call,
): Promise<Result<Record<string, unknown>, Refused>> {
  try {
    const answered = await dispatcher.request({
      origin: url.origin,
      path: url.pathname,
      method,
      headers: { accept: "application/json", "user-agent": "agent-pool-action", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(30 * SECOND_MS),
    }); // prettier-ignore
    const said = cut(await answered.body.text(), MAX_SAID);
    // Of an address and not of a model, which is what a harness would take it for.
    if (answered.statusCode === 404) return err(inOurWords(`${url.pathname} is not there`));
    if (answered.statusCode !== 200) return err({ status: Math.max(400, answered.statusCode), headers: answered.headers, said });
    const document = parseRecord(said);
    // Not in its own words: the harness is shown a refusal, and these may hold the token.
    return document === undefined ? err(inOurWords(`${url.pathname} answered no JSON`)) : ok(document);
  } catch (cause) {
    return err(inOurWords(messageOf(cause)));
  }
}
