import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { whyNoSandbox } from "../programs.ts";
import { sampleFiles } from "../sample.ts";
import { countCalls, ENDED, waitForComment } from "../watch.ts";
import { createWorld, PRODUCT, ROOT, TOOL_CACHE, type World } from "../world.ts";
import { furnishPool } from "./pool.ts";
import { readOptions, USAGE, type DemoOptions } from "./options.ts";
import { collect } from "./report.ts";
import { narrate } from "./story.ts";

/**
 * The main job on one machine, no account needed: real app, store, Action, harness and git; GitHub and the model are
 * programs that stand in. Ends with 0 only when the pull request exists and holds exactly the expected tree.
 */
const started = performance.now();
/** What a shell says of a program ended by Ctrl-C. */
const STOPPED = 130;

function line(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  for (const each of text.split("\n")) process.stdout.write(`${seconds}s  ${each}\n`);
}

function complain(text: string, code: number): number {
  process.stderr.write(`demo: ${text}\n`);
  return code;
}

async function demo(options: DemoOptions, stopped: AbortSignal): Promise<number> {
  for (const note of options.notes) line(note);
  const noSandbox = whyNoSandbox();
  if (noSandbox !== undefined) {
    if (options.live !== undefined) return complain(`--live needs the sandbox: ${noSandbox}`, 2);
    line(`${noSandbox}. The harness runs UNSANDBOXED, against the scripted model only`);
  }
  line("making ready the pinned harness and sandbox: about 390 MB from npm the first time, nothing after");
  const fetched = spawnSync(process.execPath, [join(ROOT, "action/src/prefetch.ts"), TOOL_CACHE], { encoding: "utf8" });
  if (fetched.status !== 0)
    return complain(`${fetched.stdout}${fetched.stderr}Check that npm reaches its registry, then try again.`, 1);
  if (stopped.aborted) return STOPPED;

  let telling = false;
  await using world = await createWorld({
    product:
      options.repo === undefined
        ? { files: sampleFiles() }
        : { fromGit: options.repo.folder, defaultBranch: options.repo.branch },
    script: options.script,
    sandboxed: noSandbox === undefined,
    ...(options.policy === undefined ? {} : { policy: options.policy }),
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    ...(options.live === undefined ? {} : { live: options.live }),
    onEvent: (event) => {
      const told = options.verbose ? `${event.from}: ${event.text}` : narrate(event);
      if (telling && told !== undefined) line(told);
    },
  });
  if (options.seats !== undefined) {
    await furnishPool(world, options.seats);
    line(`the pool has ${String(Object.keys(options.seats.seats).length)} seats, seen by earlier jobs as the file says`);
  }
  try {
    await world.app.start();
  } catch (error) {
    // Ctrl-C reaches the app as well.
    if (stopped.aborted) return complain("stopped, everything is removed", STOPPED);
    throw error;
  }
  telling = true;
  line("GitHub, its runner, the OIDC issuer, the model and the app answer on loopback");
  const { code, issue } = await tell(world, options, stopped);
  // What the app and the runner say while they are ended is no part of the story.
  telling = false;
  if (code === STOPPED) process.stderr.write("demo: stopped, everything is removed\n");
  else if (options.keep) await keep(world, issue, stopped);
  return code;
}

type Told = { readonly code: number; readonly issue: number };

async function tell(world: World, options: DemoOptions, stopped: AbortSignal): Promise<Told> {
  const { github, maintainer } = world;
  await lendSeats(world, options, stopped);
  if (stopped.aborted) return { code: STOPPED, issue: 0 };
  github.resetCalls();
  const labels = options.comment === undefined ? ["agent"] : [];
  const { number } = await maintainer.openIssue(PRODUCT, { ...options.issue, labels });
  line(
    `${maintainer.login} opens issue #${String(number)}, “${options.issue.title}”${labels.length > 0 ? ", labelled `agent`" : ""}`,
  );
  if (options.comment !== undefined) {
    line(`${maintainer.login} comments: ${options.comment}`);
    await maintainer.comment(PRODUCT, number, options.comment);
  }
  const limitMs = options.live === undefined ? 10 * MINUTE_MS : HOUR_MS + 15 * MINUTE_MS;
  const ended = await waitForOutcome(world, number, limitMs, stopped);
  if (stopped.aborted) {
    show(saidOn(world, number));
    return { code: STOPPED, issue: number };
  }
  if (ended === "answered" || ended === "ignored") {
    await world.app.stop();
    const comment = saidOn(world, number);
    show(comment);
    line(ended === "answered" ? "ANSWERED: nothing was asked to be started" : IGNORED);
    if (options.json) process.stdout.write(`${JSON.stringify({ ok: true, ended, comment })}\n`);
    return { code: 0, issue: number };
  }
  if (ended === "waits") line("the request waits, as its comment says: the demo doesn't wait with it");
  if (ended === "late")
    line(`no end within ${String(limitMs / SECOND_MS)} s; the app's last lines:\n${world.app.output().slice(-3_000)}`);
  // GitHub counts what it was asked up to here; the rest is our own looking.
  const calls = countCalls(world);
  await world.runner?.idle();
  await world.app.stop();
  const { comment, diff, explanation, ...result } = await collect(world, number, options);
  const violations = github.violations();
  const problems = [...result.problems, ...violations.map((text) => `GitHub's contract was broken: ${text}`)];
  const summary = { ...result, comment, problems, ...calls, contractViolations: violations.length };
  if (explanation !== undefined && (options.pool?.length ?? 0) > 1)
    process.stdout.write(`\nWhy these credentials (agent-pool why):\n\n${explanation}`);
  show(comment);
  if (diff !== "") process.stdout.write(`The pull request's change:\n\n${diff}\n\n`);
  for (const text of problems) line(`PROBLEM: ${text}`);
  line(problems.length === 0 ? pass(summary) : "FAILED, for the reasons above");
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: problems.length === 0, ...summary })}\n`);
  return { code: problems.length === 0 ? 0 : 1, issue: number };
}

function show(comment: string): void {
  process.stdout.write(`\nThe app's comment on the issue:\n\n${comment.replace(/^<!--.*-->\n+/, "") || "(none)"}\n`);
}

