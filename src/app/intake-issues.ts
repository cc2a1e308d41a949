import { z } from "zod";
import { ActorId, InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Cancelled } from "#core/wire/failure.ts";
import { POLICY_REPOSITORY } from "#core/config/policy.ts";
import { cleanText, type Brief } from "#core/request/brief.ts";
import { addedCommands, commandLines, NOTHING_NAMED, parseCommand } from "#core/request/command.ts";
import { askedBy, asksForWork } from "#core/request/label.ts";
import { isReceiptsIssue } from "#core/task/markers.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";

export const Account = z.object({
  id: z.number(),
  login: z.string(),
  type: z.enum(["User", "Bot", "Organization"]).catch("Bot"),
});
export const Repository = z.object({
  id: z.number(),
  name: z.string(),
  private: z.boolean(),
  archived: z.boolean().optional(),
  owner: z.object({ id: z.number(), login: z.string() }),
});
export const Installation = z.object({ id: z.number() });

export const Instant = z.iso.datetime({ offset: true }).transform((text) => EpochMs(Date.parse(text)));

const Issue = z.object({
  number: z.number(),
  title: z.string(),
  user: z.object({ id: z.number(), login: z.string(), type: z.string().optional() }).nullable(),
  body: z.string().nullable(),
  state: z.string().optional(),
  labels: z.array(z.object({ name: z.string() })).optional(),
  pull_request: z.unknown().optional(),
  updated_at: Instant,
});
const About = { issue: Issue, repository: Repository, installation: Installation, sender: Account };
const IssueEvent = z.object({ ...About, action: z.string(), label: z.object({ name: z.string() }).optional() });
const CommentEvent = z.object({
  ...About,
  action: z.enum(["created", "edited"]),
  comment: z.object({ id: z.number(), body: z.string(), user: z.object({ id: z.number() }).nullable(), updated_at: Instant }),
  changes: z.object({ body: z.object({ from: z.string() }) }).optional(),
});

/** What is asked of an issue, or happens to it. Pure. */
export function readIssueEvent(name: "issues" | "issue_comment", payload: unknown): DeliveryEvent | undefined {
  return name === "issues" ? readIssue(payload) : readComment(payload);
}

function readIssue(payload: unknown): DeliveryEvent | undefined {
  const parsed = IssueEvent.safeParse(payload);
  if (!parsed.success) return undefined;
  const event = parsed.data;
  const over = ENDS[event.action];
  if (over !== undefined && !isOnPull(event)) {
    const { sender, repository, issue } = event;
    return { kind: "stopped", repositories: [RepositoryId(repository.id)], issue: issue.number, why: over, login: sender.login };
  }
  if (!isOpen(event) || isOnPull(event) || isForReceipts(event)) return undefined;
  const { action, label } = event;
  // Of an issue opened with several, the first specialist's counts: who opens it has set them all at once.
  const set = action === "opened" ? labelsOf(event).filter(asksForWork) : [label?.name ?? ""].filter(asksForWork);
  if (set.length === 0) return undefined;
  const beside = action === "unlabeled" ? [] : labelsOf(event);
  const brief = { ...briefOf(event, event.issue.updated_at), ...askedBy(set, beside) };
  if (action === "unlabeled") return { kind: "unlabeled", brief };
  return action === "labeled" || action === "opened" ? { kind: "request", brief } : undefined;
}

/** By what happens to an issue, whoever did it, nothing is wanted of it any more. */
const ENDS: Readonly<Record<string, Cancelled>> = { closed: "closed", transferred: "transferred", deleted: "deleted" };

function readComment(payload: unknown): DeliveryEvent | undefined {
  const parsed = CommentEvent.safeParse(payload);
  if (!parsed.success || !isOpen(parsed.data)) return undefined;
  const { action, comment, sender, changes } = parsed.data;
  // Most comments are about something else: only what may command is cleaned.
  if (!/\/agent/i.test(comment.body)) return undefined;
  // A moderator's edit is not its author's word.
  if (action === "edited" && (changes?.body === undefined || comment.user?.id !== sender.id)) return undefined;
  // Looked at as it was cleaned: a command nobody can see commands nothing.
  const said = cleanText(comment.body);
  const commands = action === "created" ? commandLines(said) : addedCommands(said, cleanText(changes?.body.from ?? ""));
  if (commands.length === 0) return undefined;
  if (isForReceipts(parsed.data) && !startsNothing(commands)) return undefined;
  const brief = briefOf(parsed.data, comment.updated_at, action === "created" ? said : commands.join("\n"));
  const asked = { kind: "request", brief, comment: comment.id } as const;
  return isOnPull(parsed.data) ? { ...asked, pull: { askedAt: comment.updated_at } } : asked;
}

