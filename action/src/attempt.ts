import { randomBytes, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Dispatcher } from "undici";
import {
  type Auth,
  type Claim,
  CONTRACT_VERSION,
  couldNotStart,
  type Ending,
  NO_USAGE,
  type Outcome,
  type PHASES,
  type Provider,
  type Verification,
} from "#core/wire/contract.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { maxOutputTokens } from "./allowance.ts";
import { readChanges } from "./changes.ts";
import { makeCredential } from "./credential.ts";
import { type Blocked } from "./failure.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import type { Git } from "./git.ts";
import { confirmEnding, type Harness, type Session } from "./harness/harness.ts";
import { toEnding } from "./harness/reading.ts";
import { inFreshHome, keepHomeOfSetUp } from "./homes.ts";
import type { Inputs } from "./inputs.ts";
import type { Log } from "./log.ts";
import { renderPrompt, renderRepair } from "./prompt.ts";
import { resumeWork } from "./resume.ts";
import type { Sandbox } from "./sandbox.ts";
import { carryOver, takeSnapshot, type Tree } from "./snapshot.ts";
import type { Tool } from "./tools.ts";
import { runSetup, runVerification, type VerificationRun } from "./verify.ts";
import type { Wire } from "./wires/wire.ts";
import { fetchBase, type Workspace, writeGuides } from "./workspace.ts";

/** What an attempt works with. */
export type Prepared = {
  readonly workspace: Workspace;
  readonly sandbox: Sandbox;
  readonly harness: Harness;
  readonly provider: Provider;
  readonly wire: Wire;
  /** What the leased key is. */
  readonly auth: Auth;
  readonly tool: Tool;
};

export type AttemptDeps = Prepared & {
  readonly inputs: Inputs;
  readonly claim: Claim;
  /** When the claim was answered, by `performance.now()`. */
  readonly claimedAt: number;
  readonly dispatcher: Dispatcher;
  /** A token of GitHub's that says who this job is, for one use. */
  readonly idToken: (audience: string) => Promise<string>;
  readonly log: Log;
  /** Aborted when the job is cancelled or the app says stop. What there is by then is still reported. */
  readonly stopping: AbortSignal;
  readonly onPhase: (phase: (typeof PHASES)[number], gateway?: Gateway) => void;
};

/** Of the lease, what is kept for verification's end, reading the change and reporting it. */
const RESERVE_MS = MINUTE_MS;
/** A repair round shorter than this would only cost. */
const MIN_REPAIR_MS = MINUTE_MS;

/** How keys and tokens begin: a CLI may look at that before it sends one. */
function makeDummy(auth: Auth, provider: Provider): string {
  const begins = auth === "oauth" ? "sk-ant-oat01" : provider === "anthropic" ? "sk-ant-api03" : "sk";
  return `${begins}-dummy-${randomBytes(24).toString("base64url")}`;
}

/** When harness and verification stop, so that the outcome still arrives within the lease. Pure. */
export function workUntil(claimedAt: number, deadlineMs: number): number {
  return claimedAt + deadlineMs - Math.min(RESERVE_MS, deadlineMs / 10);
}

/** From the fetch to the change: everything between a claim and its outcome. Errors: each of `Blocked`. */
export async function runAttempt(deps: AttemptDeps): Promise<Result<Outcome, Blocked>> {
  const { claim, claimedAt, workspace, log, stopping, inputs } = deps;
  const until = workUntil(claimedAt, claim.deadlineMs);
  deps.onPhase("fetch");
  const git = await fetchBase(
    { surroundings: inputs.surroundings, dispatcher: deps.dispatcher, signal: stopping, until },
    workspace,
    claim.checkout,
  );
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!git.ok) return git;
  log("fetched");
  const guide = await writeGuides(git.value, workspace, claim.checkout.base);

  deps.onPhase("setup");
  const setUp = await runSetup(deps, claim.commands.setup, { until, signal: stopping });
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!setUp.ok) return setUp;
  const kept = claim.commands.verify.length === 0 ? ok(undefined) : await keepHomeOfSetUp(workspace, until);
  if (!kept.ok) return kept;
  log("set up", { commands: claim.commands.setup.length });

  const { auth, provider, wire, harness } = deps;
  const dummy = makeDummy(auth, provider);
  await using gateway = await startGateway({
    credential: makeCredential({
      auth, provider, key: inputs.key, identity: claim.identity, upstream: inputs.upstreams[provider], dispatcher: deps.dispatcher, idToken: deps.idToken,
    }),
    dummy, auth, wire, model: claim.route.model,
    maxTokens: auth === "access-token" ? null : maxOutputTokens(claim.budget), repeatsRefusals: harness.repeatsRefusals, budgetMicroUsd: claim.budget.microUsd,
    price: claim.budget.price, deadline: claimedAt + claim.deadlineMs, stopping, dispatcher: deps.dispatcher,
  }); // prettier-ignore
  const worked = await work(deps, git.value, gateway, { dummy, guide, until });
  if (!worked.ok) return worked;
  deps.onPhase("report", gateway);
  const trees = { base: claim.checkout.base, tree: worked.value.tree };
  const changes = await readChanges(git.value, workspace, trees, claim.limits);
  if (!changes.ok) return changes;
  log("change read", { files: changes.value.length });
  return ok(toOutcome(deps, { ...worked.value, ...gateway.facts(), changes: changes.value }));
}

