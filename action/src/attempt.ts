import { randomBytes, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Dispatcher } from "undici";
import { type Claim, CONTRACT_VERSION, type Ending, type Outcome, type PHASES, type Verification } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { readChanges } from "./changes.ts";
import { type Blocked } from "./failure.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import type { Git } from "./git.ts";
import { confirmEnding, type Harness } from "./harness/harness.ts";
import type { Inputs } from "./inputs.ts";
import type { Log } from "./log.ts";
import { renderPrompt, renderRepair } from "./prompt.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Tool } from "./tools.ts";
import { runSetup, runVerification, type VerificationRun } from "./verify.ts";
import { fetchBase, type Workspace, writeGuides } from "./workspace.ts";

/** What is ready before the claim. */
export type Prepared = {
  readonly workspace: Workspace;
  readonly sandbox: Sandbox;
  readonly harness: Harness;
  readonly tool: Tool;
};

export type AttemptDeps = Prepared & {
  readonly inputs: Inputs;
  readonly claim: Claim;
  /** When the claim was answered, by `performance.now()`. */
  readonly claimedAt: number;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** Aborted when the job is cancelled or the app says stop. What there is by then is still reported. */
  readonly stopping: AbortSignal;
  readonly onPhase: (phase: (typeof PHASES)[number], gateway?: Gateway) => void;
};

/** Of the lease, what is kept for verification's end, reading the change and reporting it. */
const RESERVE_MS = MINUTE_MS;
/** A repair round shorter than this would only cost. */
const MIN_REPAIR_MS = MINUTE_MS;

/** When harness and verification stop, so that the outcome still arrives within the lease. Pure. */
export function workUntil(claimedAt: number, deadlineMs: number): number {
  return claimedAt + deadlineMs - Math.min(RESERVE_MS, deadlineMs / 10);
}

/** From the fetch to the change: everything between a claim and its outcome. Errors: each of `Blocked`. */
export async function runAttempt(deps: AttemptDeps): Promise<Result<Outcome, Blocked>> {
  const { claim, claimedAt, workspace, sandbox, log, stopping, inputs } = deps;
  const until = workUntil(claimedAt, claim.deadlineMs);
  deps.onPhase("fetch");
  const git = await fetchBase(
    { surroundings: inputs.surroundings, dispatcher: deps.dispatcher, signal: stopping, until },
    workspace,
    claim.checkout,
  );
  if (!git.ok) return git;
  log("fetched");
  const guide = await writeGuides(git.value, workspace, claim.checkout.base);

  deps.onPhase("setup");
  const setUp = await runSetup(sandbox, claim.commands.setup, { until, signal: stopping });
  if (!setUp.ok && !stopping.aborted) return setUp;
  log("set up", { commands: claim.commands.setup.length });

  const dummy = `sk-ant-api03-dummy-${randomBytes(24).toString("base64url")}`;
  await using gateway = await startGateway({
    key: inputs.key, dummy, upstream: inputs.baseUrl, model: claim.route.model, budgetMicroUsd: claim.budget.microUsd,
    price: claim.budget.price, deadline: claimedAt + claim.deadlineMs, dispatcher: deps.dispatcher,
  }); // prettier-ignore
  const worked = await work(deps, gateway, { dummy, guide, until });
  return conclude(deps, git.value, gateway, worked);
}

type Worked = { readonly ending: Ending; readonly verification: readonly Verification[] };
type WorkSettings = { readonly dummy: string; readonly guide: string | undefined; readonly until: number };

