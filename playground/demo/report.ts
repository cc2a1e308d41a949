import { join } from "node:path";
import { routeReason } from "#core/task/comment.ts";
import { parseCommentMarker, parseReplyMarker } from "#core/task/markers.ts";
import { sizeReason } from "#core/task/size-words.ts";
import { render } from "#cli/command.ts";
import { ask } from "#cli/local.ts";
import { openStore } from "#adapters/store/store.ts";
import { compareTrees, git } from "../independent.ts";
import { PRODUCT, type World } from "../world.ts";
import type { DemoOptions } from "./options.ts";

const STATUS: Readonly<Record<string, string>> = { A: "added", M: "modified", D: "deleted", T: "modified" };

/** What came of the request, read from GitHub and from the app's store, and what is wrong with it. */
export async function collect(world: World, issue: number, options: DemoOptions) {
  const { github } = world;
  // Beside the one that calls who asked.
  const comments = github
    .comments(PRODUCT, issue)
    .filter(({ login, body }) => login === github.app.botLogin && parseReplyMarker(body) === undefined);
  const comment = comments[0]?.body ?? "";
  const pull = (await github.pulls(PRODUCT))[0];
  const { task, leases, decisions, explanation } = await readStore(world, comment);
  const plan = task?.plan ?? null;
  const problems: string[] = [];
  if (comments.length !== 1) problems.push(`${String(comments.length)} comments by the app, not one`);
  const published = pull === undefined || plan === null ? undefined : await readPull(world, pull, plan.base.commit, options);
  if (published === undefined) problems.push(`no pull request: the task is ${task?.state ?? "unknown"}, its comment says why`);
  else problems.push(...published.problems);
  return {
    pullRequest: published?.pullRequest ?? null,
    task:
      task === undefined
        ? null
        : { state: task.state, size: plan?.size ?? null, reasons: plan?.sizeReasons.map(sizeReason) ?? [] },
    route: plan === null ? null : { ...plan.route, reasons: plan.routeReasons.map(routeReason) },
    credential: leases.at(-1)?.credential ?? null,
    attempts: leases.map(({ attempt, credential, report, costs }) => ({
      number: attempt.number,
      credential,
      verdict: attempt.verdict,
      why: attempt.why,
      usage: report?.usage ?? null,
      costUsd: costs.model === null ? null : costs.model / 1_000_000,
      listedUsd: costs.listed === null ? null : costs.listed / 1_000_000,
      runnerUsd: costs.runner === null ? null : costs.runner / 1_000_000,
      sandbox: report?.kind === "ran" ? report.sandbox : null,
      ms: report?.ms ?? null,
    })),
    decisions: decisions.map(({ credential, record }) => ({
      credential,
      strategy: record.snapshot.strategy,
      candidates: record.candidates,
    })),
    explanation,
    comments: comments.length,
    problems,
    comment,
    diff: published?.diff ?? "",
  };
}

async function readStore(world: World, comment: string) {
  const store = await openStore({ directory: join(world.dataDir, "store") });
  try {
    const id = parseCommentMarker(comment);
    const task = id == null ? undefined : await store.readTask(id);
    if (task === undefined) return { task, leases: [], decisions: [], explanation: undefined };
    const explained = await ask(store, "why", task.id);
    return {
      task,
      leases: await store.readLeases(task.id),
      decisions: await store.readDecisions(task.id),
      explanation: explained.ok ? render({ what: "why", of: task.id, json: false }, explained.value) : undefined,
    };
  } finally {
    await store.close();
  }
}

type Pull = Awaited<ReturnType<World["github"]["pulls"]>>[number];

async function readPull({ github, dataDir, sandboxed }: World, pull: Pull, base: string, options: DemoOptions) {
  const gitDir = join(dataDir, "repositories", `${PRODUCT}.git`);
  const tree = await git(gitDir, "rev-parse", `${pull.headSha}^{tree}`);
  const change = options.live === undefined ? { script: options.script, sandboxed } : { patchTo: pull.headSha };
  const problems = await compareTrees(gitDir, base, change, tree);
  if (pull.login !== github.app.botLogin) problems.push(`the pull request is by ${pull.login}`);
  const fields = (await git(gitDir, "diff", "--name-status", "--no-renames", "-z", base, pull.headSha)).split("\0");
  const files: { path: string; status: string }[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2)
    files.push({ path: fields[at + 1] ?? "", status: STATUS[fields[at] ?? ""] ?? "unknown" });
  const { number, login: author, draft, head, base: into, body } = pull;
  const url = `${github.url}/${PRODUCT}/pull/${String(number)}`;
  return {
    pullRequest: { number, url, author, draft, head, base: into, files, body, tree },
    diff: await git(gitDir, "diff", base, pull.headSha),
    problems,
  };
}
