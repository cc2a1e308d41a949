import { TaskId, type DeliveryId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ok, unreachable, type Result } from "#core/wire/result.ts";
import type { Brief } from "#core/request/brief.ts";
import { isAskedBy, labelOfRequest } from "#core/request/label.ts";
import { mayWrite } from "#core/request/role.ts";
import { teamsOfRoles } from "#core/request/standing.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { resultOf, type Happening } from "#core/task/happening.ts";
import { isTerminal } from "#core/task/lifecycle.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { IssueAt } from "#ports/conversation.ts";
import type { Deps, Triggered } from "./deps.ts";
import { readPolicy } from "./policy.ts";
import { readDecider, readRequester, readStanding } from "./who-may.ts";

/** Something that is asked of an issue, by whom `brief` says, in the words that `asked` quotes. */
export type Request = {
  readonly happening: Exclude<Happening, "close">;
  readonly asked: string;
  /** An approval that names a route or a size as well. */
  readonly amends?: boolean;
  readonly brief: Brief;
  readonly delivery: DeliveryId;
};

export function issueAt({ owner, repository, issue }: Brief): IssueAt {
  return { owner: owner.id, repository: repository.id, issue: issue.number };
}

/**
 * What is asked of an issue, by the table of what that does where its newest task stands so (core/task/happening.ts). Who may not
 * start work gets one answer, on an issue where the app has said nothing yet, and takes nobody's place.
 */
export async function request(deps: Deps, { happening, asked, amends = false, brief, delivery }: Request): Promise<Triggered> {
  const { store, runtime } = deps;
  const stranger = await turnAway(deps, brief);
  if (stranger !== undefined) return stranger;
  const { requester } = brief;
  const { login } = requester;
  const newest = await store.findNewest(issueAt(brief));
  // Killed between doing it and writing that down: it is done.
  if (newest?.delivery === delivery) return { note: "a task was opened", followed: true };
  if (happening === "cancel" && brief.comment === null && newest !== undefined) {
    if (!isAskedBy(labelOfRequest(brief), newest.brief, newest.plan?.agent?.label))
      return { note: "its task was asked for by another label" };
  }
  const ending = newest !== undefined && newest.cancel !== null && !isTerminal(newest.state);
  if (ending && happening === "cancel") return { note: "its task ends already", followed: true };
  // What was asked for after it was cancelled waits until that has happened.
  if (ending) return { restMs: LISTING_LAG_MS };

  const refuse = async (failure: Failure): Promise<Triggered> => {
    await store.notice(brief, failure, false);
    return { note: failure.reason, followed: false };
  };
  const open = async (of: Brief): Promise<Triggered> => {
    const opened = await store.openTask(TaskId(runtime.newId()), of, delivery);
    // Another task was opened for it at this moment: what this does to that one is another row of the table.
    return opened === "busy" ? { restMs: LISTING_LAG_MS } : { note: "a task was opened", followed: true };
  };
  const result = resultOf(happening, newest?.state ?? "none", newest?.isPullClosed);
  switch (result) {
    case "open":
      return open(brief);
    case "again":
      return open(newest === undefined ? brief : asBefore(newest.brief, brief));
    case "renew":
    case "approve":
    case "stop": {
      if (newest === undefined) throw new Error("there is no task to do it to");
      const decider = await readDecider(deps, brief);
      if (!decider.ok) return { failed: decider.error };
      if ("reason" in decider.value) return refuse(decider.value);
      const { decides, policy } = decider.value;
      const isOwn = newest.brief.requester.id === requester.id;
      if (result === "approve" ? !decides : !decides && !isOwn) return refuse({ reason: "operators-decide", login, asked });
      if (result === "stop") {
        const why = happening === "cancel" && brief.comment === null ? "label" : "asked";
        const stopped = await store.stopTasks(issueAt(brief), { reason: "cancelled", why, login }, delivery);
        // It has gone on meanwhile: another row of the table.
        return stopped === 0 ? { restMs: LISTING_LAG_MS } : { note: "its task ends", followed: true };
      }
      if (result === "approve" && isOwn && policy.approve === "other") return refuse({ reason: "approval-of-another", login });
      // What is approved is what was asked for: the text as it stood then.
      const of =
        result === "renew" ? brief : { ...newest.brief, ...(amends ? { comment: brief.comment } : {}), approval: requester };
      const renewed = await store.renewTask(newest.id, of, delivery);
      return renewed ? { note: "its task is planned anew", followed: true } : refuse({ reason: "task-under-way", login });
    }
    case "under-way":
      // GitHub sends two events for an issue opened with its label; only who has written a command waits for an answer.
      if (brief.comment === null) return { note: "the issue has a task already" };
      return refuse({ reason: "task-under-way", login });
    case "no-task":
      return brief.comment === null ? { note: "the issue has no task" } : refuse({ reason: "no-task", login, asked });
    case "in-review":
      return refuse({ reason: "pull-open", login, pull: newest?.pullRequest?.number ?? 0 });
    case "late":
      return refuse({ reason: "task-late", login });
    case "nothing":
      return { note: "nothing to do" };
    default:
      return unreachable(result);
  }
}

/** The text that was asked for before, and the specialist, in the place and by the person of now. */
function asBefore({ issue, author, comment, label, standby }: Brief, now: Brief): Brief {
  const asked = { ...(label === undefined ? {} : { label }), ...(standby === undefined ? {} : { standby }) };
  return { ...now, issue: { ...issue, labels: now.issue.labels }, author, comment, ...asked };
}

/** Who may not start work learns that, where nothing has been said yet, and nothing of the policy. undefined: they may. */
export async function turnAway({ store, github }: Deps, brief: Brief): Promise<Triggered | undefined> {
  const may = await mayAsk(github, brief);
  if (!may.ok) return { failed: may.error };
  if (may.value === undefined) return undefined;
  await store.notice(brief, may.value, true);
  return { note: "the actor may not start work" };
}

/**
 * Whether a request is worth a task, whose plan decides. Who may write is let through without a further call; for anybody else the
 * policy is read, since its roles may name them. undefined = is.
 */
export async function mayAsk(github: GitHub, brief: Brief): Promise<Result<Failure | undefined, GitHubFailure>> {
  const role = await readRequester(github, brief);
  if (!role.ok) return role;
  if (mayWrite(role.value)) return ok(undefined);
  const { login } = brief.requester;
  const stranger: Failure = { reason: "actor-may-not-start", login, role: role.value?.name ?? "none" };
  if (role.value === undefined) return ok(stranger);
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const read = readPolicy(brief.owner, setUp.value.policy);
  // What is wrong with a policy is for those it may concern.
  if (!read.ok || read.value.policy.roles === undefined) return ok(stranger);
  const { policy } = read.value;
  const standing = await readStanding(github, brief, policy, role.value, teamsOfRoles(policy));
  if (!standing.ok) return standing.error.reason === "github-refused" ? ok(standing.error) : standing;
  return ok(standing.value.start ? undefined : standing.value.why);
}
