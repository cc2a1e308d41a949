import { answer, invalid, isRecord, notFound, page, textField, unprocessable } from "../answers.ts";
import { downloadUrl } from "../artifacts.ts";
import { setOwnRun } from "../checks.ts";
import { resolve } from "../git-repository.ts";
import { toCheckRun } from "../shapes/check.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import { nowOf, type CheckRun, type CheckSuite, type Repository } from "../state.ts";
import type { CheckConclusion, CheckOutput } from "../emulated-github.ts";
import type { RepositoryHandler } from "./handler.ts";

/** Each as it ran last (`filter=latest`, which is the default); of those before, nothing is kept. */
export const listCheckRuns: RepositoryHandler = async (github, request) => {
  const { repository, params, query } = request;
  const ref = params["ref"] ?? "";
  const sha = await resolve(repository.git, ref);
  if (sha === undefined) return unprocessable(`No commit found for SHA: ${ref}`);
  const isAsked = (name: string, run: CheckRun): boolean =>
    (query["check_name"] ?? name) === name && run.startedAt <= nowOf(github) - github.listingLagMs;
  const runs = [...repository.checkSuites.values()]
    .filter((suite) => suite.sha === sha)
    .filter(({ own }) => query["app_id"] === undefined || own === (query["app_id"] === String(github.app.id)))
    .flatMap((suite) =>
      [...suite.runs]
        .filter(([name, run]) => isAsked(name, run))
        .map(([name, run]) => toCheckRun(github, repository, suite, name, run)),
    );
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/commits/${ref}/check-runs`, runs);
  return answer(200, { total_count: runs.length, check_runs: items }, headers);
};

export const createCheckRun: RepositoryHandler = async (github, request) => {
  const { repository, body } = request;
  const wanted = textField(body, "head_sha") ?? "";
  const name = textField(body, "name") ?? "";
  if (name === "") return invalid({ resource: "CheckRun", code: "missing_field", field: "name" });
  const sha = /^[0-9a-f]{40}$/.test(wanted) ? await resolve(repository.git, wanted) : undefined;
  if (sha === undefined) return unprocessable(`No commit found for SHA: ${wanted}`);
  const output = readOutput(body);
  if (typeof output === "string") return unprocessable(output);
  const run = { name, conclusion: conclusionOf(body), ...(output === undefined ? {} : { output }) };
  const { suite } = await setOwnRun(github, repository, sha, run);
  return answer(201, toCheckRun(github, repository, suite, name, runIn(suite, name)));
};

export const updateCheckRun: RepositoryHandler = async (github, request) => {
  const { repository, body, params } = request;
  const found = ownRun(repository, Number(params["check_run_id"]));
  if (found === undefined) return notFound();
  const { name, run, suite } = found;
  const output = readOutput(body);
  if (typeof output === "string") return unprocessable(output);
  const said = output ?? run.output;
  const all = [...(run.output?.annotations ?? []), ...(output?.annotations ?? [])];
  const change = {
    id: run.id,
    name,
    conclusion: body["conclusion"] === undefined ? run.conclusion : conclusionOf(body),
    ...(said === undefined ? {} : { output: { ...said, annotations: all } }),
  };
  await setOwnRun(github, repository, suite.sha, change);
  return answer(200, toCheckRun(github, repository, suite, name, runIn(suite, name)));
};

/** A job's check run has the job's id. Sends the client on to the log, which is kept once the job has ended. */
export const downloadJobLog: RepositoryHandler = (github, { repository, params }) => {
  const jobs = [...repository.checkSuites.values()].filter(({ own, app }) => !own && app === undefined);
  const job = jobs.flatMap(({ runs }) => [...runs.values()]).find(({ id }) => id === Number(params["job_id"]));
  if (job?.log === undefined || job.conclusion === null) return notFound();
  return answer(302, undefined, { location: downloadUrl(github, Buffer.from(job.log), "text/plain; charset=utf-8") });
};

function ownRun(repository: Repository, id: number): { name: string; run: CheckRun; suite: CheckSuite } | undefined {
  for (const suite of repository.checkSuites.values())
    for (const [name, run] of suite.runs) if (suite.own && run.id === id) return { name, run, suite };
  return undefined;
}

function runIn(suite: CheckSuite, name: string): CheckRun {
  const run = suite.runs.get(name);
  if (run === undefined) throw new Error(`no check run ${name}`);
  return run;
}

function conclusionOf(body: Readonly<Record<string, unknown>>): CheckConclusion | null {
  return (textField(body, "conclusion") as CheckConclusion | undefined) ?? null;
}

/** GitHub takes 65,535 characters of summary and 50 annotations in one request; or why it is refused. */
function readOutput(body: Readonly<Record<string, unknown>>): CheckOutput | string | undefined {
  const output = body["output"];
  if (!isRecord(output)) return undefined;
  const summary = textField(output, "summary") ?? "";
  const annotations = Array.isArray(output["annotations"]) ? output["annotations"].filter(isRecord) : [];
  if (annotations.length > 50) return "Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied.";
  if (summary.length > 65_535) return "Validation Failed: Only 65535 characters are allowed";
  return { title: textField(output, "title") ?? "", summary, annotations };
}
