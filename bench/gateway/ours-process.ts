import { makeCredential } from "#action/gateway/credential.ts";
import { startGateway } from "#action/gateway/gateway.ts";
import { anthropicMessages } from "#action/gateway/wires/anthropic-messages.ts";
import { makeWayOut } from "#action/runner/way-out.ts";
import { DUMMY, MODEL } from "./traffic.ts";

/** Our gateway as a job starts it, with a budget that lasts. */
const dispatcher = makeWayOut(process.env);
const credential = makeCredential({
  auth: "api-key",
  provider: "anthropic",
  key: "sk-ant-api03-the-real-key",
  identity: null,
  upstream: new URL(`http://${process.argv[2] ?? ""}`),
  dispatcher,
  idToken: () => Promise.reject(new Error("a key needs none")),
  onKey: () => {},
});
const gateway = await startGateway({
  credential,
  dummy: DUMMY,
  auth: "api-key",
  wire: anthropicMessages,
  maxTokens: 32_000,
  repeatsRefusals: false,
  model: MODEL,
  budgetMicroUsd: Number.MAX_SAFE_INTEGER,
  price: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1 },
  deadline: Infinity,
  stopping: new AbortController().signal,
  dispatcher,
});
gateway.setOpen(true);
process.send?.({ address: gateway.address });
process.once("disconnect", () => process.exit());
