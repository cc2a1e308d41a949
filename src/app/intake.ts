import { z } from "zod";
import { ActorId, DeliveryId, InstallationId, OwnerId, RepositoryId, RunId } from "#core/wire/ids.ts";
import { revertedIn, type PullNews } from "#core/plan/fate.ts";
import { isOurBranch, parseRunTitle } from "#core/task/markers.ts";
import type { DeliveryEvent, ReviewNews } from "#ports/delivery.ts";
import type { Deps } from "./deps.ts";
import { readConfigChange } from "./intake-config.ts";
import {
  Account,
  Installation,
  Instant,
  isPolicyPublicized,
  readIssueEvent,
  readPlaceEvent,
  Repository,
} from "./intake-issues.ts";
import { isServed } from "./places.ts";

const RunEvent = z.object({
  action: z.literal("completed"),
  workflow_run: z.object({ id: z.number(), display_title: z.string(), conclusion: z.string().nullable() }),
  repository: Repository,
  installation: Installation,
});
const SuiteEvent = z.object({
  action: z.literal("completed"),
  check_suite: z.object({ head_branch: z.string().refine(isOurBranch), head_sha: z.string() }),
  repository: Repository,
  installation: Installation,
});

const COMMIT_ID = /^[0-9a-f]{40,64}$/;
const DefaultBranch = Repository.extend({ default_branch: z.string() });
const Pull = z.object({
  number: z.number(),
  user: z.object({ id: z.number(), type: z.string() }).nullable(),
  created_at: Instant,
  head: z.object({ ref: z.string() }),
});
const PullEvent = z.object({
  action: z.enum(["closed", "reopened"]),
  pull_request: Pull.extend({
    body: z.string().nullable(),
    base: z.object({ ref: z.string() }),
    updated_at: Instant,
    closed_at: Instant.nullable(),
    merged: z.boolean(),
    merge_commit_sha: z.string().regex(COMMIT_ID).nullable(),
  }),
  repository: DefaultBranch,
  installation: Installation,
  sender: Account,
});
const ReviewEvent = z.object({
  action: z.literal("submitted"),
  review: z.object({ state: z.literal("changes_requested"), commit_id: z.string().regex(COMMIT_ID), submitted_at: Instant }),
  pull_request: Pull,
  repository: Repository,
  installation: Installation,
  sender: Account.refine(({ type }) => type === "User"),
});
const HeadEvent = z.object({
  action: z.literal("synchronize"),
  pull_request: Pull,
  repository: Repository,
  sender: Account,
});
const ApprovalEvent = z.object({
  action: z.enum(["submitted", "dismissed"]),
  review: z.object({ state: z.enum(["approved", "dismissed"]) }),
  pull_request: Pull,
  repository: Repository,
});
const PushEvent = z.object({
  ref: z.string(),
  commits: z.array(z.object({ message: z.string() })),
  repository: DefaultBranch,
  installation: Installation,
});

/** The events that may concern us. What isn't here is never asked for anew where it was lost (sweep.ts). */
export const HEARD: readonly string[] = [
  "issues",
  "issue_comment",
  "repository",
  "installation",
  "installation_repositories",
  "workflow_run",
  "check_suite",
  "pull_request",
  "pull_request_review",
  "push",
];

/**
 * A webhook as it arrives → the event it is for us, or undefined: most are not ours. What we keep of a payload is what a
 * task needs, frozen here: later edits of the issue change nothing. Pure.
 */
export function readDelivery(name: string, payload: unknown): DeliveryEvent | undefined {
  if (!HEARD.includes(name)) return undefined;
  if (name === "issues" || name === "issue_comment") return readIssueEvent(name, payload);
  if (name === "repository" || name === "installation" || name === "installation_repositories")
    return readPlaceEvent(name, payload);
  if (name === "workflow_run") {
    const parsed = RunEvent.safeParse(payload);
    if (!parsed.success) return undefined;
    const { workflow_run: run, installation } = parsed.data;
    const lease = parseRunTitle(run.display_title);
    if (lease === undefined) return undefined;
    return {
      kind: "run-ended",
      installation: InstallationId(installation.id),
      lease,
      run: RunId(run.id),
      conclusion: run.conclusion ?? "unknown",
    };
  }
  if (name === "check_suite") {
    const parsed = SuiteEvent.safeParse(payload);
    if (!parsed.success) return undefined;
    const { check_suite: suite, repository, installation } = parsed.data;
    return {
      kind: "ci-ended",
      installation: InstallationId(installation.id),
      repository: RepositoryId(repository.id),
      commit: suite.head_sha,
    };
  }
  if (name === "pull_request") {
    const parsed = PullEvent.safeParse(payload);
    return parsed.success ? readPull(parsed.data) : readHead(payload);
  }
  if (name === "pull_request_review") {
    const parsed = ReviewEvent.safeParse(payload);
    if (!parsed.success) return readApproval(payload);
    const { review, pull_request: pull, repository, sender, installation } = parsed.data;
    const by = { id: ActorId(sender.id), login: sender.login };
    const asks = { by, at: review.submitted_at, installation: InstallationId(installation.id) };
    return toPullNews(pull, repository, { what: "changes-requested", commit: review.commit_id }, { review: asks });
  }
  if (name === "push") {
    const parsed = PushEvent.safeParse(payload);
    if (!parsed.success) return undefined;
    const { ref, commits, repository } = parsed.data;
    if (ref !== `refs/heads/${repository.default_branch}`) return undefined;
    // A commit's first line is its subject, which may be an issue's title.
    return toReverts(
      repository,
      commits.map(({ message }) => message.slice(message.indexOf("\n") + 1 || message.length)),
    );
  }
  return undefined;
}

