import type { DeliveryId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { issueOf, type Brief } from "#core/request/brief.ts";
import {
  askedIn,
  isForIssues,
  nearestPullForm,
  NOTHING_NAMED,
  parseCommand,
  PULL_FORMS,
  type Command,
} from "#core/request/command.ts";
import { mayWrite } from "#core/request/role.ts";
import { isTerminal } from "#core/task/lifecycle.ts";
import { ciMessage } from "#core/task/pull-request.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { TaskRow } from "#ports/store.ts";
import { follow } from "./commands.ts";
import type { Deps, Triggered } from "./deps.ts";
import { followUp } from "./follow-up.ts";
import { issueAt, turnAway } from "./request.ts";
import { readRequester } from "./who-may.ts";

/** A comment's command on a pull request of ours; on others nobody is answered. `askedAt`: by GitHub's clock. */
export async function followOnPull(deps: Deps, brief: Brief, askedAt: EpochMs, delivery: DeliveryId): Promise<Triggered> {
  const { owner, repository, issue } = brief;
  const task = await deps.store.findByPull({ owner: owner.id, repository: repository.id, pull: issue.number });
  if (task === undefined) return { note: "not a pull request of ours" };
  const command = parseCommand(brief.comment ?? "", NOTHING_NAMED);
  if (command === undefined) return { note: "no command" };
  if (command.ok && command.value.kind === "ci") return followCi(deps, brief, task, askedAt);
  if (command.ok && isAboutFollowUp(command.value, await deps.store.findNewest(issueAt(brief))))
    return follow(deps, brief, delivery);
  const words = command.ok ? wordsOf(command.value) : undefined;
  if (words !== undefined) {
    const { requester, installation } = brief;
    return followUp(deps, task, issue.number, { why: "asked", requester, words, askedAt, installation }, delivery);
  }

  const stranger = await turnAway(deps, brief);
  if (stranger !== undefined) return stranger;
  if (command.ok && command.value.kind === "help") {
    await deps.store.notice(brief, { answer: "help" }, false);
    return { note: "help", followed: true };
  }
  const asked = askedIn(brief.comment);
  const valid = PULL_FORMS.map((form) => `\`${form}\``).join(", ");
  await deps.store.notice(
    brief,
    command.ok || isForIssues(asked)
      ? { reason: "command-elsewhere", asked, on: "issue", number: issueOf(task.brief) }
      : { ...command.error, valid, nearest: nearestPullForm(asked) },
    false,
  );
  return { note: "no command for a pull request", followed: false };
}

/** What is asked beside what has been said already; undefined: nothing of the kind. `/agent` alone asks for what there is to do. */
function wordsOf(command: Command): string | undefined {
  if (command.kind === "fix") return command.words;
  return command.kind === "run" && Object.keys(command.use).length === 0 ? "" : undefined;
}

/** A follow-up is a task like others: what is said of one goes by the same table. */
function isAboutFollowUp(command: Command, newest: TaskRow | undefined): boolean {
  if (newest === undefined) return false;
  if (command.kind === "status" || command.kind === "why") return true;
  const isLive = !isTerminal(newest.state);
  return isLive && (command.kind === "cancel" || (command.kind === "run" && command.use.approved === true));
}

/** `/agent ci`: workflows run what a model wrote with the repository's secrets, so whoever may write there says so. */
async function followCi(deps: Deps, brief: Brief, task: TaskRow, askedAt: EpochMs): Promise<Triggered> {
  const { store, github } = deps;
  const { login } = brief.requester;
  const role = await readRequester(github, brief);
  if (!role.ok) return { failed: role.error };
  if (!mayWrite(role.value)) {
    await store.notice(brief, { reason: "ci-needs-write", login, role: role.value?.name ?? "none" }, true);
    return { note: "the actor may not start CI" };
  }
  const pull = { owner: brief.owner.id, repository: brief.repository.id, pull: brief.issue.number };
  const started = await startCi(github, brief, task, { askedAt, merges: await store.readBaseMerges(pull) });
  if (!started.ok) {
    if (started.error.reason === "github-unavailable") return { failed: started.error };
    await store.notice(brief, started.error, false);
    return { note: started.error.reason, followed: false };
  }
  await store.keepCiCommit(task.id, started.value);
  await store.notice(brief, { answer: "ci-started", login }, false);
  return { note: "CI is started", followed: true };
}

/**
 * The commit on which CI runs: one of no change, on top of the one that holds it back, and only where that stood there for the
 * person to read: the webhook doesn't say, but GitHub dates both. Where one stands there already, by a try whose answer was
 * lost or a person's hand, it is that one. `merges`: of the base, by follow-ups that may have brought nothing more.
 */
async function startCi(
  github: GitHub,
  brief: Brief,
  { plan, commit, ciCommit }: TaskRow,
  { askedAt, merges }: { readonly askedAt: EpochMs; readonly merges: readonly string[] },
): Promise<Result<string, GitHubFailure | Failure>> {
  const { login } = brief.requester;
  const refuse = (reason: "ci-not-held" | "head-moved") => ({ ok: false, error: { reason, login } }) as const;
  if (commit === null || plan?.ci !== "approved") return refuse("ci-not-held");
  const head = await github.readHead(brief, brief.issue.number);
  if (!head.ok) return head;
  if (head.value.commit === ciCommit) return ok(ciCommit);
  const stands = await github.readCommit(brief, head.value.commit);
  if (!stands.ok) return stands;
  const { tree, parents, at } = stands.value;
  const isOurs = (one: string | undefined): one is string => one !== undefined && (one === commit || merges.includes(one));
  if (!isOurs(head.value.commit)) {
    const [parent, ...others] = parents;
    if (others.length > 0 || !isOurs(parent)) return refuse("head-moved");
    const ours = await github.readCommit(brief, parent);
    if (!ours.ok) return ours;
    return ours.value.tree === tree ? ok(head.value.commit) : refuse("head-moved");
  }
  if (at > askedAt) return refuse("head-moved");
  const made = await github.createCommit(brief, {
    message: ciMessage(brief),
    parent: head.value.commit,
    baseTree: tree,
    changes: [],
  });
  if (!made.ok) return made;
  const moved = await github.updateBranch(brief, head.value.branch, made.value);
  if (moved.ok) return made;
  const isOvertaken = moved.error.reason === "github-refused" && moved.error.status === 422;
  return isOvertaken ? refuse("head-moved") : moved;
}