/** Harness, verification, and at most one repair round. */
async function work(deps: AttemptDeps, gateway: Gateway, settings: WorkSettings): Promise<Worked> {
  const { claim, stopping } = deps;
  const session = randomUUID();
  const task = renderPrompt(claim.brief, claim.commands.verify, makeFence());
  const first = await runHarness(deps, gateway, { ...settings, session, prompt: task, maxTurns: claim.route.maxTurns });
  if (!isWorthVerifying(first) || stopping.aborted) return { ending: first, verification: [] };
  const verified = await verify(deps, gateway, settings.until);

  const turnsLeft = claim.route.maxTurns - (first.turns ?? 0);
  const mayRepair = first.kind === "completed" && turnsLeft > 0 && performance.now() + MIN_REPAIR_MS < settings.until;
  if (verified.failure === undefined || !mayRepair || stopping.aborted || gateway.facts().refusedForBudget)
    return { ending: first, verification: verified.results };
  const { command, output } = verified.failure;
  // A fresh fence: the output comes from code that may have seen the first one.
  const prompt = renderRepair(command, output, makeFence());
  const second = await runHarness(deps, gateway, { ...settings, session, resume: true, prompt, maxTurns: turnsLeft });
  const ending: Ending = {
    ...second,
    turns: (first.turns ?? 0) + (second.turns ?? 0),
    finalMessage: second.finalMessage ?? first.finalMessage,
  };
  if (stopping.aborted) return { ending, verification: verified.results };
  return { ending, verification: (await verify(deps, gateway, settings.until)).results };
}

function makeFence(): string {
  return `=====${randomBytes(12).toString("hex")}=====`;
}

type HarnessSettings = WorkSettings & {
  readonly session: string;
  readonly resume?: boolean;
  readonly prompt: string;
  readonly maxTurns: number;
};

async function runHarness(deps: AttemptDeps, gateway: Gateway, settings: HarnessSettings): Promise<Ending> {
  const { claim, sandbox, workspace, harness, tool, stopping, log } = deps;
  deps.onPhase("harness", gateway);
  const command = harness.command({
    executable: tool.executable, gateway: gateway.address, home: workspace.home, route: claim.route, budget: claim.budget,
    ...settings, resume: settings.resume ?? false,
  }); // prettier-ignore
  gateway.setOpen(true);
  const ended = await sandbox.run({
    ...command,
    reach: { to: "gateway", address: gateway.address },
    until: settings.until,
    signal: stopping,
  });
  gateway.setOpen(false);
  const facts = gateway.facts();
  const read = confirmEnding(harness.readEnding(ended), facts);
  const ending: Ending =
    stopping.aborted && read.kind !== "completed"
      ? { ...read, kind: "crashed", detail: "The job was stopped from outside." }
      : read;
  log("harness ended", {
    ending: ending.kind,
    turns: ending.turns ?? 0,
    modelCalls: facts.modelCalls,
    outputTokens: facts.usage.outputTokens,
  });
  return ending;
}

/** Work that was stopped by its limits may be good all the same; after a provider's failure there is nothing to judge. */
function isWorthVerifying(ending: Ending): boolean {
  return ending.kind === "completed" || ending.kind === "turnLimit" || ending.kind === "budgetExhausted";
}

async function verify(deps: AttemptDeps, gateway: Gateway, until: number): Promise<VerificationRun> {
  const { claim, sandbox, stopping, log } = deps;
  deps.onPhase("verify", gateway);
  const verified = await runVerification(sandbox, claim.commands.verify, { until, signal: stopping });
  log("verified", { commands: verified.results.length, passed: verified.failure === undefined });
  return verified;
}

async function conclude(deps: AttemptDeps, git: Git, gateway: Gateway, worked: Worked): Promise<Result<Outcome, Blocked>> {
  const { claim, claimedAt, workspace, sandbox, tool, log } = deps;
  deps.onPhase("report", gateway);
  const changes = await readChanges(git, workspace, claim.checkout.base, claim.limits);
  if (!changes.ok) return err(changes.error);
  log("change read", { files: changes.value.length });
  const { usage, modelCalls, estimated } = gateway.facts();
  return ok({
    kind: "ran",
    contract: CONTRACT_VERSION,
    ending: worked.ending,
    usage,
    modelCalls,
    estimated,
    harnessVersion: `${claim.route.harness} ${tool.version}`,
    sandbox: sandbox.kind,
    verification: [...worked.verification],
    changes: changes.value,
    ms: Math.round(performance.now() - claimedAt),
  });
}
