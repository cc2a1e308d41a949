import type { Octokit } from "@octokit/rest";
import { MAX_ANNOTATIONS, type FileText } from "#core/config/check.ts";
import { CONFIG_FILE } from "#core/config/policy.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { ActorId } from "#core/wire/ids.ts";
import { err, ok } from "#core/wire/result.ts";
import type { Against, OwnChecks } from "#ports/checks.ts";
import type { Answer, GitHub, Place } from "#ports/github.ts";
import { readCheckRuns, readFailedChecks } from "./check-runs.ts";
import { answer, at, timeout } from "./client.ts";
import { checksPurpose, failedChecksPurpose, ownChecksPurpose, writePurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** How others' checks ended, and this App's own. */
export function checking(under: Under, ownApp: number): OwnChecks & Pick<GitHub, "readCheckRuns" | "readFailedChecks"> {
  return {
    readCheckRuns: (place, commit) => under(checksPurpose(place), (client) => readCheckRuns(client, at(place), commit, ownApp)),
    readFailedChecks: (place, commit, names) =>
      under(failedChecksPurpose(place), (client) => readFailedChecks(client, at(place), { commit, names }, ownApp)),
    readConfigFile: (place, commit, against) =>
      under(ownChecksPurpose(place), (client) => readConfigFile(client, place, commit, against)),
    // With the token that has just opened it, which saves minting another.
    readReviews: (place, pull) => under(writePurpose(place), (client) => readReviews(client, place, pull)),

    async findOwnCheckRun(place, commit, name) {
      const route = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";
      const wanted = { ...at(place), ref: commit, check_name: name, app_id: ownApp, request: timeout() };
      const listed = await under(ownChecksPurpose(place), (client) =>
        answer(route, async () => (await client.request(route, wanted)).data.check_runs),
      );
      if (!listed.ok) return listed;
      // Whatever a server makes of the filters: another App's would be refused to us.
      const own = listed.value.find((run) => run.name === name && run.app?.id === ownApp);
      return ok(own === undefined ? undefined : Number(own.id));
    },

    async createCheckRun(place, { name, commit, conclusion, title, summary, path, annotations }) {
      const shown = annotations.slice(0, MAX_ANNOTATIONS).map(({ line, column, level, message }) => ({
        path,
        start_line: line,
        end_line: line,
        start_column: column,
        end_column: column,
        annotation_level: level,
        message,
      }));
      const run = { name, head_sha: commit, status: "completed" as const, conclusion };
      const output = { title, summary, ...(shown.length === 0 ? {} : { annotations: shown }) };
      return under(ownChecksPurpose(place), (client) =>
        answer(EFFECTS.createCheckRun, async () => {
          const made = await client.request(EFFECTS.createCheckRun, { ...at(place), ...run, output, request: timeout() });
          return Number(made.data.id);
        }),
      );
    },

    async updateCheckRun(place, run, { conclusion, title, summary }) {
      const change = { check_run_id: run, status: "completed" as const, conclusion, output: { title, summary } };
      return under(ownChecksPurpose(place), (client) =>
        answer(EFFECTS.updateCheckRun, async () => {
          await client.request(EFFECTS.updateCheckRun, { ...at(place), ...change, request: timeout() });
        }),
      );
    },
  };
}

/** Both texts in one read. A commit of a fork's is found in the repository that a pull request of it is for. */
export const CONFIG_QUERY = `
  query ConfigFile($owner: String!, $name: String!, $before: String!, $after: String!) {
    repository(owner: $owner, name: $name) {
      before: object(expression: $before) { ... on Blob { text isTruncated } }
      after: object(expression: $after) { ... on Blob { text isTruncated } }
    }
  }
`;
type Blob = { readonly text?: string | null; readonly isTruncated?: boolean } | null;
type ConfigData = { readonly repository: { readonly before: Blob; readonly after: Blob } | null };

async function readConfigFile(
  client: Octokit,
  place: Place,
  commit: string,
  against: Against | null,
): Answer<{ readonly before: FileText; readonly after: FileText }> {
  const base = against === null ? ok(undefined) : await baseOf(client, place, commit, against);
  if (!base.ok) return base;
  const route = "POST /graphql";
  const file = (sha: string) => `${sha}:${CONFIG_FILE}`;
  const after = file(commit);
  const variables = { owner: place.owner.login, name: place.repository.name, after, before: file(base.value ?? commit) };
  const read = await answer(route, () => client.graphql<ConfigData>(CONFIG_QUERY, { ...variables, request: timeout() }));
  if (!read.ok) return read;
  const { repository } = read.value;
  if (repository === null)
    return err({ reason: "github-refused", route, status: 404, message: "the repository is not readable" });
  return ok({
    before: base.value === undefined ? "missing" : toFile(repository.before),
    after: toFile(repository.after),
  });
}

/** Where a branch and a commit went apart; undefined where they have nothing in common. */
async function baseOf(client: Octokit, place: Place, commit: string, against: Against): Answer<string | undefined> {
  if ("commit" in against) return ok(against.commit);
  const route = "GET /repos/{owner}/{repo}/compare/{basehead}";
  const basehead = `${against.branch}...${commit}`;
  const compared = await answer(route, async () => {
    // The first page alone lists files.
    const { data } = await client.request(route, { ...at(place), basehead, per_page: 1, page: 2, request: timeout() });
    return data.merge_base_commit.sha;
  });
  // "No common ancestor between …" is a 404.
  const isApart = !compared.ok && compared.error.reason === "github-refused" && compared.error.status === 404;
  return isApart ? ok(undefined) : compared;
}

function toFile(blob: Blob): FileText {
  if (blob === null) return "missing";
  // A directory or submodule of that name has no text; a binary file's text is null.
  return blob.isTruncated === false && typeof blob.text === "string" ? { text: blob.text } : "unreadable";
}

const MAX_COMMITS = 100;
/**
 * `reviewDecision` is null where the base branch needs no review, by protection or ruleset (community discussion 24375;
 * abcxyz/github-metrics-aggregator#224), and to be read without `administration`, which protection itself is not.
 * `latestOpinionatedReviews` with `writersOnly`: the last that says something, of each who may write.
 */
export const REVIEWS_QUERY = `
  query Reviews($owner: String!, $name: String!, $pull: Int!) {
    repository(owner: $owner, name: $name) {
      pullRequest(number: $pull) {
        state
        headRefOid
        reviewDecision
        latestOpinionatedReviews(first: 100, writersOnly: true) {
          nodes { state author { __typename login ... on User { databaseId } } commit { oid } }
        }
        commits(first: ${String(MAX_COMMITS)}) {
          totalCount
          nodes { commit { authors(first: 10) { nodes { user { databaseId } } } committer { user { databaseId } } } }
        }
      }
    }
  }
`;
type User = { readonly databaseId: number | null } | null;
type ReviewsData = {
  readonly repository: {
    readonly pullRequest: {
      readonly state: "OPEN" | "CLOSED" | "MERGED";
      readonly headRefOid: string;
      readonly reviewDecision: string | null;
      readonly latestOpinionatedReviews: {
        readonly nodes:
          | readonly ({
              readonly state: string;
              readonly author: { readonly __typename: string; readonly databaseId?: number | null } | null;
              readonly commit: { readonly oid: string } | null;
            } | null)[]
          | null;
      } | null;
      readonly commits: {
        readonly totalCount: number;
        readonly nodes:
          | readonly ({
              readonly commit: {
                readonly authors: { readonly nodes: readonly ({ readonly user: User } | null)[] | null };
                readonly committer: { readonly user: User } | null;
              };
            } | null)[]
          | null;
      };
    } | null;
  } | null;
};

async function readReviews(client: Octokit, { owner, repository }: Place, pull: number): ReturnType<OwnChecks["readReviews"]> {
  const route = "POST /graphql";
  const variables = { owner: owner.login, name: repository.name, pull };
  const read = await answer(route, () => client.graphql<ReviewsData>(REVIEWS_QUERY, { ...variables, request: timeout() }));
  if (!read.ok) return read.error.reason === "github-refused" && read.error.status === 404 ? ok(undefined) : read;
  const found = read.value.repository?.pullRequest;
  if (found == null) return ok(undefined);
  const { state, headRefOid, reviewDecision, latestOpinionatedReviews, commits } = found;
  const users = (commits.nodes ?? []).flatMap((node) => [
    ...(node?.commit.authors.nodes ?? []).map((author) => author?.user),
    node?.commit.committer?.user,
  ]);
  return ok({
    isOpen: state === "OPEN",
    head: headRefOid,
    needsReview: reviewDecision !== null,
    reviews: (latestOpinionatedReviews?.nodes ?? []).flatMap((review) =>
      review?.author?.__typename === "User" && review.author.databaseId != null && review.commit !== null
        ? [{ by: ActorId(review.author.databaseId), approves: review.state === "APPROVED", commit: review.commit.oid }]
        : [],
    ),
    hands:
      commits.totalCount > MAX_COMMITS
        ? null
        : users.flatMap((user) => (user?.databaseId == null ? [] : [ActorId(user.databaseId)])),
  });
}
