import { setTimeout } from "node:timers/promises";
import type { TrialReport } from "#app/trial-report.ts";
import { sum } from "#core/plan/figures.ts";
import { LEFT_OUT } from "#core/trial/choice.ts";
import { OFFER_STANDS_DAYS } from "#core/trial/lifecycle.ts";
import type { Mark, RouteRow, TrialOffer, TrialRun } from "#core/trial/report.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { plain } from "./doctor.ts";
import type { Terminal } from "./terminal.ts";
import { table, usd } from "./text.ts";
import type { TrialOptions } from "./trial-options.ts";

export type TrialTools = {
  /** The app, or its store (local.ts). */
  readonly ask: (what: string, of: string) => Promise<Result<unknown, string>>;
  readonly terminal: Pick<Terminal, "interactive" | "confirm">;
  /** What was asked for. */
  readonly print: (text: string) => void;
  /** What somebody who watches is told meanwhile. */
  readonly tell: (line: string) => void;
};

const LOOK_MS = SECOND_MS;
/** An app that works has begun to choose by then. */
const SILENT_MS = MINUTE_MS;

/** Asks for a trial, or goes on with one, up to its table. Errors: one line. */
export async function runTrial(options: TrialOptions, tools: TrialTools): Promise<Result<void, string>> {
  const { ask, print, tell, terminal } = tools;
  const { trial, yes, json, stop } = options;
  const asked = "id" in trial ? ok(trial.id) : await ask("trial-ask", JSON.stringify(trial));
  if (!asked.ok) return asked;
  const id = String(asked.value);
  if (stop) {
    const stopped = await ask("trial-stop", id);
    if (!stopped.ok) return stopped;
    tell(`${id}: nothing of it starts any more`);
    return show(await read(tools, id), options, tools);
  }
  tell(`${id}: the app looks which pull requests can be tried`);
  const chosen = await until(tools, id, ({ state }) => state !== "choosing");
  if (!chosen.ok) return chosen;
  const { offer, state, failure } = chosen.value;
  if (failure !== null) return err(failure);
  if (state === "offered" && offer !== null) {
    (json ? tell : print)(renderOffer(chosen.value, offer));
    if (!yes && !terminal.interactive) return err(`nothing was begun; \`agent-pool trial ${id} --yes\` begins it`);
    if (!yes && !(await terminal.confirm(`Begin, for at most ${usd(offer.budget)}?`))) {
      tell(`nothing was begun; \`agent-pool trial ${id}\` asks again`);
      return ok(undefined);
    }
    const started = await ask("trial-start", id);
    if (!started.ok) return started;
  }
  tell(`${id} goes on without this command: Ctrl-C leaves it running, \`agent-pool trial ${id} --stop\` ends it`);
  let said = "";
  const ended = await until(tools, id, (report) => {
    const line = progress(report.runs);
    if (line !== said) tell(line);
    said = line;
    return report.over;
  });
  return show(ended, options, tools);
}

function show(
  report: Result<TrialReport, string>,
  { json }: Pick<TrialOptions, "json">,
  { print }: Pick<TrialTools, "print">,
): Result<void, string> {
  if (!report.ok) return report;
  print(json ? `${JSON.stringify(report.value, null, 2)}\n` : renderTrial(report.value));
  return ok(undefined);
}

async function read({ ask }: Pick<TrialTools, "ask">, id: string): Promise<Result<TrialReport, string>> {
  const answered = await ask("trial", id);
  // It was made by this program, of this version or by the one that runs.
  return answered.ok ? ok(answered.value as TrialReport) : answered;
}

async function until(
  tools: TrialTools,
  id: string,
  isDone: (report: TrialReport) => boolean,
): Promise<Result<TrialReport, string>> {
  let waited = 0;
  for (;;) {
    const report = await read(tools, id);
    if (!report.ok || isDone(report.value)) return report;
    await setTimeout(LOOK_MS);
    waited += LOOK_MS;
    if (waited === SILENT_MS && report.value.state === "choosing") tools.tell("still looking; is the app running?");
  }
}