const STOPPED = "The job was stopped from outside.";
type Ran = Extract<Outcome, { kind: "ran" }>;
type Done = Pick<Ran, "ending" | "usage" | "modelCalls" | "estimated" | "observation" | "verification" | "changes">;

/** Stopped before the harness was started. */
const NOTHING_DONE: Done = {
  ending: { kind: "crashed", detail: STOPPED, turns: null, finalMessage: null },
  usage: NO_USAGE,
  modelCalls: 0,
  estimated: false,
  observation: null,
  verification: [],
  changes: [],
};

function toOutcome(deps: AttemptDeps, done: Done): Outcome {
  const { ending, usage, modelCalls, estimated, observation, verification, changes } = done;
  return {
    kind: "ran",
    contract: CONTRACT_VERSION,
    ending,
    usage,
    modelCalls,
    estimated,
    observation,
    harnessVersion: `${deps.claim.route.harness} ${deps.tool.version}`,
    sandbox: deps.sandbox.kind,
    verification,
    changes,
    ms: Math.round(performance.now() - deps.claimedAt),
  };
}

type Worked = { readonly ending: Ending; readonly verification: Verification[]; readonly tree: Tree };
type WorkSettings = { readonly dummy: string; readonly guide: string | undefined; readonly until: number };

/** Harness, verification, and at most one repair round. */
async function work(deps: AttemptDeps, git: Git, gateway: Gateway, settings: WorkSettings): Promise<Result<Worked, Blocked>> {
  const { claim, stopping } = deps;
  const prompt = renderPrompt(claim, makeFence());
  const start: HarnessSettings = {
    ...settings,
    session: { kind: "first", id: randomUUID() },
    prompt,
    maxTurns: claim.route.maxTurns,
  };
  const { base } = claim.checkout;
  const limits = { until: settings.until, signal: stopping };
  const begun = claim.resume.length === 0 ? ok(base) : await resumeWork({ ...deps, git }, base, claim.resume, limits);
  if (!begun.ok) return begun;
  if (claim.resume.length > 0) deps.log("goes on from an interrupted run's work", { files: claim.resume.length });
  const first = await runRound(deps, git, gateway, start, begun.value);
  if (!first.ok) return first;
  const { ending, tree, session } = first.value;
  if (!isWorthVerifying(ending) || stopping.aborted) return ok({ ending, tree, verification: [] });
  const verified = await verify(deps, gateway, settings.until);

  const turnsLeft = claim.route.maxTurns - (ending.turns ?? 0);
  const mayRepair =
    ending.kind === "completed" && session !== null && turnsLeft > 0 && performance.now() + MIN_REPAIR_MS < settings.until;
  // What can't be started there can't be after a repair either.
  const failed = couldNotStart(verified.failure?.exitCode) ? undefined : verified.failure;
  if (failed === undefined || !mayRepair || stopping.aborted || gateway.facts().refusedForBudget)
    return ok({ ending, tree, verification: verified.results });
  deps.log("repair round: the model is shown what failed", { turnsLeft });
  // A fresh fence: the output comes from code that may have seen the first one.
  const repair = {
    ...start,
    session: { kind: "resume", id: session } as const,
    prompt: renderRepair(failed.command, failed.output, makeFence()),
    maxTurns: turnsLeft,
  };
  const second = await runRound(deps, git, gateway, repair, tree);
  if (!second.ok) return second;
  const repaired = {
    tree: second.value.tree,
    ending: {
      ...second.value.ending,
      turns: (ending.turns ?? 0) + (second.value.ending.turns ?? 0),
      finalMessage: second.value.ending.finalMessage ?? ending.finalMessage,
    },
  };
  if (stopping.aborted) return ok({ ...repaired, verification: verified.results });
  return ok({ ...repaired, verification: (await verify(deps, gateway, settings.until)).results });
}

