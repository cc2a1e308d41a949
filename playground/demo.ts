import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOUR_MS, SECOND_MS } from "#core/wire/units.ts";
import { sizeReason, routeReason } from "#core/task/comment.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import { openStore } from "#adapters/store/store.ts";
import { readOptions, USAGE, type DemoOptions } from "./demo-options.ts";
import { expectedTree, git } from "./independent.ts";
import { onPath, SANDBOX_PROGRAMS } from "./programs.ts";
import { sampleFiles } from "./sample.ts";
import { countCalls, waitForEnd } from "./watch.ts";
import { createWorld, PRODUCT, TOOL_CACHE, type World } from "./world.ts";

/**
 * The main job on one machine, no account needed: real app, store, Action, harness and git; GitHub and the model are
 * programs that stand in. Ends with 0 only when the pull request exists and holds exactly the expected tree.
 */
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const started = performance.now();

/** The runner's own mark-up: masks and groups, which say nothing of the work. */
const NOISE = /^runner: (::|##\[(group|endgroup)\])/;

function line(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${seconds}s  ${text}\n`);
}

async function demo(options: DemoOptions): Promise<number> {
  if (options.note !== undefined) line(options.note);
  const missing = Object.entries(SANDBOX_PROGRAMS).flatMap(([program, name]) => (onPath(program) ? [] : [name]));
  const sandboxed = missing.length === 0;
  if (!sandboxed) {
    const install = "`apt-get install bubblewrap socat ripgrep`";
    if (options.live !== undefined) {
      process.stderr.write(
        `demo: --live needs the sandbox, and ${missing.join(", ")} is missing. Run ${install}, then try again.\n`,
      );
      return 2;
    }
    line(`${missing.join(", ")} is missing (${install}): the harness runs UNSANDBOXED, against the scripted model only`);
  }
  let ready = false;
  line("fetching the pinned harness and sandbox into the tool cache, unless they are there");
  const fetched = spawnSync(process.execPath, [join(ROOT, "action/src/prefetch.ts"), TOOL_CACHE], { encoding: "utf8" });
  if (fetched.status !== 0) {
    process.stderr.write(`demo: ${fetched.stdout}${fetched.stderr}Check that npm reaches its registry, then try again.\n`);
    return 1;
  }
  line("starting GitHub, OIDC issuer, runner and model on loopback");
  const world = await createWorld({
    product:
      options.repo === undefined
        ? { files: sampleFiles() }
        : { fromGit: options.repo.folder, defaultBranch: options.repo.branch },
    script: options.script,
    sandboxed,
    ...(options.live === undefined ? {} : { live: options.live }),
    onEvent: (event) => {
      if (ready && !NOISE.test(event)) line(event);
    },
  });
  // Ctrl-C before the end: everything stops and its folder goes, as at the end.
  const interrupt = (): void => void Promise.resolve(world[Symbol.asyncDispose]()).finally(() => process.exit(130));
  process.once("SIGINT", interrupt);
  try {
    await world.app.start();
    ready = true;
    line(`the app answers on ${world.app.url}`);
    const report = await play(world, options);
    process.off("SIGINT", interrupt);
    if (options.keep) await keep(world, report);
    return report.exitCode;
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

type Report = { readonly exitCode: number; readonly issue: number };

async function play(world: World, options: DemoOptions): Promise<Report> {
  const { github, maintainer } = world;
  github.resetCalls();
  const labels = options.comment === undefined ? ["agent"] : [];
  const issue = await maintainer.openIssue(PRODUCT, { ...options.issue, labels });
  line(`issue #${String(issue.number)} opened by ${maintainer.login}${labels.length > 0 ? ", labelled `agent`" : ""}`);
  if (options.comment !== undefined) {
    await maintainer.comment(PRODUCT, issue.number, options.comment);
    line(`${maintainer.login} comments: ${options.comment}`);
  }
  const limitMs = options.live === undefined ? 80 * SECOND_MS : HOUR_MS;
  if (!(await waitForEnd(world, PRODUCT, issue.number, limitMs))) {
    line(`no end within ${String(limitMs / SECOND_MS)} s; the app's last lines:\n${world.app.output().slice(-3_000)}`);
  }
  // GitHub counts what it was asked up to here; the rest is our own looking.
  const calls = countCalls(world);
  await world.runner?.idle();
  await world.app.stop();
  const result = await collect(world, issue.number, options);
  const summary = { ...result, ...calls, contractViolations: github.violations().length };
  for (const violation of github.violations()) line(`CONTRACT VIOLATION: ${violation}`);
  for (const text of result.problems) line(`PROBLEM: ${text}`);
  const passed = result.problems.length === 0 && github.violations().length === 0;
  process.stdout.write(`\n${result.comment}\n`);
  if (result.diff !== "") process.stdout.write(`\n${result.diff}\n`);
  line(passed ? "the pull request exists, and its tree is the one an independent clone gives" : "FAILED, see above");
  if (options.json) {
    const { comment: _comment, diff: _diff, problems, ...json } = summary;
    process.stdout.write(`${JSON.stringify({ ok: passed, problems, ...json })}\n`);
  }
  return { exitCode: passed ? 0 : 1, issue: issue.number };
}

async function collect(world: World, issue: number, options: DemoOptions) {
  const { github } = world;
  const problems: string[] = [];
  const comments = github.comments(PRODUCT, issue).filter((comment) => comment.login === github.app.botLogin);
  const comment = comments[0]?.body ?? "";
  const store = await openStore({ directory: join(world.dataDir, "store") });
  try {
    const id = parseCommentMarker(comment);
    const task = id === undefined ? undefined : await store.readTask(id);
    const attempts = task === undefined ? [] : await store.readAttempts(task.id);
    const plan = task?.plan ?? null;
    const pull = (await github.pulls(PRODUCT))[0];
    if (comments.length !== 1) problems.push(`${String(comments.length)} comments by the app, not one`);
    if (pull === undefined || plan === null) problems.push(`no pull request; the task is ${task?.state ?? "unknown"}`);
    const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
    let tree = "";
    const files: { path: string; status: string }[] = [];
    let diff = "";
    if (pull !== undefined && plan !== null) {
      tree = await git(gitDir, "rev-parse", `${pull.headSha}^{tree}`);
      const outcome = attempts.at(-1)?.outcome;
      const changes = outcome?.kind === "ran" ? outcome.changes : [];
      const wanted = await expectedTree(
        gitDir,
        plan.base.commit,
        options.live === undefined ? { script: options.script } : { changes },
      );
      if (tree !== wanted) problems.push(`the pull request's tree is ${tree}, an independent clone gives ${wanted}`);
      const status: Record<string, string> = { A: "added", M: "modified", D: "deleted" };
      const fields = (await git(gitDir, "diff", "--name-status", "--no-renames", "-z", plan.base.commit, pull.headSha)).split(
        "\0",
      );
      for (let at = 0; at + 1 < fields.length; at += 2)
        files.push({ path: fields[at + 1] ?? "", status: status[fields[at] ?? ""] ?? "unknown" });
      diff = await git(gitDir, "diff", plan.base.commit, pull.headSha);
      if (pull.login !== github.app.botLogin) problems.push(`the pull request is by ${pull.login}`);
    }
    return {
      pullRequest:
        pull === undefined
          ? null
          : {
              number: pull.number,
              url: `${github.url}/${PRODUCT}/pull/${String(pull.number)}`,
              author: pull.login,
              draft: pull.draft,
              head: pull.head,
              base: pull.base,
              files,
              body: pull.body,
              tree,
            },
      task:
        task === undefined
          ? null
          : { state: task.state, size: plan?.size ?? null, reasons: plan?.sizeReasons.map(sizeReason) ?? [] },
      route: plan === null ? null : { ...plan.route, reasons: plan.routeReasons.map(routeReason) },
      credential: attempts.at(-1)?.credential ?? null,
      attempts: attempts.map((attempt) => ({
        verdict: attempt.verdict,
        why: attempt.why,
        usage: attempt.outcome?.usage ?? null,
        costUsd: attempt.costs.model === null ? null : attempt.costs.model / 1_000_000,
        runnerUsd: attempt.costs.runner === null ? null : attempt.costs.runner / 1_000_000,
        sandbox: attempt.outcome?.kind === "ran" ? attempt.outcome.sandbox : null,
        ms: attempt.outcome?.ms ?? null,
      })),
      comments: comments.length,
      comment,
      diff,
      problems,
    };
  } finally {
    await store.close();
  }
}

/** `--keep`: the app starts again on the same store, and everything stays until Ctrl-C. */
async function keep(world: World, report: Report): Promise<void> {
  await world.app.start();
  line(
    `app ${world.app.url} · GitHub ${world.github.url} · model ${world.model.url} · git clone ${world.github.url}/${PRODUCT}.git`,
  );
  line(`issue #${String(report.issue)} of ${PRODUCT}; data in ${world.dataDir}; Ctrl-C ends and removes all of it`);
  await once(process, "SIGINT");
}

const options = readOptions(process.argv.slice(2), process.env);
if (process.argv.includes("--help")) process.stdout.write(`${USAGE}\n`);
else if (!options.ok) {
  process.stderr.write(`${options.error}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await demo(options.value);
}
