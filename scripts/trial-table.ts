/**
 * Computes the table of `agent-pool trial … --json` again, from its runs alone and by none of the app's code.
 *
 *   node scripts/trial-table.ts FILE
 *
 * Prints it as JSON. Ends with 1 where the file's own table is another.
 */
import { readFileSync } from "node:fs";

type Run = { pull: number; route: string; mark: string; model: number; runner: number; ms: number };
type File = { runs: Run[]; table: { route: string }[] };

const { runs, table } = JSON.parse(readFileSync(process.argv[2] ?? "/dev/stdin", "utf8")) as File;

const figures = new Map<
  string,
  { resolved: number; judged: number; unjudged: number; model: number; runner: number; times: number[] }
>();
for (const { route } of table) figures.set(route, { resolved: 0, judged: 0, unjudged: 0, model: 0, runner: 0, times: [] });
for (const run of runs) {
  if (runs.some((other) => other.pull === run.pull && other.mark === "provesNothing")) continue;
  const of = figures.get(run.route);
  if (of === undefined) continue;
  if (run.mark === "unjudged") of.unjudged += 1;
  if (run.mark !== "resolved" && run.mark !== "failed") continue;
  of.judged += 1;
  if (run.mark === "resolved") of.resolved += 1;
  of.model += run.model;
  of.runner += run.runner;
  of.times.push(run.ms);
}

function middle(times: number[]): number | null {
  if (times.length === 0) return null;
  times.sort((a, b) => a - b);
  const half = times.length >> 1;
  const odd = times.length % 2 === 1;
  return odd ? (times[half] ?? 0) : Math.round(((times[half - 1] ?? 0) + (times[half] ?? 0)) / 2);
}

const again = [...figures].map(([route, { resolved, judged, unjudged, model, runner, times }]) => ({
  route,
  resolved,
  judged,
  unjudged,
  model,
  runner,
  perResolved: resolved > 0 ? Math.round((model + runner) / resolved) : null,
  medianMs: middle(times),
}));

const same = JSON.stringify(again) === JSON.stringify(table);
process.stdout.write(`${JSON.stringify(again, null, 2)}\n${same ? "The same as" : "Not"} the table in the file.\n`);
process.exitCode = same ? 0 : 1;