/**
 * One run of the harness, and what is published of the attempt after it: `onto` with what changed between the snapshots
 * taken just before and just after. So what set-up and verification leave in the work tree is no part of it, and
 * verification, which comes later, judges it and can't alter it.
 */
async function runRound(
  deps: AttemptDeps,
  git: Git,
  gateway: Gateway,
  settings: HarnessSettings,
  onto: Tree,
): Promise<Result<Round & { readonly tree: Tree }, Blocked>> {
  const { workspace, claim } = deps;
  const before = await takeSnapshot(git, workspace, claim.checkout.base);
  if (!before.ok) return before;
  const ran = await runHarness(deps, gateway, settings);
  const after = await takeSnapshot(git, workspace, claim.checkout.base);
  if (!after.ok) return after;
  const tree = await carryOver(git, workspace, { before: before.value, after: after.value, onto });
  return tree.ok ? ok({ ...ran, tree: tree.value }) : tree;
}

function makeFence(): string {
  return `=====${randomBytes(12).toString("hex")}=====`;
}

/** `session`: to go on with, by the harness's own name for it; null where it has begun none. */
type Round = { readonly ending: Ending; readonly session: string | null };

type HarnessSettings = WorkSettings & {
  readonly session: Session;
  readonly prompt: string;
  readonly maxTurns: number;
};

async function runHarness(deps: AttemptDeps, gateway: Gateway, settings: HarnessSettings): Promise<Round> {
  const { claim, sandbox, workspace, harness, provider, auth, tool, stopping, log } = deps;
  deps.onPhase("harness", gateway);
  const command = harness.command({
    executable: tool.executable, gateway: gateway.address, provider, auth, home: workspace.home, route: claim.route,
    maxTokens: maxOutputTokens(claim.budget), ...settings,
  }); // prettier-ignore
  gateway.setOpen(true);
  const ended = await sandbox.run({
    ...command,
    reach: { to: "gateway", address: gateway.address },
    hides: harness.hides,
    until: settings.until,
    signal: stopping,
  });
  gateway.setOpen(false);
  const limits = harness.limits?.(ended);
  if (limits !== undefined) gateway.heard(limits);
  const facts = gateway.facts();
  const reading = harness.read(ended);
  const read = confirmEnding(toEnding(reading), facts);
  const ending: Ending = stopping.aborted && read.kind !== "completed" ? { ...read, kind: "crashed", detail: STOPPED } : read;
  log("harness ended", {
    ending: ending.kind,
    turns: ending.turns ?? 0,
    modelCalls: facts.modelCalls,
    outputTokens: facts.usage.outputTokens,
  });
  return { ending, session: reading.sessionId };
}

/** Work that was stopped by its limits may be good all the same; after a provider's failure there is nothing to judge. */
function isWorthVerifying(ending: Ending): boolean {
  return ending.kind === "completed" || ending.kind === "turnLimit" || ending.kind === "budgetExhausted";
}

async function verify(deps: AttemptDeps, gateway: Gateway, until: number): Promise<VerificationRun> {
  const { claim, workspace, stopping, log } = deps;
  const { verify: commands } = claim.commands;
  const [first] = commands;
  if (first === undefined) return { results: [], failure: undefined };
  deps.onPhase("verify", gateway);
  const verified = await inFreshHome(workspace, until, () => runVerification(deps, commands, { until, signal: stopping }));
  log("ran the repository's checks", { commands: verified.ok ? verified.value.results.length : 0, passed: verified.ok && verified.value.failure === undefined }); // prettier-ignore
  if (verified.ok) return verified.value;
  // The work is none the worse for it, so it is still reported, as unverified; and there is nothing to repair.
  return { results: [{ command: first, exitCode: null, output: verified.error.detail, ms: 0 }], failure: undefined };
}