/** The app's comment on an issue. */
function saidOn({ github }: World, issue: number): string {
  return github.comments(PRODUCT, issue).find(({ login }) => login === github.app.botLogin)?.body ?? "";
}

/** What only waits after this long waits for hours. */
const WAITS_MS = 15 * SECOND_MS;
/** Whoever is answered is by now. */
const ANSWERED_MS = MINUTE_MS;
const IGNORED =
  "IGNORED: the app says nothing to this. A command is a line that begins with `/agent`, outside quotations and code blocks";

/** Until the comment says that it is over, has said for a while that it waits, or is an answer to what starts nothing. */
async function waitForOutcome(
  world: World,
  issue: number,
  forMs: number,
  stopped: AbortSignal,
): Promise<"ended" | "answered" | "ignored" | "waits" | "late"> {
  const isWaiting = (body: string) => body.includes("· waiting, number") || body.includes("· waiting for approval");
  const isAnswer = (body: string) => body.startsWith("<!-- agent-pool -->") && !ENDED.test(body);
  if (!(await waitForComment(world, PRODUCT, issue, () => true, Math.min(ANSWERED_MS, forMs), stopped))) return "ignored";
  const end = performance.now() + forMs;
  for (;;) {
    const left = end - performance.now();
    const isSettled = (body: string) => ENDED.test(body) || isWaiting(body) || isAnswer(body);
    if (!(await waitForComment(world, PRODUCT, issue, isSettled, left, stopped))) return "late";
    if (isAnswer(saidOn(world, issue))) return "answered";
    const goesOn = (body: string) => !isWaiting(body);
    if (!(await waitForComment(world, PRODUCT, issue, goesOn, Math.min(WAITS_MS, left), stopped))) return "waits";
    if (ENDED.test(saidOn(world, issue))) return "ended";
  }
}

/** Each seat that is to serve everyone is lent by its owner, on an issue of its own; what the app answers otherwise is shown. */
async function lendSeats(world: World, { pool = [] }: DemoOptions, stopped: AbortSignal): Promise<void> {
  const toLend = world.seatOwners.filter(({ seat }) => pool.some(({ name, serves }) => name === seat && serves === "everyone"));
  if (toLend.length === 0) return;
  const issue = { title: "Seats that serve everyone", body: "Lent here by their owners." };
  const { number } = await world.maintainer.openIssue(PRODUCT, issue);
  for (const { seat, person } of toLend) {
    line(`${person.login} lends a seat by a comment on issue #${String(number)}: /agent lend ${seat}`);
    await person.comment(PRODUCT, number, `/agent lend ${seat}`);
    const lent = (body: string) => body.includes(`lends \`${seat}\`.`);
    await waitForComment(world, PRODUCT, number, (body) => lent(body) || body.includes("· not started"), MINUTE_MS, stopped);
    if (stopped.aborted) return;
    const said = saidOn(world, number);
    if (!lent(said)) line(`the app doesn't take it: ${said.split("\n").at(4) ?? "(it said nothing)"}`);
  }
}

function pass({ pullRequest, attempts }: Omit<Awaited<ReturnType<typeof collect>>, "diff" | "explanation">): string {
  const sum = (usd: (attempt: (typeof attempts)[number]) => number | null) =>
    attempts.reduce((total, attempt) => total + (usd(attempt) ?? 0), 0);
  const cost = sum(({ costUsd }) => costUsd);
  const listed = sum(({ listedUsd }) => listedUsd);
  const paid = listed === cost ? "" : `, and $${(listed - cost).toFixed(4)} at list price paid by subscription`;
  return `pull request #${String(pullRequest?.number)} exists, for $${cost.toFixed(4)} of model use${paid}, and its tree is the one that an independent clone gives`;
}

/** `--keep`: the app starts again on the same store, and everything stays until it is stopped. */
async function keep(world: World, issue: number, stopped: AbortSignal): Promise<void> {
  await world.app.start();
  const { dataDir, github, app, model } = world;
  const pull = (await github.pulls(PRODUCT))[0];
  process.stdout.write(
    [
      "",
      `issue                   ${github.url}/${PRODUCT}/issues/${String(issue)}`,
      ...(pull === undefined ? [] : [`pull request            ${github.url}/${PRODUCT}/pull/${String(pull.number)}`]),
      `repository              git clone ${join(dataDir, "repositories", `${PRODUCT}.git`)}`,
      `app                     ${app.url}/readyz`,
      `GitHub's API            ${github.url}   model  ${model.url}`,
      `its pool                AGENT_POOL_DATA=${join(dataDir, "store")} npx agent-pool pool   (or why ${PRODUCT}#${String(issue)})`,
      "Ctrl-C ends and removes all of it.",
      "",
    ].join("\n"),
  );
  if (!stopped.aborted) await once(stopped, "abort");
}

const options = readOptions(process.argv.slice(2), process.env);
if (!options.ok) process.exitCode = complain(options.error, 2);
else if (options.value === "help") process.stdout.write(`${USAGE}\n`);
else {
  const stop = new AbortController();
  // However it is stopped, by a key, a closed terminal or a pipe that ends: all that was started ends too.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  process.stdout.on("error", () => stop.abort());
  process.exitCode = await demo(options.value, stop.signal);
}
