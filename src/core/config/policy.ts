import { z } from "zod";
import { Effort, Harness, TIERS } from "../wire/contract.ts";
import { HARNESS_INFO } from "../wire/harnesses.ts";
import type { MicroUsd } from "../wire/units.ts";
import { Agents, harnessless } from "./agents.ts";
import { findModel } from "./catalog.ts";
import { Credential } from "./credential.ts";
import { minuteOf, RUNNER_PRICES } from "./runners.ts";
import { Amount, dollars, Login, Model, PathPattern, OwnRepository, RepositoryName, Spending, TeamName } from "./shapes.ts";
import { EVERYONE, STRATEGIES } from "./terms.ts";

/** Where both configuration files stand: the policy in the owner's `.github` repository, settings in each repository. */
export const CONFIG_FILE = ".github/agent-pool.yml";
export const POLICY_REPOSITORY = ".github";

const DeclaredTeam = TeamName.refine(
  (name) => name !== EVERYONE,
  "is what those are called who are in no team: it names none here",
);

const LOGINS = "should be a list of GitHub logins, like `[ada]`";
const TEAMS = "should be a list of teams, like `[platform]`";
const ALLOWED_TIERS = `should be a list of tiers, of ${TIERS.join(", ")}`;
const Listed = {
  teams: z
    .array(TeamName, { error: TEAMS })
    .min(1, TEAMS)
    .max(100)
    .optional()
    .describe("Teams of the organisation; their active members count."),
  people: z.array(Login, { error: LOGINS }).min(1, LOGINS).max(100).optional().describe("People by their login."),
};

/** A role that names nobody is a mistake, not a role of nobody. */
function namesSomebody(role: { readonly teams?: unknown; readonly people?: unknown }): boolean {
  return role.teams !== undefined || role.people !== undefined;
}
const NOBODY = "should name `teams`, `people` or both";

const TASKS_SHAPE = 'should be a number of tasks a day, like "10/day"';
const TasksPerDay = z
  .string({ error: TASKS_SHAPE })
  .regex(/^[1-9]\d{0,3}\/day$/, TASKS_SHAPE)
  .transform((text) => Number.parseInt(text, 10));

/** Who may do what (core/config/standing.ts). Without: who has write in the repository. */
const Roles = z
  .strictObject({
    operator: z
      .strictObject(Listed)
      .refine(namesSomebody, NOBODY)
      .optional()
      .describe("Starts work without limits, and decides about that of others."),
    requester: z
      .strictObject({
        ...Listed,
        tiers: z
          .array(z.enum(TIERS, { error: `should be one of ${TIERS.join(", ")}` }), { error: ALLOWED_TIERS })
          .min(1, ALLOWED_TIERS)
          .optional()
          .describe("The tiers that may be worked with; unset, all."),
        tasks: TasksPerDay.optional().describe("Of one person, by the day in UTC."),
      })
      .refine(namesSomebody, NOBODY)
      .optional()
      .describe("Starts work within limits."),
  })
  .refine(
    ({ operator, requester }) => operator !== undefined || requester !== undefined,
    "should have `operator`, `requester` or both",
  );

const RouteChoice = z
  .strictObject({
    harness: Harness.describe("The program that does the work."),
    model: Model,
    effort: Effort.optional().describe("How much the model thinks; unset, what suits the tier."),
  })
  .superRefine(({ harness, model }, context) => {
    const provider = findModel(model)?.provider;
    const { speaks } = HARNESS_INFO[harness];
    if (provider === undefined || speaks[provider] !== undefined) return;
    const message = `is a model of ${provider}; ${harness} works with those of ${Object.keys(speaks).join(" and ")}`;
    context.addIssue({ code: "custom", path: ["model"], message });
  });
export type RouteChoice = z.infer<typeof RouteChoice>;

/** Where a size starts. `auto`: the best expected value; `ask`: nothing starts until a person has split the issue, sized or approved it. */
const Start = z.enum(["auto", ...TIERS, "ask"], { error: `should be auto, ${TIERS.join(", ")} or ask` });

