import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { readChanges } from "#action/checkout/changes.ts";
import type { Git } from "#action/checkout/git.ts";
import { fetchBase } from "#action/checkout/fetch.ts";
import { writeGuides } from "#action/checkout/guides.ts";
import { findChecks, type Known, learnBaseline, NO_CHECKS } from "#action/checks/checks.ts";
import { runSetup } from "#action/checks/set-up.ts";
import { maxOutputTokens } from "#action/gateway/allowance.ts";
import { makeCredential } from "#action/gateway/credential.ts";
import { startGateway } from "#action/gateway/gateway.ts";
import { isCredentialFault } from "#action/harness/reading.ts";
import { type Blocked, blocked } from "#action/runner/failure.ts";
import type { Limits } from "#action/runner/process.ts";
import { installTool } from "#action/tools.ts";
import { type Auth, CONTRACT_VERSION, couldNotStart, NO_USAGE, type Outcome, type Provider } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { STOPPED } from "./ending.ts";
import { saveSession } from "./session.ts";
import { type AttemptDeps, verifyChange, work } from "./work.ts";

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
export async function runAttempt(beginning: Omit<AttemptDeps, "sandbox" | "tool">): Promise<Result<Outcome, Blocked>> {
  const { claim, workspace, log, stopping, inputs } = beginning;
  const until = workUntil(beginning.claimedAt, claim.deadlineMs);
  beginning.onPhase("fetch");
  // Together: to check 381 MB of a harness takes 0.3 s of a processor that waits for the fetch.
  const [tool, git] = await Promise.all([
    installTool(beginning.harness.tool, inputs.surroundings),
    fetchBase(
      { surroundings: inputs.surroundings, dispatcher: beginning.dispatcher, signal: stopping, until },
      workspace,
      claim.checkout,
    ),
  ]);
  if (!tool.ok) return tool;
  log("harness ready", { version: tool.value.version });
  const deps = { ...beginning, tool: tool.value, sandbox: beginning.ready.sandboxFor([tool.value.folder]) };
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!git.ok) return git;
  log("fetched");
  return workOn(deps, git.value, until);
}

async function workOn(deps: AttemptDeps, git: Git, until: number): Promise<Result<Outcome, Blocked>> {
  const { claim, claimedAt, workspace, log, stopping, inputs } = deps;
  const guide = await writeGuides(git, workspace, claim.checkout.base);

  deps.onPhase("setup");
  const setUp = await runSetup(deps, claim.commands.setup, { until, signal: stopping });
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!setUp.ok) return setUp;
  log("set up", { commands: claim.commands.setup.length });
  const checks = await findChecks({ ...deps, git }, claim);
  if (!checks.ok) return checks;
  const also = claim.agent?.verify ?? [];
  const known = await learnBaseline({ ...deps, git }, checks.value, also, { until, signal: stopping });
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!known.ok) return known;
  const control = await runControl(deps, known.value, { until, signal: stopping });
  if (stopping.aborted) return ok(toOutcome(deps, NOTHING_DONE));
  if (!control.ok) return control;

  const { auth, provider, wire, harness } = deps;
  const dummy = makeDummy(auth, provider);
  await using gateway = await startGateway({
    credential: makeCredential({
      auth, provider, key: inputs.key, identity: claim.identity, upstream: inputs.upstreams[provider], dispatcher: deps.dispatcher, idToken: deps.idToken, onKey: deps.onKey,
    }),
    dummy, auth, wire, model: claim.route.model,
    maxTokens: auth === "access-token" ? null : maxOutputTokens(claim.budget), repeatsRefusals: harness.repeatsRefusals, budgetMicroUsd: claim.budget.microUsd,
    price: claim.budget.price, deadline: claimedAt + claim.deadlineMs, stopping, dispatcher: deps.dispatcher,
  }); // prettier-ignore
  const worked = await work(deps, git, gateway, known.value, { dummy, guide, until });
  if (!worked.ok) return worked;
  deps.onPhase("report", gateway);
  const trees = { base: claim.checkout.base, tree: worked.value.tree };
  const changes = await readChanges(git, workspace, trees, claim.limits);
  if (!changes.ok) return changes;
  log("change read", { files: changes.value.length });
  const mayMove = isCredentialFault(worked.value.ending.kind) && !stopping.aborted;
  const session = mayMove ? await saveSession(deps, harness, worked.value.session, { until, signal: stopping }) : undefined;
  const facts = { ...worked.value, ...gateway.facts(), checks: known.value.checks, changes: changes.value };
  return ok({ ...toOutcome(deps, facts), ...control.value, ...(session === undefined ? {} : { session }) });
}

/**
 * Of a trial: its tests on the untouched checkout. Where none fails that passed there before, they would pass whatever the model
 * did, so it is not asked. Errors: nothingToProve, setupFailed, changesUnreadable.
 */
async function runControl(deps: AttemptDeps, known: Known, limits: Limits): Promise<Result<Pick<Ran, "control">, Blocked>> {
  if (deps.claim.overlay === undefined) return ok({});
  if (known.checks.commands.length === 0)
    return err(
      blocked("nothingToProve", "The checkout shows no check that can be run in the job, so nothing could judge the work."),
    );
  deps.onPhase("verify");
  const ran = await verifyChange(deps, [], known, limits);
  if (!ran.ok) return ran;
  const { results, failure } = ran.value;
  deps.log("ran the trial's tests before the work", { failed: failure !== undefined });
  if (failure === undefined) return err(blocked("nothingToProve", "The tests of the merge pass without its change."));
  return couldNotStart(failure.exitCode)
    ? err(blocked("setupFailed", `The check \`${cut(failure.command, 200)}\` can't be started with the tests of the merge.`))
    : ok({ control: results });
}

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
