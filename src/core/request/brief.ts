import type { ActorId, InstallationId, OwnerId, RepositoryId, TaskId } from "../wire/ids.ts";
import { MINUTE_MS, type EpochMs } from "../wire/units.ts";
import { cut, storable, stripInvisible } from "../wire/text.ts";
import { hiddenSpans, without } from "./hidden.ts";

/**
 * The request as it stood when it was made: title and body out of the webhook's own payload, cleaned, never read
 * again from GitHub. What remains is still hostile data; it is only data a reader of the issue could see.
 */
export type Brief = {
  readonly installation: InstallationId;
  readonly owner: { readonly id: OwnerId; readonly login: string };
  readonly repository: {
    readonly id: RepositoryId;
    readonly name: string;
    readonly private: boolean;
  };
  readonly issue: {
    readonly number: number;
    readonly title: string;
    readonly body: string;
    readonly labels: readonly string[];
  };
  /** Who wrote the issue: its text is theirs, whoever asked for the work. */
  readonly author: { readonly id: ActorId; readonly login: string };
  /** The event's `sender`: who asked. */
  readonly requester: Requester;
  /** The comment that asked, when it was a comment and not a label. */
  readonly comment: string | null;
  /** The label that asked, where it is a specialist's (label.ts). */
  readonly label?: string;
  /** By the label of standby, alone or beside that one. */
  readonly standby?: true;
  /** Who has approved what the requester may not have done alone. */
  readonly approval?: Requester;
  /** When it was asked for, by GitHub's clock. Absent from what was asked for before this was kept. */
  readonly askedAt?: EpochMs;
  /** It goes on with a pull request of ours, whose number is then the issue's here: there its comment stands. */
  readonly follows?: Follows;
};

/** What asks for a follow-up: a command, a review that requests changes, or CI that failed. */
export const FOLLOW_REASONS = ["asked", "review", "checks"] as const;
export type FollowReason = (typeof FOLLOW_REASONS)[number];

/** What a follow-up goes on from. `task`: the last one that has put a commit there; `issue`: the number of the one it is all for. */
export type Follows = {
  readonly task: TaskId;
  readonly issue: number;
  readonly branch: string;
  /** The head when it was asked for, by which follow-ups are counted. */
  readonly head: string;
  readonly why: FollowReason;
  /** What the command says beside itself. */
  readonly words: string | null;
  /** Where CI began it: the checks that it is about, as a follow-up is told their names. */
  readonly checks?: readonly string[];
};

/** The issue that a request is for, a follow-up's too. Pure. */
export function issueOf({ issue, follows }: Pick<Brief, "issue" | "follows">): number {
  return follows?.issue ?? issue.number;
}

/** The last edit of an issue's text. `editor`: null where GitHub names no person: a deleted account, an App. */
export type Edit = { readonly at: EpochMs; readonly editor: Requester | null };

/** An edit that somebody who reads the issue and then asks for it may not have seen. */
const UNSEEN_MS = 10 * MINUTE_MS;

/**
 * Whether another than the requester may have put words into the request that the requester didn't read. So is every edit since,
 * which may hide one from before. Pure.
 */
export function mayBeUnseen({ at, editor }: Edit, { requester, askedAt }: Brief, now: EpochMs): boolean {
  return editor?.id !== requester.id && at >= (askedAt ?? now) - UNSEEN_MS;
}

export type Requester = { readonly id: ActorId; readonly login: string };

/** The largest body kept, in characters. GitHub's own limit for an issue is 65,536. */
const MAX_BODY = 65_536;

/** An honest text is clean after one; a text that nests what is hidden in what is hidden takes one for each level. */
const MAX_PASSES = 3;

/**
 * Removes what a reader of the rendered issue can't see but a model would read (`hiddenSpans`), zero-width, bidirectional
 * and tag characters, and control characters. What is in code is shown to a reader and stays as it is. Source: the
 * instruction-smuggling incidents of 2026 (issue text hidden in comments and invisible Unicode, later obeyed by an agent).
 *
 * Linear in the text's length: 64 kB of any kind take tens of milliseconds. Changes nothing the second time. Pure.
 */
export function cleanText(text: string): string {
  let after = stripInvisible(cut(storable(text).replace(/\r\n?/g, "\n"), MAX_BODY));
  // Again until nothing changes, so that removal can't assemble what it removes.
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const hidden = hiddenSpans(after).filter(({ from, to }) => to > from);
    if (hidden.length === 0) return after;
    after = without(after, hidden);
  }
  if (hiddenSpans(after).every(({ from, to }) => to <= from)) return after;
  // A text that goes on changing is an attack, and without these signs nothing in it is markup any more.
  return after.replace(/[<[\\`~]/g, "");
}