const FLOOR_LABELS = "should be a list of labels, like `[security]`";
const FLOOR_PATHS = 'should be a list of patterns, like `["src/billing/**"]`';
const Floor = z
  .strictObject({
    labels: z
      .array(z.string().min(1).max(50), { error: FLOOR_LABELS })
      .min(1, FLOOR_LABELS)
      .optional()
      .describe("Of an issue that has one of these."),
    paths: z
      .array(PathPattern, { error: FLOOR_PATHS })
      .min(1, FLOOR_PATHS)
      .optional()
      .describe("Of an issue that leads to one of these, and of every change of one."),
    tier: z.enum(TIERS, { error: `should be one of ${TIERS.join(", ")}` }).describe("No lower tier does this."),
  })
  .refine(({ labels, paths }) => labels !== undefined || paths !== undefined, "should name `labels`, `paths` or both");

const EXPLORE_SHAPE = "should be a share between 0 and 0.05";

const MINUTE_SHAPE = 'should be what a minute costs, like "$0.004", or "$0" for machines of your own';
const RunnerSettings = z
  .strictObject({
    repository: RepositoryName.describe("The runner repository: of the same owner, with an environment for each credential."),
    workflow: z
      .string()
      .regex(/^[\w.-]+\.ya?ml$/, "should be a workflow's file name")
      .default("agent-pool.yml")
      .describe("The workflow's file there."),
    "runs-on": z
      .string()
      .min(1)
      .max(100)
      .default("ubuntu-24.04")
      .describe("As the workflow file says: what its minutes cost goes by it."),
    minute: z
      .string({ error: MINUTE_SHAPE })
      .regex(/^\$\d{1,3}(?:\.\d{1,6})?$/, MINUTE_SHAPE)
      .transform(dollars)
      .optional()
      .describe("What a minute of it costs, where that isn't known here."),
  })
  .superRefine((runner, context) => {
    if (runner.minute !== undefined || minuteOf(runner["runs-on"]) !== undefined) return;
    const known = RUNNER_PRICES.map(({ runsOn }) => runsOn).join(", ");
    context.addIssue({
      code: "custom",
      path: ["runs-on"],
      message: `has a price that isn't known here (known: ${known}); say it in \`minute\``,
    });
  });

const Runner = z.union([RepositoryName.transform((repository) => RunnerSettings.parse({ repository })), RunnerSettings], {
  error: 'should be a repository, like "acme/agent-runner"',
});

/** Of a policy that sets none: said in the comment, which is where the first look at it is. */
export const DEFAULT_TASK_BUDGET = "$5";

