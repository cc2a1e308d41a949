import type { Octokit } from "@octokit/rest";
import { checkName, TOLD, type FailedCheckRun } from "#core/plan/told.ts";
import { cleanText } from "#core/request/brief.ts";
import { mayBeMended, MAX_CHECK_RUNS, type CheckRun } from "#core/task/ci-checks.ts";
import { jobLog } from "#core/wire/failing-log.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import { answer, timeout, type At } from "./client.ts";

const LIST = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";
const LOG = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs";

type Listed = Awaited<ReturnType<Octokit["rest"]["checks"]["listForRef"]>>["data"]["check_runs"][number];

/** Each run of the commit's as it ran last, page by page, but for this App's own. */
export async function readCheckRuns(
  client: Octokit,
  at: At,
  commit: string,
  ownApp: number,
): Promise<Result<readonly CheckRun[], GitHubFailure>> {
  return listRuns(client, at, commit, ownApp, ({ name, status, conclusion }) => ({ name, status, conclusion }));
}

async function listRuns<T>(
  client: Octokit,
  at: At,
  commit: string,
  ownApp: number,
  pick: (run: Listed) => T,
): Promise<Result<readonly T[], GitHubFailure>> {
  const wanted = { ...at, ref: commit, filter: "latest" as const, per_page: 100, request: timeout() };
  let listed = 0;
  return answer(LIST, () =>
    client.paginate(client.rest.checks.listForRef, wanted, ({ data }, done) => {
      listed += data.length;
      // Enough to know that there are too many.
      if (listed > MAX_CHECK_RUNS) done();
      return data.filter((run) => run.app?.id !== ownApp).map(pick);
    }),
  );
}

/** Those of the commit's runs that a change may mend. What can't be read of one is left out: the run is told without. */
export async function readFailedChecks(
  client: Octokit,
  at: At,
  { commit, names }: { readonly commit: string; readonly names: readonly string[] | null },
  ownApp: number,
): Promise<Result<readonly FailedCheckRun[], GitHubFailure>> {
  const listed = await listRuns(client, at, commit, ownApp, (run) => run);
  if (!listed.ok) return listed;
  const failed = listed.value
    .filter((run) => run.status === "completed" && mayBeMended(run) && (names === null || names.includes(checkName(run.name))))
    .slice(0, TOLD.checks);
  return ok(
    await Promise.all(
      failed.map(async (run) => {
        // A job's check run has the job's id: GitHub's page of a job shows one `check_run_url`, with that id. A run that a workflow's
        // step has made itself is the same App's and no job; GitHub answers 404.
        const log = run.app?.slug === "github-actions" ? await readLog(client, at, run.id) : null;
        return { name: run.name, conclusion: run.conclusion ?? "", log: log ?? saidOf(run) };
      }),
    ),
  );
}

/** What another App says of its run, as a reader sees it. */
function saidOf({ output: { title, summary } }: Listed): string | null {
  const said = cleanText([title, summary].filter((text) => text !== null && text !== "").join("\n\n")).trim();
  return said === "" ? null : said;
}

/** Of a log so much is read, in bytes, and the end of it kept: GitHub's store takes no range that is counted from there. */
const READ = { most: 32 * 1_024 * 1_024, kept: 128 * 1_024 };

/** Sent on to where the log lies, without the token, as with an artifact. */
async function readLog(client: Octokit, at: At, job: number): Promise<string | null> {
  const request = { ...timeout(), parseSuccessResponseBody: false };
  const sent = await answer(LOG, async () => (await client.request(LOG, { ...at, job_id: job, request })).data);
  const tail = sent.ok ? await readTail(sent.value as ReadableStream<Uint8Array>) : undefined;
  const log = jobLog(tail ?? "");
  return log === "" ? null : log;
}

/** Whole lines. undefined: there is more than is read, or it broke off or took too long. */
async function readTail(body: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let tail: Buffer = Buffer.alloc(0);
  let read = 0;
  try {
    // Leaving the loop cancels the rest.
    for await (const chunk of body) {
      read += chunk.length;
      if (read > READ.most) return undefined;
      tail = Buffer.concat([tail, chunk]);
      if (tail.length > 2 * READ.kept) tail = tail.subarray(-READ.kept);
    }
  } catch {
    return undefined;
  }
  const text = tail.subarray(-READ.kept).toString("utf8");
  // Half a line may be half a secret, which nothing would know for one.
  return read > READ.kept ? text.slice(text.indexOf("\n") + 1) : text;
}
