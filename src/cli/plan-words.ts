import type { Prospect, Stop } from "#core/plan/ladder.ts";
import { alsoOf, ownOf, type FullPlan } from "#core/plan/plan.ts";
import type { Signals } from "#core/plan/signals/signals.ts";
import type { RuledSize } from "#core/plan/size.ts";
import { routeReason } from "#core/task/comment.ts";
import { sizeReason } from "#core/task/size-words.ts";
import { describe, type Failure } from "#core/wire/failure.ts";
import { plain } from "./doctor.ts";
import { percent, table, usd } from "./text.ts";

/** What would be done with an issue. `policy`: its file, null for the one that is built in. */
export type DryRun = {
  readonly issue: { readonly number: number; readonly title: string };
  readonly repository: { readonly name: string; readonly branch: string; readonly commit: string; readonly files: number };
  readonly policy: string | null;
  readonly signals: Signals;
  readonly estimate: RuledSize;
  readonly plan: FullPlan | null;
  readonly refused: Failure | null;
  /** The attempts that follow one another while each ends unverified at its expected cost, and what stops them. */
  readonly follows: { readonly attempts: readonly Prospect[]; readonly end: Stop["stop"] } | null;
};

/** `agent-pool plan`, for people. Pure. */
export function renderPlan({ issue, repository, policy, estimate, plan, refused, follows }: DryRun): string {
  const { name, commit, files } = repository;
  const number = issue.number === 0 ? "" : ` (#${String(issue.number)})`;
  const sections = [
    [
      `${issue.title === "" ? "an issue without a title" : issue.title}${number}`,
      `${name} at ${commit.slice(0, 7)}, ${String(files)} ${files === 1 ? "file" : "files"}; ${
        policy === null ? "the policy of a pool of one Anthropic key (give yours by --policy)" : `policy ${policy}`
      }`,
    ],
    [
      `size ${estimate.size}, ${percent(estimate.confidence)} sure`,
      ...estimate.reasons.map((reason) => `  ${sizeReason(reason)}`),
    ],
    ...(plan === null || follows === null ? [] : planLines(plan, follows)),
    ...(refused === null
      ? []
      : [
          [
            "not started",
            ...describe(refused)
              .split("\n")
              .map((line) => `  ${line}`),
          ],
        ]),
  ];
  return `${sections.map((lines) => lines.map((line) => plain(line).trimEnd()).join("\n")).join("\n\n")}\n`;
}

function planLines(plan: FullPlan, { attempts, end }: NonNullable<DryRun["follows"]>): string[][] {
  const { route, commands, ladder, runner } = plan;
  const effort = route.effort === null ? "" : `, effort ${route.effort}`;
  return [
    [
      `route ${route.tier}: ${route.harness} with ${route.model}${effort}`,
      ...plan.routeReasons.map((reason) => `  ${routeReason(reason)}`),
    ],
    [
      `attempts, ${usd(ladder.budget)} of models together at most`,
      ...table(
        attempts.map(({ option, chance, cost, cap }, at) => [
          `  ${at === 0 ? "first" : "then"}`,
          option.route.tier,
          option.route.model,
          `right ${percent(chance)}`,
          `${usd(cost)} expected, runner with it`,
          `${usd(cap)} of model at most`,
        ]),
      ).split("\n"),
      `  then ${STOPS[end]}`,
    ],
    [
      "a job",
      `  runs in ${runner.repository}, ${runner.workflow}`,
      commands.setup.length === 0 ? "  sets nothing up" : `  sets up by ${commands.setup.join(", ")}`,
      `  is checked by ${checkedBy(commands.verify)}`,
      `  shows a failing check to the model ${String(plan.repairs)} times; CI on the branch: ${plan.ci}`,
    ],
  ];
}

const STOPS: Record<Stop["stop"], string> = {
  attempts: "a person is asked: no attempt is left",
  budget: "a person is asked: what is left of the budget is no attempt's",
  top: "a person is asked: no higher route is left",
  hopeless: "a person is asked: going on is not worth what it is expected to cost",
};

/** A list of commands, or in words what stands for one. */
function checkedBy(verify: FullPlan["commands"]["verify"]): string {
  const own = ownOf(verify);
  const also = alsoOf(verify);
  const whose =
    own === "ci" ? "the repository's CI, on the draft" : own === "detect" ? "what its files show how to run" : own.join(", ");
  return [whose === "" ? "nothing" : whose, ...(also.length === 0 ? [] : [`and the specialist's ${also.join(", ")}`])].join(", ");
}
