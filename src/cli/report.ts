import { ENOUGH, type Figure } from "#core/plan/figures.ts";
import type { Alternative } from "#core/plan/alternatives.ts";
import type { Calibration, RoutingReport } from "#core/plan/routing-report.ts";
import type { Tally } from "#core/plan/scoreboard.ts";
import type { OwnerRouting } from "#app/routing-report.ts";
import { percent, span, table, usd } from "./text.ts";

/** `agent-pool report routing`, for people. */
export function renderRoutings(owners: readonly OwnerRouting[]): string {
  if (owners.length === 0) return "No owner's policy has been read yet: label an issue first.\n";
  return `${owners.map(({ owner, routing }) => `${owner}\n${renderRouting(routing)}`).join("\n\n")}\n`;
}

function renderRouting({ tasks, total, routes, calibration, alternatives }: RoutingReport): string {
  if (tasks === 0) return "No attempt has ended in the last 180 days.";
  const head = [
    `${counted(tasks, "task")} and ${counted(total.attempts, "attempt")} of the last 180 days; model at list price, and runner minutes`,
    `"too few": fewer than ${String(ENOUGH)}, whose number stands behind it`,
  ];
  return [
    ...head,
    "",
    "Routes, by repository",
    table([
      ["", "verified", "pull requests", "cost per merged", "rounds", "opened to merged"],
      ...routes.map((route) => row(`${route.repository}  ${route.harness} ${route.model}`, route)),
      ...(routes.length > 1 ? [row("all", total)] : []),
    ]),
    "",
    "Chance that was predicted, against what came",
    renderCalibration(calibration),
    "",
    "What was done, against what might have been (estimated from your own attempts on issues of the same size; docs/routing.md)",
    table([["", "verified", "cost a task", "regret a task"], ...alternatives.map(alternativeRow)].map((cells) => indent(cells))),
  ].join("\n");
}

function row(name: string, tally: Tally): string[] {
  const { tried, verified, pulls, merged, closed, reverted, costPerMerged, roundsPerMerged, msToMerge } = tally;
  const ends = [
    `${String(merged)} merged`,
    ...(closed > 0 ? [`${String(closed)} closed`] : []),
    ...(reverted > 0 ? [`${String(reverted)} reverted`] : []),
  ];
  return [
    `  ${name}`,
    tried === 0 ? "none tried" : `${String(verified)} of ${String(tried)}`,
    pulls === 0 ? "none" : `${ends.join(", ")} of ${String(pulls)}`,
    say(costPerMerged, usd),
    say(roundsPerMerged, (rounds) => rounds.toFixed(1)),
    say(msToMerge, span),
  ];
}

function renderCalibration({ brier, uninformed, bins }: Calibration): string {
  const distance = (figure: Figure) => say(figure, (value) => value.toFixed(3));
  return [
    `  Brier score ${distance(brier)}; always saying the mean would score ${distance(uninformed)} (0 is perfect)`,
    table(
      bins.map(({ of, predicted, verified }) =>
        indent([`predicted ${percent(predicted)}`, `came ${percent(verified)}`, counted(of, "attempt")]),
      ),
    ),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

const POLICY: Readonly<Record<Alternative["policy"], string>> = {
  done: "what was done",
  "always-light": "always light",
  "always-frontier": "always frontier",
  cascade: "plain cascade",
};

function alternativeRow({ policy, estimated, verified, cost, regret }: Alternative): string[] {
  const about = (text: string) => (estimated ? `≈ ${text}` : text);
  const signed = (amount: number) => (amount < 0 ? `−${usd(-amount)}` : usd(amount));
  return [
    POLICY[policy],
    say(verified, (share) => about(percent(share))),
    say(cost, (amount) => about(usd(amount))),
    policy === "done" ? "" : say(regret, (amount) => about(signed(amount))),
  ];
}

function say({ value, of }: Figure, words: (value: number) => string): string {
  return value === null ? `too few (${String(of)})` : `${words(value)} (${String(of)})`;
}

function counted(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function indent([first = "", ...rest]: readonly string[]): string[] {
  return [`  ${first}`, ...rest];
}