export const Policy = z
  .strictObject({
    version: z.literal(1, { error: "should be 1" }).describe("Of this format."),
    pool: z
      .array(Credential)
      .min(1, "should list at least one credential")
      .superRefine((pool, context) => {
        for (const [at, { name }] of pool.entries())
          if (pool.findIndex((other) => other.name === name) < at)
            context.addIssue({
              code: "custom",
              path: [at, "name"],
              message: "should be another name: a credential above has this one",
            });
      })
      .describe("The credentials that work draws on."),
    runner: Runner.describe("Where jobs run, and the keys are."),
    budget: Spending.describe("What may be spent on all credentials and runners together."),
    // core/pool/strategy.ts
    strategy: z
      .enum(STRATEGIES, { error: `should be one of ${STRATEGIES.join(", ")}` })
      .default("paced")
      .describe("How the pool is drawn on."),
    roles: Roles.optional().describe("Who may start work; unset, who has write in the repository."),
    approve: z
      .enum(["anyone", "other"], { error: "should be anyone or other" })
      .default("anyone")
      .describe(
        "Who approves what waits for it: anyone who may decide, or anyone but who asked for it. Operators decide where there are `roles`, else who may start work.",
      ),
    teams: z
      .record(
        DeclaredTeam,
        z.strictObject({
          weight: z.number().min(0).max(1_000).default(1).describe("Its share of a pool that is short, against the others'."),
          budget: Spending.optional().describe("What its people's work may cost."),
        }),
      )
      .default({})
      .describe("Fair shares of the pool, by team. Without any, everyone is one."),
    people: z
      .strictObject({ budget: Spending.optional().describe("What the work of each person may cost.") })
      .default({})
      .describe("Of each person."),
    repositories: z
      .record(OwnRepository, z.strictObject({ budget: Spending.optional().describe("What work in it may cost.") }))
      .default({})
      .describe("Of each of these repositories, by name."),
    tiers: z
      .strictObject({
        light: z
          .array(RouteChoice)
          .min(1)
          .default([
            { harness: "claude-code", model: "claude-haiku-5-5" },
            { harness: "codex", model: "gpt-6-luna" },
          ])
          .describe("For small work, in the order in which they are tried; what the pool can't serve is left out."),
        standard: z
          .array(RouteChoice)
          .min(1)
          .default([
            { harness: "claude-code", model: "claude-sonnet-5-5" },
            { harness: "codex", model: "gpt-6.1-terra" },
          ])
          .describe("For middling work."),
        frontier: z
          .array(RouteChoice)
          .min(1)
          .default([
            { harness: "claude-code", model: "claude-opus-5-5", effort: "high" },
            { harness: "codex", model: "gpt-6.1-sol" },
          ])
          .describe("For hard work."),
      })
      .prefault({})
      .describe("What each tier works with."),
    routing: z
      .strictObject({
        start: z
          .strictObject({
            xs: Start.default("auto"),
            s: Start.default("auto"),
            m: Start.default("auto"),
            l: Start.default("auto"),
            xl: Start.default("ask"),
          })
          .prefault({})
          .describe(
            "Where each size starts. `auto`: with the best expected value, mostly the cheapest; `ask`: not before a person has split it, approved it, or named a size or a tier.",
          ),
        floors: z.array(Floor).max(100).default([]).describe("What is never done by a lower tier, whatever an issue says."),
        prefer: z
          .enum(["configuration", "scoreboard"], { error: "should be configuration or scoreboard" })
          .default("configuration")
          .describe(
            "Which of a tier's choices is first: the first that the pool can serve, or whose results have cost least, once it was tried often enough.",
          ),
        explore: z
          .number({ error: EXPLORE_SHAPE })
          .min(0, EXPLORE_SHAPE)
          .max(0.05, EXPLORE_SHAPE)
          .default(0)
          .describe("The share of xs and s tasks that another of the tier's choices is tried on, so that they can be compared."),
        escalate: z
          .boolean()
          .default(true)
          .describe("Whether an attempt that ends unverified is followed by one on the next route."),
        worth: Amount.optional().meta({
          whenUnset: "twice what a result of that size is expected to cost of the dearest tier",
          description: "What a verified result is worth: where none is expected to be worth its cost, a person is asked.",
        }),
      })
      .prefault({})
      .describe("Which tier a task goes to."),
    task: z
      .strictObject({
        budget: Amount.optional().meta({
          whenUnset: DEFAULT_TASK_BUDGET,
          description: "What all attempts of a task together may spend on models.",
        }),
        attempts: z.number().int().min(1).max(10).default(3).describe("How many attempts there may be, each on another route."),
        moves: z
          .number()
          .int()
          .min(0)
          .max(10)
          .default(3)
          .describe("How often an attempt may go on with another credential when a limit has interrupted it."),
      })
      .prefault({})
      .describe("Of each task."),
    receipts: z
      .boolean()
      .default(true)
      .describe(
        "Whether each owner of a seat that is lent has a comment in the policy repository that tells what it was used for.",
      ),
    agents: Agents.default({}).describe("Specialists, by name: what each is told, and what it is kept to."),
  })
  .superRefine(({ pool, teams, agents, tiers }, context) => {
    for (const name of harnessless(agents, tiers))
      context.addIssue({
        code: "custom",
        path: ["agents", name, "harness"],
        message: "should be one that a choice of its tiers works with",
      });
    for (const [at, { only }] of pool.entries())
      for (const [place, team] of (only?.teams ?? []).entries())
        if (!Object.hasOwn(teams, team))
          context.addIssue({
            code: "custom",
            path: ["pool", at, "only", "teams", place],
            message: "should be one of `teams`, by whose names people's teams are known",
          });
  });
export type Policy = z.infer<typeof Policy>;

/** What all attempts of a task together may spend on models. */
export function taskBudget({ task }: Policy): MicroUsd {
  return task.budget ?? dollars(DEFAULT_TASK_BUDGET);
}
