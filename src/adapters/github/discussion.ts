import type { Octokit } from "@octokit/rest";
import type { Discussion, Said } from "#core/plan/told.ts";
import { parseThreadMarker } from "#core/task/markers.ts";
import { ActorId, type TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Answer, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

/** Which threads are resolved, REST doesn't tell. The last comments of a thread say how it stands. */
export const DISCUSSION_QUERY = `
  query Discussion($owner: String!, $name: String!, $pull: Int!) {
    repository(owner: $owner, name: $name) {
      pullRequest(number: $pull) {
        reviewThreads(first: 100) {
          nodes {
            isResolved
            path
            line
            first: comments(first: 1) { nodes { databaseId } }
            comments(last: 20) {
              nodes { body createdAt lastEditedAt author { __typename login ... on User { databaseId } ... on Bot { databaseId } } }
            }
          }
        }
        latestOpinionatedReviews(first: 100, writersOnly: true) {
          nodes { state body createdAt submittedAt lastEditedAt author { __typename login ... on User { databaseId } } }
        }
      }
    }
  }
`;

type Nodes<T> = { readonly nodes: readonly (T | null)[] | null } | null;
type SaidNode = {
  readonly body: string;
  readonly createdAt: string;
  readonly submittedAt?: string | null;
  readonly lastEditedAt: string | null;
  readonly author: { readonly __typename: string; readonly login: string; readonly databaseId?: number | null } | null;
};
type DiscussionData = {
  readonly repository: {
    readonly pullRequest: {
      readonly reviewThreads: Nodes<{
        readonly isResolved: boolean;
        readonly path: string;
        readonly line: number | null;
        readonly first: Nodes<{ readonly databaseId: number | null }>;
        readonly comments: Nodes<SaidNode>;
      }>;
      readonly latestOpinionatedReviews: Nodes<SaidNode & { readonly state: string }>;
    } | null;
  } | null;
};

export async function readDiscussion(client: Octokit, place: Place, pull: number): Answer<Discussion> {
  const read = await readOpen(client, place, pull);
  if (!read.ok) return read;
  const { threads, reviews } = read.value;
  return ok({
    threads: threads.map(({ id, path, line, comments }) => ({ id, path, line, said: comments.map(toSaid) })),
    reviews: reviews.filter(({ state }) => state === "CHANGES_REQUESTED").map(toSaid),
  });
}

/** The open threads in which this bot has not answered for the follow-up. */
export async function findUnanswered(
  client: Octokit,
  place: Place,
  { pull, task, bot }: { readonly pull: number; readonly task: TaskId; readonly bot: number },
): Answer<readonly number[]> {
  const read = await readOpen(client, place, pull);
  if (!read.ok) return read;
  const isAnswer = ({ author, body }: SaidNode) => author?.databaseId === bot && parseThreadMarker(body) === task;
  return ok(read.value.threads.filter(({ comments }) => !comments.some(isAnswer)).map(({ id }) => id));
}

async function readOpen(client: Octokit, { owner, repository }: Place, pull: number) {
  const route = "POST /graphql";
  const variables = { owner: owner.login, name: repository.name, pull };
  const read = await answer(route, () => client.graphql<DiscussionData>(DISCUSSION_QUERY, { ...variables, request: timeout() }));
  if (!read.ok) return read;
  const found = read.value.repository?.pullRequest;
  const threads = all(found?.reviewThreads).flatMap(({ isResolved, path, line, first, comments }) =>
    isResolved ? [] : [{ id: all(first)[0]?.databaseId ?? 0, path, line, comments: all(comments) }],
  );
  return ok({ threads, reviews: all(found?.latestOpinionatedReviews) });
}

function all<T>(list: Nodes<T> | undefined): T[] {
  return (list?.nodes ?? []).filter((node) => node !== null);
}

function toSaid({ body, createdAt, submittedAt, lastEditedAt, author }: SaidNode): Said {
  const isPerson = author?.__typename === "User" && author.databaseId != null;
  return {
    by: isPerson ? { id: ActorId(author.databaseId), login: author.login } : null,
    body,
    at: EpochMs(Date.parse(lastEditedAt ?? submittedAt ?? createdAt)),
  };
}
