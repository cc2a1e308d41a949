import { unreachable } from "../wire/result.ts";
import type { EpochMs } from "../wire/units.ts";

/** What GitHub has told of a pull request of ours so far. All times are GitHub's, which tells whole seconds. */
export type Fate = {
  readonly openedAt: EpochMs;
  /** Once merged, for ever: GitHub opens no merged pull request again. */
  readonly merged: Merged | null;
  /** The last time. */
  readonly closedAt: EpochMs | null;
  readonly reopenedAt: EpochMs | null;
  /** The commits on which people asked for changes, each once: however many of them did, it is one round. Sorted. */
  readonly rounds: readonly string[];
};
type Merged = { readonly at: EpochMs; readonly commit: string };

/** One event of a pull request's. */
export type PullNews =
  | { readonly what: "merged"; readonly at: EpochMs; readonly commit: string }
  | { readonly what: "closed"; readonly at: EpochMs }
  | { readonly what: "reopened"; readonly at: EpochMs }
  | { readonly what: "changes-requested"; readonly commit: string };

/**
 * What is known, with one more event. GitHub's events come late, twice and in any order: whatever the order, the same events
 * give the same. Pure.
 */
export function hear(before: Fate | null, openedAt: EpochMs, news: PullNews): Fate {
  const fate = before ?? { openedAt, merged: null, closedAt: null, reopenedAt: null, rounds: [] };
  switch (news.what) {
    case "merged":
      return { ...fate, merged: first(fate.merged, { at: news.at, commit: news.commit }) };
    case "closed":
      return { ...fate, closedAt: latest(fate.closedAt, news.at) };
    case "reopened":
      return { ...fate, reopenedAt: latest(fate.reopenedAt, news.at) };
    case "changes-requested":
      return { ...fate, rounds: [...new Set([...fate.rounds, news.commit])].toSorted() };
    default:
      return unreachable(news);
  }
}

export type PullEnd = "merged" | "closed" | "open";

/** Closed and opened again within one second counts as open: it has not ended as far as is known. Pure. */
export function endOf({ merged, closedAt, reopenedAt }: Fate): PullEnd {
  if (merged !== null) return "merged";
  return closedAt !== null && (reopenedAt === null || reopenedAt < closedAt) ? "closed" : "open";
}

function first(one: Merged | null, other: Merged): Merged {
  if (one === null) return other;
  return one.at < other.at || (one.at === other.at && one.commit <= other.commit) ? one : other;
}

function latest(one: EpochMs | null, other: EpochMs): EpochMs {
  return one === null || one < other ? other : one;
}

const PULL = /^Reverts (?:(?<repository>[\w.-]+\/[\w.-]+))?#(?<number>[1-9]\d{0,8})\s*$/gm;
const COMMIT = /^This reverts commit (?<commit>[0-9a-f]{64}|[0-9a-f]{40})\b/gm;

/**
 * What a text says that it reverts, in `repository` (`owner/name`): pull requests as `#12`, commits by their full id. GitHub's Revert button
 * writes `Reverts owner/name#12` into the pull request it opens (docs, "Reverting a pull request", which
 * don't quote it; so in public repositories, 2026-11), git `This reverts commit <id>` into
 * a commit's message. Each on a line of its own: what our own pull requests quote of a model has a `>` before it. Pure.
 */
export function revertedIn(text: string, repository: string): readonly string[] {
  const pulls = [...text.matchAll(PULL)].filter(
    ({ groups }) => (groups?.["repository"] ?? repository).toLowerCase() === repository.toLowerCase(),
  );
  return [
    ...pulls.map(({ groups }) => `#${groups?.["number"] ?? ""}`),
    ...[...text.matchAll(COMMIT)].map(({ groups }) => groups?.["commit"] ?? ""),
  ];
}
