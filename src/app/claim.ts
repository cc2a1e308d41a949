import { LEASE } from "#core/pool/lease.ts";
import { authOf } from "#core/config/credential.ts";
import { MAX_OUTCOME_BYTES, type Change, type Claim, type ClaimRequest, type Refusal } from "#core/wire/contract.ts";
import type { KNOWN } from "#core/wire/claimed-agent.ts";
import { RunId, type LeaseId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { checkChanges } from "#core/change/guards.ts";
import { alsoOf, ownOf, type Plan } from "#core/plan/plan.ts";
import { describeTold } from "#core/plan/told.ts";
import { issueOf } from "#core/request/brief.ts";
import { carriedOver } from "#core/task/carried-over.ts";
import { handOver, type EndedAttempt } from "#core/task/hand-over.ts";
import { failedChecks } from "#core/task/judge.ts";
import type { RunIdentity } from "#ports/runtime.ts";
import type { LeaseRow, TaskRow } from "#ports/store.ts";
import type { Deps } from "./deps.ts";

/** An answer to the job, by HTTP status. What is wrong is told apart in our log only: the caller may be anyone. */
export type Refused = { readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 503 } & Refusal;

export const IDENTITY_UNKNOWN: Refused = {
  status: 401,
  error: "the OIDC token is not valid here",
  fix: "check that `app-url` is the App's PUBLIC_URL",
};
const NOT_YOURS: Refused = {
  status: 403,
  error: "this token is not the dispatched run's",
  fix: "nothing to do: the job ends here",
};
const TAKEN: Refused = {
  status: 409,
  error: "this attempt is not waiting for a run",
  fix: "nothing to do: a re-run can't continue an attempt; label the issue again",
};
const TOO_OLD: Refused = {
  status: 409,
  error: "this Action doesn't know the harness of the attempt, no specialists, or no follow-ups",
  fix: "raise the commit in the workflow's `uses:` to the Action of the app's version",
};
/** GitHub is the one who doesn't answer. */
export const LATER: Refused = { status: 503, error: "GitHub can't be reached just now", fix: "try again in a few seconds" };

/**
 * The run shows who it is and gets its work. Every claim of its OIDC token is compared with what we dispatched;
 * nothing the caller says otherwise is used. Idempotent for the same run and check run until the first heartbeat.
 */
export async function claim(
  deps: Deps,
  leaseId: LeaseId,
  oidcToken: string,
  request: ClaimRequest,
): Promise<Result<Claim, Refused>> {
  const { store, github, runtime } = deps;
  const verified = await runtime.verifyIdentity(oidcToken);
  if (!verified.ok) {
    return err(verified.error === "unavailable" ? LATER : IDENTITY_UNKNOWN);
  }
  const identity = verified.value;
  const lease = await store.readLease(leaseId);
  // A lease that doesn't exist and one that is not this run's are answered alike.
  if (lease === undefined) return err(NOT_YOURS);
  const task = await store.readTask(lease.task);
  if (task?.plan == null) return err(NOT_YOURS);
  const bot = await github.readBot(task.brief);
  if (!bot.ok) return err(LATER);
  const mismatch = findMismatch(identity, lease, bot.value.id);
  if (mismatch !== undefined) {
    runtime.log.warn({ lease: leaseId, mismatch }, "a claim was refused");
    // All else is the dispatched run's, so this is news for its owner: said in the comment, not to the caller.
    if (mismatch === "refProtected" && lease.expected !== null) {
      await store.noteLease(lease.id, { why: "branch-not-protected", branch: lease.expected.ref.replace("refs/heads/", "") });
    }
    return err(NOT_YOURS);
  }
  if (lease.state !== "offered" && lease.state !== "held") return err(TAKEN);
  const { route, left, price } = lease.attempt;
  const { plan, brief } = task;
  const lacks = neededOf(plan).find((what) => !request.knows.includes(what));
  if (lacks !== undefined) {
    await store.noteLease(lease.id, { why: "action-too-old", harness: route.harness, lacks });
    return err(TOO_OLD);
  }
  if (!request.harnesses.includes(route.harness)) {
    await store.noteLease(lease.id, { why: "action-too-old", harness: route.harness });
    return err(TOO_OLD);
  }

  const run = RunId(Number(identity.runId));
  const { token, hash } = runtime.newRunToken();
  const keys = runtime.newKeyPair();
  const held = await store.claimLease(lease.id, run, identity.checkRunId, hash);
  if (held === undefined) return err(TAKEN);
  await store.keepSealing({ lease: lease.id, tokenHash: hash, keys });
  // Only for the one job that holds the lease; where GitHub can't be reached, that job claims again.
  const fetchToken = await github.mintFetchToken(task.brief);
  if (!fetchToken.ok) return err(LATER);
  runtime.log.info({ task: task.id, lease: lease.id, run }, "lease claimed");
  const own = ownOf(plan.commands.verify);
  return ok({
    contract: request.contract,
    runToken: token,
    deadlineMs: Math.max(0, held.deadlineInMs),
    heartbeatEveryMs: LEASE.heartbeatEveryMs,
    brief: {
      repository: `${brief.owner.login}/${brief.repository.name}`,
      issue: issueOf(brief),
      title: brief.issue.title,
      body: brief.issue.body,
    },
    checkout: { cloneUrl: github.cloneUrl(brief), base: plan.base.commit, token: fetchToken.value },
    route: {
      tier: route.tier,
      harness: route.harness,
      provider: route.provider,
      model: route.model,
      effort: route.effort,
      maxTurns: route.maxTurns,
    },
    auth: authOf(lease.kind),
    identity: lease.identity,
    budget: { microUsd: left, price },
    commands: { setup: [...plan.commands.setup], verify: typeof own === "string" ? own : [...own] },
    ...agentOf(plan),
    ...(plan.told === undefined
      ? {}
      : { followUp: { pull: brief.issue.number, text: describeTold(plan.told, brief.issue.number) } }),
    repairs: plan.repairs,
    limits: { maxFiles: plan.guards.maxFiles, maxBytes: Math.min(plan.guards.maxBytes, MAX_OUTCOME_BYTES) },
    outcomeKey: keys.publicKey,
    ...(await earlierWork(deps, lease, plan)),
    ...(await trialTests(deps, task)),
  });
}

/** What the Action must follow of a claim of this plan. */
function neededOf({ agent, told }: Plan): (typeof KNOWN)[number][] {
  return [...(agent === undefined ? [] : ["agents" as const]), ...(told === undefined ? [] : ["follow-ups" as const])];
}

/** What the job is told of the specialist that does it. */
function agentOf({ agent, guards, commands }: Plan): Pick<Claim, "agent"> {
  if (agent === undefined) return {};
  const { name, instructions } = agent;
  const only = guards.only?.paths;
  return {
    agent: {
      name,
      verify: [...alsoOf(commands.verify)],
      ...(instructions === null ? {} : { instructions: instructions.text }),
      ...(only === undefined ? {} : { paths: [...only] }),
    },
  };
}

/** Of a trial: what the job lays over the work to judge it. */
async function trialTests({ store }: Deps, { id, trial }: TaskRow): Promise<Pick<Claim, "overlay">> {
  if (trial === null) return {};
  const pull = await store.readTrialPull(trial.id, trial.pull);
  if (pull === undefined) throw new Error(`task ${id} is of a trial that has no such pull request`);
  return { overlay: [...pull.overlay] };
}

/**
 * What the last run had changed when a limit ended it, or its attempt, as far as it could be published (`carriedOver`): else it
 * begins anew. After another attempt, with what came of that, and without its conversation: that is another harness's or model's.
 */
async function earlierWork(
  { store }: Deps,
  lease: LeaseRow,
  plan: Plan,
): Promise<Pick<Claim, "resume" | "session" | "handOver">> {
  const runs = (await store.readLeases(lease.task)).filter(({ state }) => state === "settled");
  const last = runs.at(-1);
  if (last === undefined) return { resume: [] };
  const changes = await store.readChanges(last.id);
  const earlier = endedAttempts(runs, lease, plan);
  const told = (kept: readonly Change[]) => (earlier.length === 0 ? {} : { handOver: handOver(earlier, kept.length > 0) });
  if (last.attempt.id !== lease.attempt.id) {
    const resume = carriedOver(changes, plan, last.attempt.route.tier);
    return { resume: [...resume], ...told(resume) };
  }
  const checked = checkChanges(changes, plan.guards);
  // Without its changes a conversation would speak of files that aren't there.
  return checked.ok
    ? { resume: [...checked.value], ...told(checked.value), session: await store.readSession(last.id) }
    : { resume: [], ...told([]) };
}

/** The attempts before this lease's, by the run that ended each. */
function endedAttempts(runs: readonly LeaseRow[], { attempt: present }: LeaseRow, plan: Plan): readonly EndedAttempt[] {
  return runs.flatMap(({ attempt: { id, number, route, why }, report }, at) =>
    id === present.id || runs[at + 1]?.attempt.id === id
      ? []
      : [{ number, route, why, failed: report?.kind === "ran" ? failedChecks(plan.commands.verify, report) : [] }],
  );
}

/**
 * The first claim of the token that is not the dispatch's, or undefined. Names are compared nowhere but in `workflow_ref`,
 * and `sub` not at all: it has two formats since 2026-07-15. `ref_protected` is GitHub's own word that the branch the
 * workflow came from is protected; the App may not read branch protection (it has no administration permission).
 */
export function findMismatch(identity: RunIdentity, lease: LeaseRow, botId: number): keyof RunIdentity | undefined {
  const { expected } = lease;
  if (expected === null) return "runId";
  const wanted: Record<keyof Omit<RunIdentity, "runId" | "checkRunId">, string> = {
    repositoryId: String(expected.repositoryId),
    repositoryOwnerId: String(expected.ownerId),
    eventName: "workflow_dispatch",
    workflowRef: expected.workflowRef,
    ref: expected.ref,
    environment: lease.credential,
    actorId: String(botId),
    // A re-run by a person would be attempt 2: it may not continue what the first run left.
    runAttempt: "1",
    refProtected: "true",
  };
  // Unknown while the answer to our dispatch is missing: then the first such run binds it.
  if (lease.run !== null && identity.runId !== String(lease.run)) return "runId";
  for (const key of Object.keys(wanted) as (keyof typeof wanted)[]) if (identity[key] !== wanted[key]) return key;
  return undefined;
}
