import type { CheckConclusion, CheckOutput, Checks } from "./emulated-github.ts";
import { listRefs, resolve } from "./git-repository.ts";
import { toCheckSuite } from "./shapes/check.ts";
import { nextId, nowOf, type CheckSuite, type GitHub, type Repository } from "./state.ts";
import { emit } from "./webhooks.ts";

/** What a workflow's checks have come to on a branch's tip. GitHub tells of a suite's end once none of its runs is under way. */
export async function runChecks(github: GitHub, repository: Repository, checks: Checks): Promise<void> {
  const { branch, workflow, runs, own = false, app, logs, outputs } = checks;
  const sha = await resolve(repository.git, `refs/heads/${branch}`);
  if (sha === undefined) throw new Error(`no branch ${branch}: push it first`);
  const key = `${sha} ${workflow}`;
  const now = nowOf(github);
  const of = { branch, sha, own, ...(app === undefined ? {} : { app }) };
  const made: CheckSuite = { id: nextId(github), ...of, runs: new Map(), createdAt: now, updatedAt: now };
  const suite = repository.checkSuites.get(key) ?? made;
  repository.checkSuites.set(key, suite);
  suite.updatedAt = now;
  for (const [name, conclusion] of Object.entries(runs)) {
    const log = logs?.[name];
    const said = outputs?.[name];
    const run = { id: nextId(github), conclusion, startedAt: now };
    const output = said === undefined ? {} : { output: { ...said, annotations: [] } };
    suite.runs.set(name, { ...run, ...(log === undefined ? {} : { log }), ...output });
  }
  if ([...suite.runs.values()].some((run) => run.conclusion === null)) return;
  emit(github, "check_suite", repository, repository.owner, {
    action: "completed",
    check_suite: await toCheckSuite(github, repository, suite),
  });
}

/** The suite that the App's own check runs of a commit belong to. */
const OWN = "(own)";

/** A check run of the App's own, made or made anew. Returns its id and suite. */
export async function setOwnRun(
  github: GitHub,
  repository: Repository,
  sha: string,
  run: {
    readonly id?: number;
    readonly name: string;
    readonly conclusion: CheckConclusion | null;
    readonly output?: CheckOutput;
  },
): Promise<{ readonly suite: CheckSuite; readonly id: number }> {
  const now = nowOf(github);
  const key = `${sha} ${OWN}`;
  const tip = (await listRefs(repository.git, "refs/heads/")).find((ref) => ref.sha === sha);
  const branch = tip?.ref.slice("refs/heads/".length) ?? null;
  const made: CheckSuite = { id: nextId(github), branch, sha, own: true, runs: new Map(), createdAt: now, updatedAt: now };
  const suite = repository.checkSuites.get(key) ?? made;
  repository.checkSuites.set(key, suite);
  suite.updatedAt = now;
  const { id = nextId(github), name, conclusion, output } = run;
  // A second one of a name takes the first one's place in what is shown.
  suite.runs.set(name, { id, conclusion, startedAt: now, ...(output === undefined ? {} : { output }) });
  if ([...suite.runs.values()].every((each) => each.conclusion !== null))
    emit(github, "check_suite", repository, github.app.bot, {
      action: "completed",
      check_suite: await toCheckSuite(github, repository, suite),
    });
  return { suite, id };
}
