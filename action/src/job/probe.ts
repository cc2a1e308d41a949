import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Dispatcher } from "undici";
import { makeCredential } from "#action/gateway/credential.ts";
import { startGateway } from "#action/gateway/gateway.ts";
import { WIRES } from "#action/gateway/wires/table.ts";
import type { Blocked } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import { NODE_PROGRAM } from "#action/sandbox/sandbox.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { SECOND_MS } from "#core/wire/units.ts";
import { connectApp } from "./app-client.ts";
import { identify } from "./identify.ts";
import type { Ready } from "./prepare.ts";

export type ProbeRun = {
  readonly inputs: Inputs;
  readonly workspace: Workspace;
  readonly ready: Result<Ready, Blocked>;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
};

const LIMIT_MS = 30 * SECOND_MS;
const MODEL = "probe";
/** Where the gateway has refused a call because nothing is left to spend, and made none. */
const REFUSED = "refused for its budget";

/**
 * A job that does no work: everything that an attempt needs before its first model call, on the machine where it would run. The
 * error is for operators, and says what to do.
 */
export async function runProbe(run: ProbeRun): Promise<Result<void, string>> {
  const { inputs, ready, dispatcher, log } = run;
  if (!ready.ok) return err(`${ready.error.reason}: ${ready.error.detail}`);
  if (inputs.key === "")
    return err(
      "keyMissing: the environment of this job has no secret AGENT_POOL_KEY, or jobs of this branch may not see it. Set it in the runner repository's settings.",
    );
  const token = await identify(inputs);
  if (!token.ok) return token;
  const known = await connectApp(inputs, dispatcher).probe(token.value);
  if (!known.ok) return err(`The app would not take this job: ${known.error.message}`);
  log("the app takes this job");
  const refused = await askWithNothingToSpend(run, ready.value);
  if (refused !== REFUSED)
    return err(`A call from the sandbox got ${refused}, where the gateway should have refused it: see this job's log.`);
  log("the gateway refuses what there is no budget for");
  return ok(undefined);
}

/** A model call from inside, through a gateway with the real key and no budget. Answers `REFUSED`, or what the call came to instead. */
async function askWithNothingToSpend({ inputs, dispatcher }: ProbeRun, ready: Ready): Promise<string> {
  const dummy = `sk-ant-api03-dummy-${randomBytes(24).toString("base64url")}`;
  const upstream = inputs.upstreams.anthropic;
  const idToken = (): Promise<string> => Promise.reject(new Error("a key needs none"));
  await using gateway = await startGateway({
    credential: makeCredential({ auth: "api-key", provider: "anthropic", key: inputs.key, identity: null, upstream, dispatcher, idToken, onKey: () => {} }),
    dummy, auth: "api-key", wire: WIRES["anthropic-messages"], model: MODEL, maxTokens: 1, repeatsRefusals: false, budgetMicroUsd: 0,
    price: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1 },
    deadline: performance.now() + LIMIT_MS, stopping: new AbortController().signal, dispatcher,
  }); // prettier-ignore
  gateway.setOpen(true);
  const ended = await ready.sandboxFor([]).run({
    line: NODE_PROGRAM,
    input: `const address = ${JSON.stringify(gateway.address)};\nconst dummy = ${JSON.stringify(dummy)};\nconst model = ${JSON.stringify(MODEL)};\n${CALL}`,
    env: { NODE_USE_ENV_PROXY: "1", NODE_NO_WARNINGS: "1" },
    reach: { to: "gateway", address: gateway.address },
    until: performance.now() + LIMIT_MS,
  });
  const { refusedForBudget, modelCalls } = gateway.facts();
  if (refusedForBudget && modelCalls === 0) return REFUSED;
  return ended.stdout.toString("utf8").trim().slice(0, 100) || `nothing (exit ${String(ended.exitCode)})`;
}

/** Runs inside. */
const CALL = `
const answer = await fetch("http://" + address + "/v1/messages", {
  method: "POST",
  headers: { "x-api-key": dummy, "anthropic-version": "2023-06-01", "content-type": "application/json" },
  body: JSON.stringify({ model, max_tokens: 1, messages: [{ role: "user", content: "nothing" }] }),
}).then((it) => String(it.status), (error) => String(error.cause ?? error));
console.log(answer);
`;
