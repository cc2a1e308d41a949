import type { Failure } from "#core/wire/failure.ts";
import { TaskId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { EpochMs } from "#core/wire/units.ts";
import { parseConfig } from "#core/config/parse.ts";
import { CONFIG_FILE, POLICY_REPOSITORY, type Policy } from "#core/config/policy.ts";
import { DEFAULT_SETTINGS, Settings } from "#core/config/settings.ts";
import type { MayStart } from "#core/request/standing.ts";
import { asksApproval, mayDecide } from "#core/plan/approval.ts";
import { keptTo, reviewersOf, withChecksOf } from "#core/plan/agent.ts";
import { NO_CHECKS, WITH_CHECKS } from "#core/plan/belief.ts";
import type { Classified } from "#core/plan/classified.ts";
import { mergeSize } from "#core/plan/merge.ts";
import { leftToCi, type FullPlan, type Plan } from "#core/plan/plan.ts";
import { periodOf } from "#core/pool/windows.ts";
import { routeOf } from "#core/plan/route.ts";
import type { Signals } from "#core/plan/signals/signals.ts";
import { splitOf } from "#core/plan/split.ts";
import { sizeOf } from "#core/plan/size.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Override } from "#core/request/command.ts";
import { ASKING } from "#core/task/asking.ts";
import type { GitHub, GitHubFailure, SetUp } from "#ports/github.ts";
import type { ClaimedTask } from "#ports/store.ts";
import { readSpecialist, usedBy, type Specialist } from "./agent.ts";
import { classify } from "./classify.ts";
import type { Deps, Next } from "./deps.ts";
import { readFollowed, type Followed } from "./follow-up.ts";
import { knownOf, readLedger, type Ledger } from "./known.ts";
import { minutePrice, readPolicy, unholdable, type ReadPolicy } from "./policy.ts";
import { readSignals } from "./signals.ts";
import { updateFromBase } from "./update-from-base.ts";
import { isTrustedAuthor, readRequester, readStanding, readUnseenEdit } from "./who-may.ts";

/**
 * planning → queued: who may, the configuration as it stands, size, route, budget; or asking, where a person may let it pass; or
 * refused, saying why.
 */
export async function plan(deps: Deps, task: ClaimedTask): Promise<Next> {
  const { store, runtime } = deps;
  const prepared = await prepare(deps, task);
  if (!prepared.ok) return { failed: prepared.error };
  if ("reason" in prepared.value) return refuse(prepared.value);
  const { makeOf, mayStart, readAt } = prepared.value;
  // By the rules first: what they refuse, the classifier is not asked about and can't let pass.
  const ruled = makeOf(null);
  if (!ruled.ok) return refuse(ruled.error);
  const usedUp = await tasksUsedUp(store, task, mayStart, readAt);
  if (usedUp !== undefined) return refuse(usedUp);
  const updated = await updateFromBase(deps, task, ruled.value);
  if (!updated.ok) return { failed: updated.error };
  // Last of all that may fail, so that no step tried again pays for a second answer.
  const made = makeOf(await classify(deps, task, ruled.value));
  if (!made.ok) return refuse(made.error);
  const { size, route } = made.value;
  runtime.log.info({ task: task.id, size, tier: route.tier, harness: route.harness, model: route.model }, "task planned");
  return { go: "plan", patch: { plan: { ...made.value, ...updated.value } } };
}

/** What a request would come to now, by the rules alone: nothing is kept or spent. */
export async function dryRun(deps: Deps, brief: Brief): Promise<Result<FullPlan | Failure, GitHubFailure>> {
  const prepared = await prepare(deps, { id: TaskId(deps.runtime.newId()), brief, baseMerge: null });
  if (!prepared.ok) return prepared;
  if ("reason" in prepared.value) return ok(prepared.value);
  const made = prepared.value.makeOf(null);
  return ok(made.ok ? made.value : made.error);
}

type Prepared = {
  readonly makeOf: (classified: Classified | null) => Result<FullPlan, Failure>;
  readonly mayStart: MayStart;
  readonly readAt: EpochMs;
};

/** All that a plan is made of: who asks, under which policy, with what is known. */
async function prepare(
  deps: Deps,
  task: Pick<ClaimedTask, "id" | "brief" | "baseMerge">,
): Promise<Result<Prepared | Failure, GitHubFailure>> {
  const { brief } = task;
  const { store, github } = deps;
  const role = await readRequester(github, brief);
  if (!role.ok) return role;
  const readAt = await store.now();
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const configured = configure(brief, setUp.value);
  if (!configured.ok) return ok(configured.error);
  const { text, commit, policy } = configured.value.read;
  await store.recordPolicy(brief.owner.id, { text, commit, readAt });
  const standing = await readStanding(github, brief, policy, role.value);
  if (!standing.ok) return standing;
  if (!standing.value.start) return ok(standing.value.why);
  const mayStart = await withApproval(github, brief, policy, standing.value);
  if (!mayStart.ok) return mayStart;
  const trusted = await isTrustedAuthor(github, brief, role.value);
  if (!trusted.ok) return trusted;
  const specialist = await readSpecialist(github, brief, policy, configured.value.base);
  if (!specialist.ok) return specialist;
  if (specialist.value !== undefined && "reason" in specialist.value) return ok(specialist.value);
  const { value: by } = specialist;
  const { follows } = brief;
  const followed = follows === undefined ? ok(undefined) : await readFollowed(deps, task, follows);
  if (!followed.ok) return followed;
  if (followed.value !== undefined && "reason" in followed.value) return ok(followed.value);
  const from = followed.value;
  const base = from?.base ?? configured.value.base;
  const { signals, edit } = await readSignals(deps, brief, base);
  // A follow-up's text was let pass when it was first worked on, and is none other.
  if (mayStart.value.approved !== true && from === undefined) {
    // Where its author may write, so may whoever edits it: nothing is to be looked for there.
    if (!edit.ok && !trusted.value) return edit;
    const unseen = await readUnseenEdit(github, brief, edit.ok ? edit.value : null, readAt);
    if (!unseen.ok) return unseen;
    if (unseen.value !== undefined) return ok(unseen.value);
  }
  const ledger = await readLedger(store, task, policy);
  const makeOf = (classified: Classified | null) =>
    goingOn(
      makePlan(brief, { ...configured.value, base }, trusted.value, mayStart.value, ledger, { signals, classified, by }),
      from,
    );
  return ok({ makeOf, mayStart: mayStart.value, readAt });
}

/** CI stays held back where it was, whoever asks. */
function goingOn(made: Result<FullPlan, Failure>, from: Followed | undefined): Result<FullPlan, Failure> {
  if (!made.ok || from === undefined) return made;
  const { base: _base, ci, ...followed } = from;
  return ok({ ...made.value, ...followed, ci: ci === "approved" ? ci : made.value.ci });
}

/** What a person may do once somebody who decides has let it pass: as much as that one, if they decide still. */
async function withApproval(
  github: GitHub,
  brief: Brief,
  policy: Policy,
  own: MayStart,
): Promise<Result<MayStart & { readonly approved?: true }, GitHubFailure>> {
  const { approval } = brief;
  if (approval === undefined) return ok(own);
  const asApprover = { ...brief, requester: approval };
  const role = await readRequester(github, asApprover);
  if (!role.ok) return role;
  const standing = await readStanding(github, asApprover, policy, role.value);
  if (!standing.ok) return standing;
  if (!mayDecide(policy, standing.value)) return ok(own);
  return ok({ ...own, tiers: standing.value.tiers, tasksPerDay: null, approved: true });
}

/** A refusal for its size says how the issue could be split. */
function withParts(failure: Failure, brief: Brief): Failure {
  if (failure.reason !== "too-big" && failure.reason !== "not-worth-it") return failure;
  const parts = splitOf(brief);
  return parts.length === 0 ? failure : { ...failure, parts };
}

/** The day's tasks of a person, all repositories of the owner together. What was planned before has its place already. */
async function tasksUsedUp(
  store: Deps["store"],
  { id, plan: before, brief }: ClaimedTask,
  { tasksPerDay }: MayStart,
  now: EpochMs,
): Promise<Failure | undefined> {
  if (tasksPerDay === null || before !== null) return undefined;
  const { start, end } = periodOf("day", now);
  const { requester, owner } = brief;
  const planned = await store.countPlanned(id, owner.id, requester.id, start);
  if (planned < tasksPerDay) return undefined;
  return { reason: "tasks-used-up", login: requester.login, tasks: tasksPerDay, opensAt: end };
}

/** An operator's word that a request is urgent; anyone else's says nothing. */
const URGENT_LABEL = "agent-urgent";

function refuse(failure: Failure): Next {
  return asksApproval(failure)
    ? { go: "ask", patch: { failure, dueInMs: ASKING.remindMs } }
    : { go: "refuse", patch: { failure } };
}

/** `by`: the specialist. */
type Known = { readonly signals: Signals; readonly classified: Classified | null; readonly by?: Specialist | undefined };

export type Configured = {
  readonly read: ReadPolicy;
  readonly settings: Settings;
  readonly base: NonNullable<SetUp["base"]>;
};

/** Both files → one effective configuration. A broken or missing one refuses work; none falls back to looser rules. */
export function configure(brief: Pick<Brief, "owner" | "repository">, setUp: SetUp): Result<Configured, Failure> {
  const { login } = brief.owner;
  const read = readPolicy(brief.owner, setUp.policy);
  if (!read.ok) return read;
  const repository = `${login}/${brief.repository.name}`;
  const reserved = [read.value.policy.runner.repository, `${login}/${POLICY_REPOSITORY}`].map((name) => name.toLowerCase());
  if (reserved.includes(repository.toLowerCase())) return err({ reason: "repository-reserved", repository });
  if (setUp.base === null) return err({ reason: "base-unreadable", repository });
  if (setUp.settings === "unreadable") return err({ reason: "policy-unreadable", repository, file: CONFIG_FILE });
  const settings =
    setUp.settings === "missing"
      ? ok(DEFAULT_SETTINGS)
      : parseConfig(`${repository}: ${CONFIG_FILE}`, setUp.settings.text, Settings);
  if (!settings.ok) return settings;
  return ok({ read: read.value, settings: settings.value, base: setUp.base });
}

/**
 * Pure: the request and the configuration give the plan, or the reason why there is none. `classified`: null by the rules
 * alone, where nobody was asked or need know.
 */
export function makePlan(
  brief: Brief,
  { read, settings, base }: Configured,
  trustedAuthor: boolean,
  { tiers, team, operator, approved }: Pick<MayStart, "tiers" | "team" | "operator"> & { readonly approved?: true },
  ledger: Ledger,
  { signals, classified, by }: Known,
): Result<FullPlan, Failure> {
  const { policy } = read;
  const used = usedBy(brief, policy);
  if (!used.ok) return used;
  let use: Override = used.value;
  const rules = sizeOf(brief, signals, use.size);
  const estimate = classified === null ? rules : mergeSize(rules, classified);
  if (approved === true) use = { ...use, approved };
  else if (policy.approve === "other") {
    // Nobody's own word lets pass what waits for another's: neither an approval nor a size or tier that asks no more.
    const { approved: _own, ...rest } = use;
    use = rest;
    if (policy.routing.start[sizeOf(brief, signals).size] === "ask") return err(withParts({ reason: "too-big" }, brief));
  } else if (use.approved === true && policy.roles !== undefined && !operator)
    return err({ reason: "approval-of-an-operator", login: brief.requester.login });
  const verify = withChecksOf(by?.agent, settings.verify ?? "detect");
  // On standby only what has paid already serves.
  const pooled = brief.standby === true ? { ...policy, pool: policy.pool.filter(({ kind }) => kind === "seat") } : policy;
  if (pooled.pool.length === 0) return err({ reason: "never-fits", why: "no-seat" });
  const routed = routeOf(
    {
      policy: pooled,
      estimate,
      use,
      allowed: { login: brief.requester.login, tiers },
      agent: by?.agent,
      labels: brief.issue.labels,
      // What isn't in the tree is meant as well, folders and files to come: a floor is not to be missed for it.
      paths: [...signals.files.map(({ path }) => path), ...signals.named],
    },
    {
      ...knownOf(ledger, brief.repository.id, policy),
      checking: leftToCi(verify) ? NO_CHECKS : WITH_CHECKS,
    },
  );
  if (!routed.ok) return err(withParts(routed.error, brief));
  const { first, ladder, reasons } = routed.value;
  const { route, price } = first.option;
  const tooSmall = unholdable(pooled, route.provider, ladder.budget);
  if (tooSmall !== undefined) return err(tooSmall);
  return ok({
    size: estimate.size,
    confidence: estimate.confidence,
    sizeReasons: estimate.reasons,
    route,
    routeReasons: reasons,
    chance: first.chance,
    expected: first.expected,
    budget: first.cap,
    // Only what some budget can hold: another would wait for ever once it is its turn.
    ladder: {
      ...ladder,
      options: ladder.options.filter((option) => unholdable(pooled, option.route.provider, ladder.budget) === undefined),
    },
    floors: policy.routing.floors.filter(({ paths }) => paths !== undefined),
    isDefaultBudget: policy.task.budget === undefined,
    moves: policy.task.moves,
    price,
    base,
    runner: { repository: policy.runner.repository, workflow: policy.runner.workflow, minute: minutePrice(policy) },
    policyCommit: read.commit,
    asker: {
      team,
      person: brief.requester.id,
      login: brief.requester.login,
      urgent: operator && brief.issue.labels.some((label) => label.toLowerCase() === URGENT_LABEL),
      repository: { id: brief.repository.id, name: brief.repository.name },
      ...(brief.standby === true ? { standby: true } : {}),
    },
    commands: { setup: settings.setup, verify },
    repairs: settings.repairs,
    guards: { ...guardsOf(settings, policy), ...keptTo(by?.agent) },
    draft: settings.draft,
    // CI on the branch runs what a model made of this text, with the repository's secrets: not for a stranger's text.
    ...(settings["second-person"] === undefined ? {} : { secondPerson: settings["second-person"] }),
    ci: settings.ci ?? (brief.repository.private && trustedAuthor ? "auto" : "approved"),
    ...(by === undefined ? {} : { agent: by.planned }),
    ...reviewersOf(by?.agent, settings.reviewers),
  });
}

/** What any specialist is told is changed by people alone: it would tell the next task's agent. */
export function guardsOf({ guards }: Settings, { agents }: Policy): Plan["guards"] {
  const limits = { maxFiles: guards["max-files"], maxBytes: guards["max-kb"] * 1024 };
  const instructions = Object.values(agents).flatMap(({ instructions: path }) => (path === undefined ? [] : [`/${path}`]));
  const asks = guards["on-protected"] === "ask" && guards.protected.length > 0;
  return {
    ...limits,
    protected: [...new Set([...(asks ? [] : guards.protected), ...instructions])],
    ...(asks ? { asking: guards.protected } : {}),
  };
}
