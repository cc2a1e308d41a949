import type { Octokit } from "@octokit/rest";
import { CODE_OWNERS_FILES } from "#core/plan/signals/code-owners.ts";
import type { Surroundings } from "#core/plan/signals/signals.ts";
import { ActorId } from "#core/wire/ids.ts";
import { err, ok } from "#core/wire/result.ts";
import { EpochMs, HOUR_MS } from "#core/wire/units.ts";
import type { Answer, Around, GitHub, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";
import { createMemory } from "./memory.ts";
import { writePurpose } from "./purposes.ts";
import { readText } from "./text.ts";
import type { Purpose } from "./tokens.ts";
import { listTree } from "./trees.ts";

type Tree = NonNullable<Surroundings["tree"]>;

/** A tree never changes, but its repository may be lost to us. */
const REMEMBERED_MS = HOUR_MS;
/** One of 100,000 files takes some 15 MB. */
const MAX_TREES = 8;

/** All under the token that the task will write with: one of their own would be a call more. `under`: a purpose's client. */
export function readingSurroundings(
  under: <T>(purpose: Purpose, work: (client: Octokit) => Answer<T>) => Answer<T>,
): Pick<GitHub, "readTree" | "readAround" | "readText"> {
  const trees = createMemory(REMEMBERED_MS, MAX_TREES);
  return {
    readTree: (place, tree) =>
      trees.recall(
        `${String(place.repository.id)} ${tree}`,
        () => true,
        () => under(writePurpose(place), (client) => readTree(client, place, tree)),
      ),
    readAround: (place, issue, commit) => under(writePurpose(place), (client) => readAround(client, place, issue, commit)),
    readText: (place, commit, path) => under(writePurpose(place), (client) => readText(client, place, commit, path)),
  };
}

/** Of an issue's pull requests, so many are looked at. */
const MAX_PULLS = 20;

/** What stands around an issue, in one call; CODEOWNERS at the commit that work starts from. */
export const AROUND_QUERY = `
  query Around($owner: String!, $name: String!, $issue: Int!, $first: String!, $second: String!, $third: String!) {
    repository(owner: $owner, name: $name) {
      first: object(expression: $first) { ... on Blob { text } }
      second: object(expression: $second) { ... on Blob { text } }
      third: object(expression: $third) { ... on Blob { text } }
      issue(number: $issue) {
        lastEditedAt
        editor { login ... on User { databaseId } }
        subIssuesSummary { total }
        closedByPullRequestsReferences(first: ${String(MAX_PULLS)}, includeClosedPrs: true) { nodes { state } }
      }
    }
  }
`;

type Blob = { readonly text?: string | null } | null;
type AroundData = {
  readonly repository: {
    readonly first: Blob;
    readonly second: Blob;
    readonly third: Blob;
    readonly issue: {
      readonly lastEditedAt: string | null;
      /** Of a person alone with an id. null: a deleted account. */
      readonly editor: { readonly login: string; readonly databaseId?: number | null } | null;
      readonly subIssuesSummary: { readonly total: number };
      readonly closedByPullRequestsReferences: {
        /** null: in a repository that the App doesn't see. */
        readonly nodes: readonly ({ readonly state: "OPEN" | "CLOSED" | "MERGED" } | null)[] | null;
      } | null;
    } | null;
  } | null;
};

async function readAround(client: Octokit, { owner, repository }: Place, issue: number, commit: string): Answer<Around> {
  const route = "POST /graphql";
  const [first, second, third] = CODE_OWNERS_FILES.map((file) => `${commit}:${file}`);
  const variables = { owner: owner.login, name: repository.name, issue, first, second, third };
  const read = await answer(route, () => client.graphql<AroundData>(AROUND_QUERY, { ...variables, request: timeout() }));
  if (!read.ok) return read;
  const found = read.value.repository;
  if (found === null) return err({ reason: "github-refused", route, status: 404, message: "the repository is not readable" });
  const pulls = found.issue?.closedByPullRequestsReferences?.nodes ?? [];
  const { lastEditedAt = null, editor } = found.issue ?? {};
  const count = (state: string) => pulls.filter((pull) => pull?.state === state).length;
  return ok({
    codeOwners: (found.first ?? found.second ?? found.third)?.text ?? "",
    links:
      found.issue === null
        ? null
        : { subIssues: found.issue.subIssuesSummary.total, pullsOpen: count("OPEN"), pullsClosed: count("CLOSED") },
    edit:
      lastEditedAt === null
        ? null
        : {
            at: EpochMs(Date.parse(lastEditedAt)),
            editor: editor?.databaseId == null ? null : { id: ActorId(editor.databaseId), login: editor.login },
          },
  });
}

async function readTree(client: Octokit, place: Place, tree: string): Answer<Tree> {
  const read = await listTree(client, place, tree);
  if (!read.ok) return read;
  const files = read.value.tree.filter(({ type }) => type === "blob").map(({ path, size }) => ({ path, size: size ?? 0 }));
  return ok({ files, isCut: read.value.truncated });
}
