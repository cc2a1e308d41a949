import { randomBytes, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Dispatcher } from "undici";
import { readChanges } from "#action/checkout/changes.ts";
import type { Git } from "#action/checkout/git.ts";
import { emptyOf, keepSetUp, whereSetUpEnded } from "#action/checkout/homes.ts";
import { carryOver, takeSnapshot, type Tree } from "#action/checkout/snapshot.ts";
import { fetchBase, type Workspace, writeGuides } from "#action/checkout/workspace.ts";
import { expectedOf, findChecks, type Known, learnBaseline, NO_CHECKS } from "#action/checks/checks.ts";
import { type Limits, runSetup, runVerification, type VerificationRun } from "#action/checks/verify.ts";
import { maxOutputTokens } from "#action/gateway/allowance.ts";
import { makeCredential } from "#action/gateway/credential.ts";
import { type Gateway, startGateway } from "#action/gateway/gateway.ts";
import type { Wire } from "#action/gateway/wires/wire.ts";
import type { Harness, Session } from "#action/harness/harness.ts";
import { toEnding } from "#action/harness/reading.ts";
import { type Blocked } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import type { Sandbox } from "#action/sandbox/sandbox.ts";
import type { Tool } from "#action/tools.ts";
import {
  type Auth,
  type Change,
  type Claim,
  CONTRACT_VERSION,
  type Ending,
  NO_USAGE,
  type Outcome,
  type PHASES,
  type Provider,
  type Verification,
} from "#core/wire/contract.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { confirmEnding } from "./ending.ts";
import { renderGoOn, renderPrompt, renderRepair } from "./prompt.ts";
import { type Round, type Steps, workAndRepair, type Worked } from "./repair.ts";
import { putChanges, resumeWork } from "./resume.ts";
import { restoreSession, saveSession } from "./session.ts";

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
  log("set up", { commands: claim.commands.setup.length });
  const checks = await findChecks({ ...deps, git: git.value }, claim);
  const kept = checks.commands.length === 0 ? ok(undefined) : await keepSetUp(workspace, until);
  if (!kept.ok) return kept;
  const known = await learnBaseline({ ...deps, git: git.value }, checks, { until, signal: stopping });
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));

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
  const worked = await work(deps, git.value, gateway, known, { dummy, guide, until });
  if (!worked.ok) return worked;
  deps.onPhase("report", gateway);
  const trees = { base: claim.checkout.base, tree: worked.value.tree };
  const changes = await readChanges(git.value, workspace, trees, claim.limits);
  if (!changes.ok) return changes;
  log("change read", { files: changes.value.length });
  const mayMove = MOVES.has(worked.value.ending.kind) && !stopping.aborted;
  const session = mayMove ? await saveSession(deps, harness, worked.value.session, { until, signal: stopping }) : undefined;
  const facts = { ...worked.value, ...gateway.facts(), checks: known.checks, changes: changes.value };
  return ok({ ...toOutcome(deps, facts), ...(session === undefined ? {} : { session }) });
}

/** After these another credential may go on with the conversation. */
const MOVES: ReadonlySet<Ending["kind"]> = new Set(["rateLimited", "quotaExhausted", "authFailed", "billing"]);

const STOPPED = "The job was stopped from outside.";
type Ran = Extract<Outcome, { kind: "ran" }>;
type Done = Pick<Ran, "ending" | "usage" | "modelCalls" | "estimated" | "observation" | "checks" | "verification" | "changes">;

/** Stopped before the harness was started. */
const NOTHING_DONE: Done = {
  ending: { kind: "crashed", detail: STOPPED, turns: null, finalMessage: null },
  usage: NO_USAGE,
  modelCalls: 0,
  estimated: false,
  observation: null,
  checks: NO_CHECKS,
  verification: [],
  changes: [],
};

function toOutcome(deps: AttemptDeps, done: Done): Ran {
  const { ending, usage, modelCalls, estimated, observation, checks, verification, changes } = done;
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
    checks,
    verification,
    changes,
    ms: Math.round(performance.now() - deps.claimedAt),
  };
}

type WorkSettings = { readonly dummy: string; readonly guide: string | undefined; readonly until: number };

