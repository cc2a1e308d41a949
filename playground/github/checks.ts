import type { Checks } from "./emulated-github.ts";
import { resolve } from "./git-repository.ts";
import { toCheckSuite } from "./shapes/check.ts";
import { nextId, nowOf, type CheckSuite, type GitHub, type Repository } from "./state.ts";
import { emit } from "./webhooks.ts";

/** What a workflow's checks have come to on a branch's tip. GitHub tells of a suite's end once none of its runs is under way. */
export async function runChecks(github: GitHub, repository: Repository, checks: Checks): Promise<void> {
  const { branch, workflow, runs, own = false } = checks;
  const sha = await resolve(repository.git, `refs/heads/${branch}`);
  if (sha === undefined) throw new Error(`no branch ${branch}: push it first`);
  const key = `${sha} ${workflow}`;
  const now = nowOf(github);
  const made: CheckSuite = { id: nextId(github), branch, sha, own, runs: new Map(), createdAt: now, updatedAt: now };
  const suite = repository.checkSuites.get(key) ?? made;
  repository.checkSuites.set(key, suite);
  suite.updatedAt = now;
  for (const [name, conclusion] of Object.entries(runs)) {
    suite.runs.set(name, { id: nextId(github), conclusion, startedAt: now });
  }
  if ([...suite.runs.values()].some((run) => run.conclusion === null)) return;
  emit(github, "check_suite", repository, repository.owner, {
    action: "completed",
    check_suite: await toCheckSuite(github, repository, suite),
  });
}