function progress(runs: readonly TrialRun[]): string {
  const count = (...marks: readonly Mark[]) => runs.filter(({ mark }) => marks.includes(mark)).length;
  const ended = runs.length - count("waits", "goesOn");
  return `${String(ended)} of ${String(runs.length)} ended, ${String(count("resolved"))} resolved, ${String(count("goesOn"))} under way`;
}

const MARKS: Record<Mark, readonly [sign: string, meaning: string]> = {
  resolved: ["✓", "resolved"],
  failed: ["✗", "not resolved"],
  goesOn: ["…", "under way"],
  waits: ["·", "waits"],
  provesNothing: ["=", "the tests pass without a change: left out of the figures"],
  unjudged: ["?", "could not be judged, for no fault of the route's: left out of the figures"],
  notRun: ["-", "not run"],
};

const LONGEST_TITLE = 50;

/** What would be done, and what it would cost. Pure. */
export function renderOffer({ trial, repository }: Pick<TrialReport, "trial" | "repository">, offer: TrialOffer): string {
  const { routes, pulls, leftOut, atMost, budget } = offer;
  const expected = sum(routes, (each) => each.expected);
  const costs = routes.map(({ word, route, expected: each }) => [
    `  ${plain(word)}`,
    `${route.harness} with ${route.model}${route.effort === null ? "" : `, effort ${route.effort}`}`,
    `≈ ${usd(each)}`,
  ]);
  return [
    `${trial}: ${String(pulls.length)} pull requests of ${plain(repository)}, each by ${String(routes.length)} routes`,
    ...pulls.map(({ pull, issue, title }) => `  #${String(pull)}, which closed #${String(issue)}: ${shorten(title)}`),
    ...leftOutLines(leftOut),
    "",
    table(costs),
    `≈ ${usd(expected)} in all at list price, runners included, by what such jobs have cost; one may cost up to ${usd(atMost.run)}.`,
    `No more than ${usd(budget)} is spent: what doesn't fit is not begun.`,
    `It can be begun for ${String(OFFER_STANDS_DAYS)} days; until then, the app keeps these pull requests' tests.`,
    "An issue that was edited after its fix may tell the solution; title and text are taken as they stand now.",
    "",
  ].join("\n");
}

function leftOutLines(leftOut: TrialOffer["leftOut"]): string[] {
  const groups = Map.groupBy(leftOut, ({ why }) => why);
  return [...groups].map(([why, of]) => {
    const named = of.slice(0, 10).map(({ pull }) => `#${String(pull)}`);
    return `  left out, ${LEFT_OUT[why]}: ${named.join(", ")}${of.length > named.length ? ` and ${String(of.length - named.length)} more` : ""}`;
  });
}

/** The trial's table. Pure. */
export function renderTrial({ trial, repository, state, offer, runs, table: rows }: TrialReport): string {
  const routes = rows.map(({ route }) => route);
  const head = ["route", "resolved", "unjudged", "model", "runner", "per resolved", "median"];
  const grid = (offer?.pulls ?? []).map(({ pull, issue, title }) => [
    `#${String(pull)} (issue #${String(issue)})`,
    ...routes.map((route) => MARKS[runs.find((run) => run.pull === pull && run.route === route)?.mark ?? "notRun"][0]),
    shorten(title),
  ]);
  const used = new Set(runs.map(({ mark }) => mark));
  const legend = Object.entries(MARKS).filter(([mark]) => used.has(mark as Mark));
  return [
    `${trial} of ${plain(repository)}, ${state}`,
    "",
    table([head, ...rows.map(cellsOf)]),
    "",
    table([["pull request", ...routes.map(plain), ""], ...grid]),
    ...legend.map(([, [sign, meaning]]) => `  ${sign} ${meaning}`),
    "",
  ].join("\n");
}

function cellsOf({ route, resolved, judged, unjudged, model, runner, perResolved, medianMs }: RouteRow): string[] {
  return [
    plain(route),
    `${String(resolved)} of ${String(judged)}`,
    String(unjudged),
    usd(model),
    usd(runner),
    perResolved === null ? "-" : usd(perResolved),
    medianMs === null ? "-" : `${(medianMs / MINUTE_MS).toFixed(1)} min`,
  ];
}

function shorten(title: string): string {
  const line = plain(title);
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1).trimEnd()}…` : line;
}