/** How a pull request of ours ended or went on; or what one of somebody else's, once merged, takes back. */
function readPull({ action, pull_request: pull, repository, sender }: z.infer<typeof PullEvent>): DeliveryEvent | undefined {
  const { merged, merge_commit_sha: commit, closed_at: closedAt, base } = pull;
  if (!isOurBranch(pull.head.ref)) {
    const reverts = action === "closed" && merged && base.ref === repository.default_branch;
    return reverts ? toReverts(repository, [pull.body ?? ""]) : undefined;
  }
  // What we do with our own comes back as an event.
  if (sender.id === pull.user?.id) return undefined;
  if (action === "reopened") return toPullNews(pull, repository, { what: "reopened", at: pull.updated_at });
  if (closedAt === null) return undefined;
  // GitHub names a commit for one that was not merged, too: that of a trial merge.
  const by = sender.login;
  if (!merged) return toPullNews(pull, repository, { what: "closed", at: closedAt }, { by });
  return commit === null ? undefined : toPullNews(pull, repository, { what: "merged", at: closedAt, commit }, { by });
}

/** Whoever pushed to a pull request of ours is no second person to it; an App, ours or another, is nobody. */
function readHead(payload: unknown): DeliveryEvent | undefined {
  const parsed = HeadEvent.safeParse(payload);
  if (!parsed.success) return undefined;
  const { pull_request: pull, repository, sender } = parsed.data;
  return toPullNews(pull, repository, { what: "pushed", by: sender.type === "User" ? ActorId(sender.id) : null });
}

function readApproval(payload: unknown): DeliveryEvent | undefined {
  const parsed = ApprovalEvent.safeParse(payload);
  return parsed.success ? toPullNews(parsed.data.pull_request, parsed.data.repository, { what: "reviewed" }) : undefined;
}

/** Only of a pull request that an App has opened, from a branch named as ours are: which App, the store knows by its number. */
function toPullNews(
  pull: z.infer<typeof Pull>,
  repository: z.infer<typeof Repository>,
  news: PullNews | ReviewNews,
  more: Pick<Extract<DeliveryEvent, { kind: "pull-news" }>, "by" | "review"> = {},
): DeliveryEvent | undefined {
  const { number, user, head, created_at: openedAt } = pull;
  if (user?.type !== "Bot" || !isOurBranch(head.ref)) return undefined;
  return { kind: "pull-news", repository: RepositoryId(repository.id), number, branch: head.ref, openedAt, news, ...more };
}

/** Of one change; those that read thousands of commits by hand are nobody's. */
const MAX_REVERTED = 100;

function toReverts(repository: z.infer<typeof Repository>, texts: readonly string[]): DeliveryEvent | undefined {
  const name = `${repository.owner.login}/${repository.name}`;
  const reverted = [...new Set(texts.flatMap((text) => revertedIn(text, name)))].slice(0, MAX_REVERTED);
  return reverted.length === 0 ? undefined : { kind: "reverts", repository: RepositoryId(repository.id), reverted };
}

/**
 * Records a delivery that concerns us: one statement, after which GitHub is answered. One that changes a configuration file may be
 * two things, each with an id of its own.
 */
export async function intake(
  deps: Pick<Deps, "store" | "runtime">,
  allowedOwners: readonly string[],
  delivery: { id: string; name: string; payload: unknown },
): Promise<boolean> {
  const event = readDelivery(delivery.name, delivery.payload);
  const change = readConfigChange(delivery.name, delivery.payload);
  const publicized = isPolicyPublicized(delivery.name, delivery.payload);
  if (event === undefined && change === undefined && !publicized) return false;
  const owner = readOwner(delivery.payload);
  if (owner === undefined) return false;
  if (!isServed({ allowedOwners }, owner.login)) {
    deps.runtime.log.warn({ owner: owner.login }, "an owner outside ALLOWED_OWNERS has the App installed; its event is ignored");
    return false;
  }
  const record = async (id: string, found: DeliveryEvent): Promise<boolean> =>
    deps.store.recordDelivery({ id: DeliveryId(id), owner: OwnerId(owner.id), event: found });
  // Nothing becomes of it but that: there is no delivery to keep.
  if (publicized) await deps.store.lookAtReceipts(OwnerId(owner.id));
  const isNew = publicized || (event !== undefined && (await record(delivery.id, event)));
  return change === undefined ? isNew : (await record(change.id, change.event)) || isNew;
}

const Login = z.object({ id: z.number(), login: z.string() });
const OwnerOf = z.union([
  // Of a repository that has moved: its tasks are those of whom it belonged to.
  z.object({
    changes: z.object({
      owner: z.object({ from: z.union([z.object({ organization: Login }), z.object({ user: Login })]) }),
    }),
  }),
  z.object({ repository: z.object({ owner: Login }) }),
  z.object({ installation: z.object({ account: Login }) }),
]);

function readOwner(payload: unknown): { id: number; login: string } | undefined {
  const parsed = OwnerOf.safeParse(payload);
  if (!parsed.success) return undefined;
  if ("changes" in parsed.data) {
    const { from } = parsed.data.changes.owner;
    return "organization" in from ? from.organization : from.user;
  }
  return "repository" in parsed.data ? parsed.data.repository.owner : parsed.data.installation.account;
}
