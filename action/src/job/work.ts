import { randomBytes, randomUUID } from "node:crypto";
import type { Dispatcher } from "undici";
import { type Known, expectedOf } from "#action/checks/checks.ts";
import type { Limits } from "#action/runner/process.ts";
import { runVerification, type VerificationRun } from "#action/checks/verify.ts";
import { readChanges } from "#action/checkout/changes.ts";
import type { Git } from "#action/checkout/git.ts";
import { emptyOf, whereSetUpEnded } from "#action/checkout/homes.ts";
import { carryOver, takeSnapshot, type Tree } from "#action/checkout/snapshot.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import { maxOutputTokens } from "#action/gateway/allowance.ts";
import type { Gateway } from "#action/gateway/gateway.ts";
import type { Session } from "#action/harness/harness.ts";
import { toEnding } from "#action/harness/reading.ts";
import type { Blocked } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import type { Sandbox } from "#action/sandbox/sandbox.ts";
import type { Tool } from "#action/tools.ts";
import type { Change, Claim, Ending, PHASES, Verification } from "#core/wire/contract.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { confirmEnding, STOPPED } from "./ending.ts";
import type { Choice } from "./prepare.ts";
import { renderGoOn, renderPrompt, renderRepair } from "./prompt.ts";
import { type Round, type Steps, workAndRepair, type Worked } from "./repair.ts";
import { putChanges, resumeWork } from "./resume.ts";
import { restoreSession } from "./session.ts";

export type AttemptDeps = Choice & {
  readonly workspace: Workspace;
  readonly sandbox: Sandbox;
  readonly tool: Tool;
  readonly inputs: Inputs;
  readonly claim: Claim;
  /** When the claim was answered, by `performance.now()`. */
  readonly claimedAt: number;
  readonly dispatcher: Dispatcher;
  /** A token of GitHub's that says who this job is, for one use. */
  readonly idToken: (audience: string) => Promise<string>;
  /** Told of each secret that this job learns of later: the outcome is looked through for it. */
  readonly onKey: (key: string) => void;
  readonly log: Log;
  /** Aborted when the job is cancelled or the app says stop. What there is by then is still reported. */
  readonly stopping: AbortSignal;
  readonly onPhase: (phase: (typeof PHASES)[number], gateway?: Gateway) => void;
};

type WorkSettings = { readonly dummy: string; readonly guide: string | undefined; readonly until: number };

/** The harness in one session, from where an interrupted run of the attempt has left off, and the checks that judge it. */
export async function work(
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
  const from = claim.handOver === undefined ? "an interrupted run's" : "an earlier attempt's";
  if (claim.resume.length > 0) log(`goes on from ${from} work`, { files: claim.resume.length });
  const handed = claim.session !== undefined && (await restoreSession(deps, harness, claim.session, limits));
  let session: Session = { kind: handed ? "resume" : "first", id: (handed && claim.session?.id) || randomUUID() };
  const { commands } = known;
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
  // A repair round shows what has failed: of a trial, the tests that its model must not see.
  const repairs = claim.overlay === undefined ? claim.repairs : 0;
  return workAndRepair(steps, begun.value, { ...limits, maxTurns: claim.route.maxTurns, repairs }, log);
}

/**
 * The checks, on what set-up left and the change that would be published, and nothing else that the harness did; of a trial,
 * with its tests over both.
 */
export async function verifyChange(
  deps: AttemptDeps,
  changes: readonly Change[],
  { commands, baseline }: Known,
  limits: Limits,
): Promise<Result<VerificationRun, Blocked>> {
  const { overlay = [] } = deps.claim;
  const covered = new Set(overlay.map(({ path }) => path));
  const laid = [...changes.filter(({ path }) => !covered.has(path)), ...overlay];
  const ran = await whereSetUpEnded(deps.workspace, limits.until, async () => {
    const put = await putChanges(deps.sandbox, laid, limits);
    return put.ok ? ok(await runVerification(deps, commands, baseline, limits)) : put;
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