type Event = Pick<z.infer<typeof IssueEvent>, keyof typeof About>;

/** GitHub tells of pull requests' comments and labels as of issues'. */
function isOnPull({ issue }: Event): boolean {
  return issue.pull_request !== undefined;
}

/** Asked by a person, on what is open. Bots and Apps never start work: ours included, whose own comments and labels come back as events. */
function isOpen({ issue, repository, sender }: Event): boolean {
  return sender.type === "User" && issue.state !== "closed" && repository.archived !== true;
}

/** The app's own issue, where lenders have their receipts (receipts.ts): nobody's request, whoever labels it. */
function isForReceipts({ issue }: Event): boolean {
  return isReceiptsIssue({ isByBot: issue.user?.type === "Bot", body: issue.body });
}

/** What a receipt names: a seat is lent or taken back there, the pool paused or resumed. */
const ON_RECEIPTS = ["lend", "unlend", "pause", "resume"];
function startsNothing(commands: readonly string[]): boolean {
  const command = parseCommand(commands.join("\n"), NOTHING_NAMED);
  return command?.ok === true && ON_RECEIPTS.includes(command.value.kind);
}

function labelsOf({ issue }: Event): readonly string[] {
  return (issue.labels ?? []).map((label) => label.name);
}

/** A deleted account has become GitHub's "ghost", who has no role anywhere. */
export const GHOST = { id: ActorId(0), login: "ghost" };

function briefOf(event: Event, askedAt: EpochMs, comment: string | null = null): Brief {
  const { issue, repository, installation, sender } = event;
  return {
    installation: InstallationId(installation.id),
    owner: { id: OwnerId(repository.owner.id), login: repository.owner.login },
    repository: {
      id: RepositoryId(repository.id),
      name: repository.name,
      private: repository.private,
    },
    issue: { number: issue.number, title: cleanText(issue.title), body: cleanText(issue.body ?? ""), labels: labelsOf(event) },
    author: issue.user === null ? GHOST : { id: ActorId(issue.user.id), login: issue.user.login },
    requester: { id: ActorId(sender.id), login: sender.login },
    comment,
    askedAt,
  };
}

const RepositoryEvent = z.object({ action: z.string(), repository: Repository, sender: Account });
const InstallationEvent = z.object({
  action: z.enum(["suspend", "deleted"]),
  sender: Account,
});
const RepositoriesEvent = z.object({
  action: z.literal("removed"),
  repositories_removed: z.array(z.object({ id: z.number() })),
  sender: Account,
});

/** What happens to a repository, or to the App's installation, as it concerns the tasks there. Pure. */
export function readPlaceEvent(name: string, payload: unknown): DeliveryEvent | undefined {
  if (name === "repository") {
    const parsed = RepositoryEvent.safeParse(payload);
    if (!parsed.success) return undefined;
    const { action, repository, sender } = parsed.data;
    const id = RepositoryId(repository.id);
    if (action === "renamed") return { kind: "renamed", repository: id, name: repository.name };
    const why = GONE[action];
    return why === undefined ? undefined : { kind: "stopped", repositories: [id], issue: null, why, login: sender.login };
  }
  if (name === "installation") {
    const parsed = InstallationEvent.safeParse(payload);
    if (!parsed.success) return undefined;
    return { kind: "stopped", repositories: null, issue: null, why: "uninstalled", login: parsed.data.sender.login };
  }
  const parsed = RepositoriesEvent.safeParse(payload);
  if (!parsed.success) return undefined;
  const repositories = parsed.data.repositories_removed.map(({ id }) => RepositoryId(id));
  return { kind: "stopped", repositories, issue: null, why: "uninstalled", login: parsed.data.sender.login };
}

/** Whether the owner's policy repository is from now on read by all the world, and what stands in its issues with it. Pure. */
export function isPolicyPublicized(name: string, payload: unknown): boolean {
  if (name !== "repository") return false;
  const parsed = RepositoryEvent.safeParse(payload);
  return parsed.success && parsed.data.action === "publicized" && parsed.data.repository.name === POLICY_REPOSITORY;
}

const GONE: Readonly<Record<string, Cancelled>> = { archived: "archived", transferred: "gone", deleted: "gone" };
