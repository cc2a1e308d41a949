import { TaskId, type ActorId, type DeliveryId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { isBaseMerge } from "#core/plan/base-update.ts";
import { toTell, isTold, type Discussion, type Told } from "#core/plan/told.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/request/brief.ts";
import { mayWrite, roleOf } from "#core/request/role.ts";
import { FOLLOW_UPS, followUpBrief, type Asking } from "#core/task/follow-up.ts";
import type { GitHub, GitHubFailure, Head } from "#ports/github.ts";
import type { TaskRow } from "#ports/store.ts";
import type { Deps, Triggered } from "./deps.ts";
import { mayAsk } from "./request.ts";

/**
 * Goes on with a pull request of ours: a new task in its place, from its head as it stands. `task`: the last one that has put a commit
 * there. Whoever may not start work starts none, and is told so only where they have said it. The same delivery twice opens one.
 */
export async function followUp(
  deps: Deps,
  task: TaskRow,
  pull: number,
  asking: Asking,
  delivery: DeliveryId,
): Promise<Triggered> {
  const { store, github, runtime } = deps;
  const place = { ...task.brief, installation: asking.installation };
  const head = await github.readHead(place, pull);
  if (!head.ok) return { failed: head.error };
  const brief = followUpBrief(task, { number: pull, ...head.value }, asking);
  const isCommand = asking.why === "asked";
  const may = await mayAsk(github, brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) {
    if (isCommand) await store.notice(brief, may.value, true);
    return { note: "the actor may not start work" };
  }
  const answered = isCommand ? { followed: false } : {};
  if (!isOurs(head.value)) return { note: "its pull request is closed, or another's", ...answered };
  if (asking.head !== undefined && asking.head !== head.value.commit) return { note: "its pull request has moved on" };
  const opened = await store.openFollowUp(TaskId(runtime.newId()), brief, delivery);
  if (opened === "opened" || opened === "known")
    return { note: "a follow-up was opened", ...(isCommand ? { followed: true } : {}) };
  const { login } = asking.requester;
  const failure: Failure =
    opened === "busy"
      ? { reason: "follow-up-under-way", login }
      : { reason: "follow-ups-used-up", bound: opened.bound, most: FOLLOW_UPS[opened.bound] };
  // CI that fails while something is done about it, or once that has come to nothing there, is no news.
  const isNews = asking.why !== "checks" || (opened !== "busy" && opened.bound !== "head");
  if (isNews) await store.notice(brief, failure, false);
  return { note: failure.reason, ...answered };
}

/** Open, and from a branch of the same repository. */
function isOurs({ isOpen, isOwn }: Head): boolean {
  return isOpen && isOwn;
}

/** What a follow-up begins from. */
export type Followed = Pick<Plan, "base" | "ci" | "baseUpdate"> & { readonly told: Told };

/**
 * The head as it stands, what is said of it by people who may write and by its checks, and how CI was held back before; or why there is nothing
 * to do. What CI began is about that commit and its checks alone: to what people say they ask for an answer, or the settings do.
 */
export async function readFollowed(
  { store, github }: Deps,
  { id, brief, baseMerge }: Pick<TaskRow, "id" | "brief" | "baseMerge">,
  { branch, task, words, why, checks: names, head: asked }: NonNullable<Brief["follows"]>,
): Promise<Result<Followed | Failure, GitHubFailure>> {
  const { requester, issue } = brief;
  const head = await github.readHead(brief, issue.number);
  if (!head.ok) return head;
  const { commit } = head.value;
  if (!isOurs(head.value) || head.value.branch !== branch) return ok({ reason: "pull-closed" });
  const stands = await github.readCommit(brief, commit);
  if (!stands.ok) return stands;
  // What it has merged itself is no news: it is about what that was put on.
  const { parents } = stands.value;
  const isMerged = baseMerge !== null && isBaseMerge(baseMerge, commit, parents);
  if (isMerged && baseMerge.merge === null) await store.keepBaseMerge(id, { ...baseMerge, merge: commit });
  const about = isMerged ? (parents[0] ?? commit) : commit;
  const isByCi = why === "checks";
  if (isByCi && about !== asked) return ok({ reason: "branch-moved", branch });
  const discussion = isByCi ? ok({ threads: [], reviews: [] }) : await github.readDiscussion(brief, issue.number);
  if (!discussion.ok) return discussion;
  const checks = await github.readFailedChecks(brief, about, names ?? null);
  if (!checks.ok) return checks;
  const trusted = await readTrusted(github, brief, discussion.value);
  if (!trusted.ok) return trusted;
  const until = brief.askedAt ?? (await store.now());
  const told = toTell({ words, by: requester }, discussion.value, checks.value, { trusted: trusted.value, until });
  if (!isTold(told)) return ok({ reason: "nothing-to-follow", login: isByCi ? null : requester.login });
  const before = (await store.readTask(task))?.plan;
  const merged = isMerged ? { baseUpdate: { branch: baseMerge.branch, merge: commit } } : {};
  return ok({ base: { branch, commit, tree: stands.value.tree }, ci: before?.ci ?? "approved", told, ...merged });
}

/** Of those who have said something there, who may write: what others say is no request. */
async function readTrusted(
  github: GitHub,
  brief: Brief,
  { threads, reviews }: Discussion,
): Promise<Result<ReadonlySet<ActorId>, GitHubFailure>> {
  const trusted = new Set<ActorId>();
  const said = [...reviews, ...threads.flatMap((thread) => thread.said)];
  const people = new Map(said.flatMap(({ by }) => (by === null ? [] : [[by.id, by]])));
  for (const person of people.values()) {
    const role = await github.readRole(brief, person.login);
    if (!role.ok) return role;
    if (mayWrite(roleOf(person, role.value))) trusted.add(person.id);
  }
  return ok(trusted);
}
