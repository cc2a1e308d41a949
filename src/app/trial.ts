import { z } from "zod";
import { Change } from "#core/wire/contract.ts";
import { describe, type Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { formatUsd, MicroUsd } from "#core/wire/units.ts";
import { taskBudget } from "#core/config/policy.ts";
import { EVERYONE } from "#core/config/terms.ts";
import { cleanText, type Brief, type Requester } from "#core/request/brief.ts";
import { sum } from "#core/plan/figures.ts";
import { sizeOf } from "#core/plan/size.ts";
import type { Asker, Plan } from "#core/plan/plan.ts";
import { runnerAtMost } from "#core/pool/ledger.ts";
import { issueToTry, testsOf, type ClosedIssue, type LeftOut, type TestChange } from "#core/trial/choice.ts";
import { OFFER_STANDS_DAYS } from "#core/trial/lifecycle.ts";
import { routeNamed } from "#core/trial/route.ts";
import type { TrialOffer } from "#core/trial/report.ts";
import { ActorId, TaskId } from "#core/wire/ids.ts";
import type { GitHub, GitHubFailure, MergedPage, Place } from "#ports/github.ts";
import type { ClaimedTrial, TrialPull } from "#ports/trial.ts";
import type { Deps, Worked } from "./deps.ts";
import { knownOf, readLedger } from "./known.ts";
import { configure, type Configured } from "./plan.ts";
import { minutePrice } from "./policy.ts";

/** How many pages of merged pull requests are looked through. */
const MAX_PAGES = 8;

/** choosing → offered, or failed; an offer that nobody begins → failed; later: what the budget holds is started, until nothing is left. */
export async function workOnTrial(deps: Deps, trial: ClaimedTrial): Promise<Worked> {
  if (trial.state === "choosing") return choose(deps, trial);
  if (trial.state === "offered") await deps.store.failTrial(trial, NOT_BEGUN);
  else await deps.store.fundTrial(trial);
  return { restMs: null };
}

async function choose(deps: Deps, trial: ClaimedTrial): Promise<Worked> {
  const { store, github, runtime } = deps;
  const prepared = await prepare(deps, trial);
  if ("failed" in prepared) return prepared;
  if ("why" in prepared) {
    await store.failTrial(trial, prepared.why);
    return "done";
  }
  const { place, bot } = prepared;
  const chosen = await choosePulls(github, place, trial.last);
  if (!chosen.ok) return { failed: chosen.error };
  const branch = prepared.configured.base.branch;
  const pulls = chosen.value.pulls.map(({ pull, issue, parent, overlay }): TrialPull => {
    return { pull, brief: toBrief(place, issue, bot), base: { branch, ...parent }, overlay };
  });
  const [first] = pulls;
  if (first === undefined) {
    await store.failTrial(trial, NOTHING_TO_TRY);
    return "done";
  }
  const offer = await makeOffer(deps, trial, prepared, first.brief, pulls, chosen.value.leftOut);
  if (offer.budget < offer.atMost.run) await store.failTrial(trial, tooLittle(offer));
  else await store.offerTrial(trial, place.owner.id, offer, pulls);
  runtime.log.info({ trial: trial.id, pulls: pulls.length, leftOut: offer.leftOut.length }, "a trial was looked into");
  return "done";
}

/** Why a trial that was given up on has failed, for who asked on the command line. */
export function whyGivenUp(failure: Failure): string {
  if (failure.reason === "github-refused")
    return `GitHub refused ${failure.route} with ${String(failure.status)}: ${failure.message}`;
  return failure.reason === "tries-used-up" ? `given up: ${failure.last}` : describe(failure);
}

const NOTHING_TO_TRY =
  "none of the pull requests that were merged last closed an issue, changed the code and added or changed tests; docs/trial.md says which can be tried";

const NOT_BEGUN = `it was offered, and not begun within ${String(OFFER_STANDS_DAYS)} days: the tests that were kept for it are dropped; ask for another`;

function tooLittle({ atMost, budget }: TrialOffer): string {
  return `one run may cost up to ${formatUsd(atMost.run)}, and the budget is ${formatUsd(budget)}: raise --budget, or lower task.budget in the policy`;
}

type Prepared = { readonly place: Place; readonly bot: Requester; readonly configured: Configured };

/** Where the work is, and under which configuration; or why there is none. */
async function prepare(
  { github }: Deps,
  { repository, routes }: ClaimedTrial,
): Promise<Prepared | { readonly why: string } | { readonly failed: GitHubFailure }> {
  const [owner] = repository.toLowerCase().split("/");
  const read = await github.readPlaces(({ login }) => login.toLowerCase() === owner);
  if (!read.ok) return { failed: read.error };
  const { places, refused } = read.value;
  if (refused[0] !== undefined) return { failed: refused[0].failure };
  const place = places.find((each) => nameOf(each).toLowerCase() === repository.toLowerCase());
  if (place === undefined) return { why: `the App is not installed on ${repository}` };
  const bot = await github.readBot(place);
  if (!bot.ok) return { failed: bot.error };
  const setUp = await github.readSetUp(place);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(place, setUp.value);
  if (!configured.ok) return { why: describe(configured.error) };
  for (const word of routes) {
    const route = routeNamed(configured.value.read.policy, word);
    if (!route.ok) return { why: describe(route.error) };
  }
  return { place, bot: { id: ActorId(bot.value.id), login: bot.value.login }, configured: configured.value };
}

function nameOf({ owner, repository }: Place): string {
  return `${owner.login}/${repository.name}`;
}

type Chosen = {
  readonly pull: number;
  readonly issue: ClosedIssue;
  readonly parent: Omit<Plan["base"], "branch">;
  readonly overlay: readonly Change[];
};

/** The newest that can be tried, and those between them that can't. */
async function choosePulls(
  github: GitHub,
  place: Place,
  last: number,
): Promise<Result<{ pulls: readonly Chosen[]; leftOut: TrialOffer["leftOut"] }, GitHubFailure>> {
  const pulls: Chosen[] = [];
  const leftOut: { pull: number; why: LeftOut }[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const read = await github.readMerged(place, after);
    if (!read.ok) return read;
    for (const pull of read.value.pulls.toSorted((a, b) => b.mergedAt - a.mergedAt)) {
      if (pulls.length === last) return ok({ pulls, leftOut });
      const taken = await take(github, place, pull);
      if (!taken.ok) return taken;
      if (typeof taken.value === "string") leftOut.push({ pull: pull.number, why: taken.value });
      else pulls.push(taken.value);
    }
    after = read.value.next;
    if (after === null) break;
  }
  return ok({ pulls, leftOut });
}

async function take(
  github: GitHub,
  place: Place,
  pull: MergedPage["pulls"][number],
): Promise<Result<Chosen | LeftOut, GitHubFailure>> {
  const issue = issueToTry(pull);
  const { merge, parent, paths } = pull;
  if (!issue.ok) return ok(issue.error);
  if (merge === null || parent === null || paths === null) return ok("not-one-commit");
  const [before, after] = [await github.readFiles(place, parent.tree), await github.readFiles(place, merge.tree)];
  if (!before.ok) return before;
  if (!after.ok) return after;
  if (before.value === null || after.value === null) return ok("too-large");
  const tests = testsOf(before.value, after.value, paths);
  if (!tests.ok) return ok(tests.error);
  const overlay = await readTests(github, place, tests.value);
  if (!overlay.ok) return overlay;
  // What the job would not read: a path that can't be stored, say.
  const readable = z.array(Change).safeParse(overlay.value);
  return ok(readable.success ? { pull: pull.number, issue: issue.value, parent, overlay: readable.data } : "not-files");
}

async function readTests(
  github: GitHub,
  place: Place,
  tests: readonly TestChange[],
): Promise<Result<readonly Change[], GitHubFailure>> {
  const overlay: Change[] = [];
  for (const test of tests) {
    if (test.status === "deleted") overlay.push(test);
    else {
      const content = await github.readBlob(place, test.blob);
      if (!content.ok) return content;
      overlay.push({ ...test, content: content.value });
    }
  }
  return ok(overlay);
}

/** Title and text alone, as they stand now: what was said below may tell the solution. Nobody on GitHub asks for it, so the App does. */
function toBrief({ installation, owner, repository }: Place, issue: ClosedIssue, bot: Requester): Brief {
  const { number, labels } = issue;
  return {
    installation,
    owner,
    repository,
    issue: { number, title: cleanText(issue.title), body: cleanText(issue.body), labels },
    author: bot,
    requester: bot,
    comment: null,
  };
}

/** For fairness and budgets: in no team, and behind all others. */
export function askerOf({ requester, repository }: Brief): Asker {
  const { id, login } = requester;
  const { id: repositoryId, name } = repository;
  return { team: EVERYONE, person: id, login, urgent: false, patient: true, repository: { id: repositoryId, name } };
}

/** What it would cost, by what jobs like these have cost here, or the priors. */
async function makeOffer(
  { store }: Deps,
  trial: ClaimedTrial,
  { configured }: Prepared,
  brief: Brief,
  pulls: readonly TrialPull[],
  leftOut: TrialOffer["leftOut"],
): Promise<TrialOffer> {
  const { policy } = configured.read;
  const model = taskBudget(policy);
  const { moves } = policy.task;
  const atMost = { model, moves, run: MicroUsd(model + runnerAtMost(minutePrice(policy)) * (1 + moves)) };
  // For costs alone: of no task's own.
  const ledger = await readLedger(store, { id: TaskId(trial.id), brief }, policy);
  const { costOf } = knownOf(ledger, brief.repository.id, policy);
  const routes = trial.routes.flatMap((word) => {
    const named = routeNamed(policy, word);
    if (!named.ok) return [];
    const { route, price } = named.value;
    const costs = pulls.map((each) => costOf(sizeOf(each.brief).size, route, price));
    return [{ word, route, expected: MicroUsd(sum(costs, (cost) => Math.min(cost.model, model) + cost.runner)) }];
  });
  const expected = sum(routes, (each) => each.expected);
  return {
    routes,
    pulls: pulls.map((each) => ({ pull: each.pull, issue: each.brief.issue.number, title: each.brief.issue.title })),
    leftOut,
    atMost,
    // Estimates are as often below as above: twice as much, and never less than one run needs.
    budget: trial.budget ?? MicroUsd(Math.max(2 * expected, atMost.run)),
  };
}
