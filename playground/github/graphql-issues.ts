import { nodeId } from "./shapes/urls.ts";
import { iso, type Account, type Issue, type Repository } from "./state.ts";

type Node = Readonly<Record<string, unknown>>;

export type IssueArguments = {
  readonly states?: readonly string[];
  readonly labels?: readonly string[] | null;
  readonly filterBy?: { readonly since?: string | null } | null;
  readonly first?: number;
  readonly after?: string | null;
};

/** `issues` of a repository, those first that were changed last; of several labels one is enough, whatever its case. */
export function issueConnection(repository: Repository, { states, labels, filterBy, first = 0, after }: IssueArguments): Node {
  const wanted = labels?.map((label) => label.toLowerCase());
  const since = filterBy?.since == null ? -Infinity : Date.parse(filterBy.since);
  const chosen = [...repository.issues.values()]
    .filter(({ pull }) => pull === undefined)
    .filter(({ state }) => states?.includes(state.toUpperCase()) !== false)
    .filter((issue) => wanted === undefined || issue.labels.some(({ name }) => wanted.includes(name.toLowerCase())))
    .filter(({ updatedAt }) => updatedAt >= since)
    .toSorted((one, other) => other.updatedAt - one.updatedAt || other.number - one.number);
  const from = Number(after ?? 0);
  const shown = chosen.slice(from, from + first);
  return {
    pageInfo: { hasNextPage: from + shown.length < chosen.length, endCursor: String(from + shown.length) },
    nodes: shown.map(toNode),
  };
}

function toNode({ id, number, title, body, user, labels, history, edits: made, createdAt }: Issue): Node {
  // The newest first; the text that the first one has replaced counts as an edit too.
  const all = made.length === 0 ? [] : [{ by: user, at: createdAt }, ...made];
  const edits = all.toReversed().map(({ by, at }) => ({ editedAt: iso(at), editor: toActor(by) }));
  return {
    id: nodeId("Issue", id),
    number,
    title,
    body: body ?? "",
    author: toActor(user),
    userContentEdits: ({ first = 0 }: { first?: number }) => ({ totalCount: edits.length, nodes: edits.slice(0, first) }),
    labels: ({ first = 0 }: { first?: number }) => ({ nodes: labels.slice(0, first).map(({ name }) => ({ name })) }),
    timelineItems: ({ last = 0, itemTypes }: { last?: number; itemTypes?: readonly string[] }) => ({
      nodes: history
        .filter(({ kind }) => itemTypes?.includes(kind === "labeled" ? "LABELED_EVENT" : "RENAMED_TITLE_EVENT") !== false)
        .slice(-last)
        .map(toEvent),
    }),
  };
}

function toEvent(event: Issue["history"][number]): Node {
  const { id, by, at } = event;
  const what =
    event.kind === "labeled"
      ? { __typename: "LabeledEvent", label: { name: event.label.name } }
      : { __typename: "RenamedTitleEvent" };
  return { ...what, id: nodeId("Event", id), createdAt: iso(at), actor: toActor(by) };
}

function toActor({ id, login, type }: Account): Node {
  return { __typename: type, id: nodeId(type, id), databaseId: id, login };
}
