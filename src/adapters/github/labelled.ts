import type { Octokit } from "@octokit/rest";
import { ActorId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Answer, GitHubFailure, LabelledIssue, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

/** Open issues with a label, those changed last first, with who set labels and who changed the text since. One call a hundred. */
export const LABELLED_QUERY = `
  query Labelled($owner: String!, $name: String!, $labels: [String!], $since: DateTime, $after: String) {
    repository(owner: $owner, name: $name) {
      databaseId
      issues(
        first: 50, after: $after, states: [OPEN], labels: $labels, filterBy: { since: $since },
        orderBy: { field: UPDATED_AT, direction: DESC }
      ) {
        pageInfo { hasNextPage endCursor }
        nodes {
          number
          title
          body
          author { __typename login ... on User { databaseId } }
          userContentEdits(first: 100) { totalCount nodes { editedAt editor { login } } }
          labels(first: 100) { nodes { name } }
          timelineItems(last: 50, itemTypes: [LABELED_EVENT, RENAMED_TITLE_EVENT]) {
            nodes {
              __typename
              ... on LabeledEvent { id createdAt label { name } actor { __typename login ... on User { databaseId } } }
              ... on RenamedTitleEvent { createdAt actor { login } }
            }
          }
        }
      }
    }
  }
`;

/** Of one repository, so many pages are looked at. */
const MAX_PAGES = 10;

type Actor = { readonly __typename: string; readonly login: string; readonly databaseId?: number | null } | null;
type Nodes<T> = { readonly nodes: readonly (T | null)[] | null } | null;
type Item =
  | {
      readonly __typename: "LabeledEvent";
      readonly id: string;
      readonly createdAt: string;
      readonly label: { readonly name: string };
      readonly actor: Actor;
    }
  | {
      readonly __typename: "RenamedTitleEvent";
      readonly createdAt: string;
      readonly actor: { readonly login: string } | null;
    };
type IssueNode = {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly author: Actor;
  readonly userContentEdits:
    | (Nodes<{ readonly editedAt: string; readonly editor: { readonly login: string } | null }> & { readonly totalCount: number })
    | null;
  readonly labels: Nodes<{ readonly name: string }>;
  readonly timelineItems: Nodes<Item>;
};
type LabelledData = {
  readonly repository: {
    readonly databaseId: number | null;
    readonly issues: Nodes<IssueNode> & {
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    };
  } | null;
};

export async function readLabelled(
  client: Octokit,
  { owner, repository }: Place,
  labels: readonly string[],
  since: EpochMs,
): Answer<readonly LabelledIssue[]> {
  const route = "POST /graphql";
  const found: LabelledIssue[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const variables: Readonly<Record<string, unknown>> = {
      owner: owner.login,
      name: repository.name,
      labels,
      since: new Date(since).toISOString(),
      after,
    };
    const read: Result<LabelledData, GitHubFailure> = await answer(route, () =>
      client.graphql<LabelledData>(LABELLED_QUERY, { ...variables, request: timeout() }),
    );
    if (!read.ok) return read;
    const there = read.value.repository;
    // Another has taken its name since it was listed.
    if (there?.databaseId !== repository.id)
      return err({ reason: "github-refused", route, status: 404, message: "the repository is not readable" });
    found.push(...nodesOf(there.issues).map(toIssue));
    if (!there.issues.pageInfo.hasNextPage) break;
    after = there.issues.pageInfo.endCursor;
  }
  return ok(found);
}

function toIssue({ number, title, body, author, userContentEdits, labels, timelineItems }: IssueNode): LabelledIssue {
  const items = nodesOf(timelineItems);
  const edited = nodesOf(userContentEdits).map(({ editedAt, editor }) => ({ at: at(editedAt), by: editor?.login ?? null }));
  // Of more than are shown nobody knows whose the others are.
  const last = edited.map((edit) => edit.at).toSorted((one, other) => other - one)[0];
  const unseen = last === undefined || (userContentEdits?.totalCount ?? 0) <= edited.length ? [] : [{ at: last, by: null }];
  const renamed = items.flatMap((item) =>
    item.__typename === "RenamedTitleEvent" ? [{ at: at(item.createdAt), by: item.actor?.login ?? null }] : [],
  );
  return {
    number,
    title,
    body,
    author: toPerson(author),
    isByBot: author?.__typename === "Bot",
    labels: nodesOf(labels).map(({ name }) => name),
    labelled: items.flatMap((item) =>
      item.__typename === "LabeledEvent"
        ? [{ id: item.id, at: at(item.createdAt), label: item.label.name, by: toPerson(item.actor) }]
        : [],
    ),
    edits: [...edited, ...unseen, ...renamed],
  };
}

/** null: a bot, an App, or an account that is gone. */
function toPerson(actor: Actor): { readonly id: ActorId; readonly login: string } | null {
  return actor?.__typename === "User" && actor.databaseId != null ? { id: ActorId(actor.databaseId), login: actor.login } : null;
}

function nodesOf<T>(connection: Nodes<T>): readonly T[] {
  return (connection?.nodes ?? []).filter((node) => node !== null);
}

function at(instant: string): EpochMs {
  return EpochMs(Date.parse(instant));
}