/** The harness in one session, from where an interrupted run of the attempt has left off, and the checks that judge it. */
async function work(
  deps: AttemptDeps,
  git: Git,
  gateway: Gateway,
  known: Known,
  settings: WorkSettings,
): Promise<Result<Worked, Blocked>> {
  const { claim, harness, stopping, workspace, log } = deps;
  const { until } = settings;
  const limits = { until, signal: stopping };
  const { base } = claim.checkout;
  const emptied = await emptyOf(workspace, harness.owns);
  if (!emptied.ok) return emptied;
  const begun = claim.resume.length === 0 ? ok(base) : await resumeWork({ ...deps, git }, base, claim.resume, limits);
  if (!begun.ok) return begun;
  if (claim.resume.length > 0) log("goes on from an interrupted run's work", { files: claim.resume.length });
  const handed = claim.session !== undefined && (await restoreSession(deps, harness, claim.session, limits));
  let session: Session = { kind: handed ? "resume" : "first", id: (handed && claim.session?.id) || randomUUID() };
  const { commands } = known.checks;
  const runOnce = async (failed: Verification | undefined, maxTurns: number, onto: Tree) => {
    // A fresh fence each time: the output comes from code that may have seen an earlier one.
    const fence = makeFence();
    const goesOn = session.kind === "resume";
    const first = goesOn ? renderGoOn() : renderPrompt(claim, expectedOf(known), fence);
    const prompt = failed === undefined ? first : renderRepair(failed, fence);
    const round = await runRound(deps, git, gateway, { ...settings, session, prompt, maxTurns }, onto);
    if (round.ok && round.value.session !== null) session = { kind: "resume", id: round.value.session };
    return round;
  };
  const steps: Steps = {
    async run(failed, maxTurns, onto) {
      const calls = gateway.facts().modelCalls;
      const round = await runOnce(failed, maxTurns, onto);
      const isRefused = round.ok && round.value.ending.kind === "crashed" && gateway.facts().modelCalls === calls;
      if (!handed || failed !== undefined || !isRefused || stopping.aborted) return round;
      log("the interrupted run's conversation can't be gone on with: a new one begins");
      session = { kind: "first", id: randomUUID() };
      return runOnce(failed, maxTurns, onto);
    },
    async verify(tree) {
      const [first] = commands;
      if (first === undefined) return { results: [], failure: undefined };
      deps.onPhase("verify", gateway);
      const changed = await readChanges(git, workspace, { base, tree }, claim.limits);
      const ran = changed.ok ? await verifyChange(deps, changed.value, known, limits) : changed;
      log("ran the repository's checks", { commands: ran.ok ? ran.value.results.length : 0, passed: ran.ok && ran.value.failure === undefined }); // prettier-ignore
      if (ran.ok) return ran.value;
      // The work is none the worse for it, so it is still reported, as unverified; and there is nothing to repair.
      const unverified = { exitCode: null, output: ran.error.detail, ms: 0, before: "unknown", flaky: false } as const;
      return { results: [{ ...unverified, command: first }], failure: undefined };
    },
    isBudgetSpent: () => gateway.facts().refusedForBudget,
  };
  return workAndRepair(steps, begun.value, { ...limits, maxTurns: claim.route.maxTurns, repairs: claim.repairs }, log);
}

/** The checks, on what set-up left and the change that would be published, and nothing else that the harness did. */
async function verifyChange(
  deps: AttemptDeps,
  changes: readonly Change[],
  { checks, baseline }: Known,
  limits: Limits,
): Promise<Result<VerificationRun, Blocked>> {
  const ran = await whereSetUpEnded(deps.workspace, limits.until, async () => {
    const put = await putChanges(deps.sandbox, changes, limits);
    return put.ok ? ok(await runVerification(deps, checks.commands, baseline, limits)) : put;
  });
  return ran.ok ? ran.value : ran;
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
): Promise<Result<Round, Blocked>> {
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
type Ended = { readonly ending: Ending; readonly session: string | null };

type HarnessSettings = WorkSettings & {
  readonly session: Session;
  readonly prompt: string;
  readonly maxTurns: number;
};

async function runHarness(deps: AttemptDeps, gateway: Gateway, settings: HarnessSettings): Promise<Ended> {
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
