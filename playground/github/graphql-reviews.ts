import { commitsBetween } from "./git-diff.ts";
import { readCommit } from "./git-repository.ts";
import { protectionOf, rulesOf } from "./protection.ts";
import type { ReviewThread } from "./review-threads.ts";
import { isPull, type PullIssue } from "./shapes/pull.ts";
import { atLeast } from "./rank.ts";
import { iso, nowOf, roleOf, type Account, type GitHub, type Repository, type Review } from "./state.ts";

type Node = Readonly<Record<string, unknown>>;
type Page = { readonly first?: number };

/** `pullRequest` of a repository, as far as its reviews go; null where there is none of that number. */
export function toReviewedPull(github: GitHub, repository: Repository, number: number): Node | null {
  const issue = repository.issues.get(number);
  if (!isPull(issue)) return null;
  const { headSha, baseSha, merged } = issue.pull;
  return {
    state: merged !== null ? "MERGED" : issue.state === "open" ? "OPEN" : "CLOSED",
    headRefOid: headSha,
    reviewDecision: decisionOf(github, repository, issue),
    latestOpinionatedReviews: ({ first = 0, writersOnly = false }: Page & { readonly writersOnly?: boolean }) => ({
      nodes: latest(github, repository, issue, writersOnly).slice(0, first).map(toReviewNode),
    }),
    reviewThreads: ({ first = 0 }: Page) => ({
      nodes: issue.pull.threads.slice(0, first).flatMap((thread) => toThreadNode(github, thread)),
    }),
    commits: async ({ first = 0 }: Page) => {
      const shas = await commitsBetween(repository.git, baseSha, headSha);
      const nodes = shas.slice(0, first).map(async (sha) => ({ commit: await toCommitNode(github, repository, sha) }));
      return { totalCount: shas.length, nodes: await Promise.all(nodes) };
    },
  };
}

/** The last review that says something, of each person. */
function latest(github: GitHub, repository: Repository, { pull }: PullIssue, writersOnly: boolean): readonly Review[] {
  const last = new Map(pull.reviews.filter(({ state }) => state !== "commented").map((review) => [review.user.id, review]));
  return [...last.values()].filter(({ user }) => !writersOnly || atLeast(roleOf(github, repository, user), "write"));
}

/** null where the base branch asks for no review, whatever reviews there are. Source: community discussion 24375. */
function decisionOf(github: GitHub, repository: Repository, issue: PullIssue): string | null {
  const { base } = issue.pull;
  const ofRules = rulesOf(github, repository, base).map(({ type, parameters }) =>
    type === "pull_request" ? Number(parameters?.["required_approving_review_count"] ?? 0) : 0,
  );
  const needed = Math.max(protectionOf(github, repository, base)?.reviews?.count ?? 0, ...ofRules);
  if (needed === 0) return null;
  const reviews = latest(github, repository, issue, true);
  if (reviews.some(({ state }) => state === "changes_requested")) return "CHANGES_REQUESTED";
  return reviews.filter(({ state }) => state === "approved").length >= needed ? "APPROVED" : "REVIEW_REQUIRED";
}

function toReviewNode({ state, user, commit, body, at }: Review): Node {
  return {
    state: state.toUpperCase(),
    author: toAuthor(user),
    commit: { oid: commit },
    body,
    createdAt: iso(at),
    submittedAt: iso(at),
    lastEditedAt: null,
  };
}

function toAuthor(user: Account): Node {
  return { __typename: user.type, login: user.login, databaseId: user.id };
}

/** None where its first comment is not seen yet. */
function toThreadNode(github: GitHub, { path, line, resolved, comments }: ReviewThread): readonly Node[] {
  const seen = comments.filter(({ at }) => at <= nowOf(github) - github.listingLagMs);
  if (seen.length === 0) return [];
  const nodes = seen.map(({ id, user, body, at, editedAt }) => ({
    databaseId: id,
    body,
    createdAt: iso(at),
    lastEditedAt: editedAt === null ? null : iso(editedAt),
    author: toAuthor(user),
  }));
  const page = ({ first, last }: Page & { readonly last?: number }) => ({
    nodes: last === undefined ? nodes.slice(0, first) : nodes.slice(-last),
  });
  return [{ isResolved: resolved, path, line, comments: page }];
}

const NO_REPLY = /(\d+)\+[\w.[\]-]+@users\.noreply\.github\.com/;

/** Whom GitHub takes a commit's people for, by their addresses: the author, those of `Co-authored-by`, the committer. */
async function toCommitNode(github: GitHub, repository: Repository, sha: string): Promise<Node> {
  const { author, committer, message } = await readCommit(repository.git, sha);
  const user = (text: string): Node => {
    const id = Number(NO_REPLY.exec(text)?.[1]);
    const account = [...github.accounts.values(), github.app.bot].find((each) => each.id === id && each.type === "User");
    return { user: account === undefined ? null : { databaseId: account.id } };
  };
  const others = [...message.matchAll(/^Co-authored-by: (.*)$/gim)].map(([, who = ""]) => user(who));
  return { authors: { nodes: [user(author.email), ...others] }, committer: user(committer.email) };
}
