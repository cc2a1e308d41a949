import { z } from "zod";
import { Effort, Harness, Provider, Tier, TIERS, type Auth } from "../wire/contract.ts";
import { EVERYONE, PERIODS, STRATEGIES } from "./terms.ts";
import { CATALOG } from "./catalog.ts";
import { minuteOf, RUNNER_PRICES } from "./runners.ts";
import { MicroUsd } from "../wire/units.ts";

/** Where both configuration files stand: the policy in the owner's `.github` repository, settings in each repository. */
export const CONFIG_FILE = ".github/agent-pool.yml";
export const POLICY_REPOSITORY = ".github";

const MODELS = CATALOG.map((row) => row.model);

/** `$200/month`: dollars that may be spent in each calendar day, week or month (UTC). */
const BUDGET_SHAPE = 'should be an amount a day, week or month, like "$200/month"';
const Spending = z
  .string({ error: BUDGET_SHAPE })
  .regex(/^\$\d{1,7}(?:\.\d{1,2})?\/(?:day|week|month)$/, BUDGET_SHAPE)
  .refine((text) => dollars(text.split("/")[0] ?? "") !== 0, 'should be more than nothing, like "$200/month"')
  .transform((text) => {
    const [amount = "", period] = text.split("/");
    return { amount: dollars(amount), period: PERIODS.find((each) => each === period) ?? "month" };
  });
export type Spending = z.infer<typeof Spending>;

const Amount = z
  .string({ error: 'should be an amount in dollars, like "$15"' })
  .regex(/^\$\d{1,5}(?:\.\d{1,2})?$/, 'should be an amount in dollars, like "$15"')
  .refine((text) => dollars(text) > 0, 'should be more than nothing, like "$15"')
  .transform((text) => dollars(text));

/** `$15` → micro-dollars. */
export function dollars(text: string): MicroUsd {
  return MicroUsd(Math.round(Number.parseFloat(text.slice(1)) * 1_000_000));
}

/**
 * GitHub's rules for an environment's name allow 255 characters of almost anything; an alias that is also a path
 * segment and a label people type is kept to letters, digits, `.`, `_` and `-`.
 */
export const ALIAS = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CredentialAlias = z
  .string({ error: "should be the name of the environment that holds AGENT_POOL_KEY" })
  .regex(ALIAS, "should be lower-case letters, digits, `.`, `_` or `-`, at most 63");

const MODEL_SHAPE = `should be a model with a known price, like ${MODELS.slice(0, 3).join(", ")}; docs/configuration.md lists all`;

const REPOSITORY_SHAPE = "should be a repository's name without its owner, like `web`";
const OwnRepository = z.string({ error: REPOSITORY_SHAPE }).regex(/^[A-Za-z0-9._-]{1,100}$/, REPOSITORY_SHAPE);

const Percent = z
  .string({ error: 'should be a share, like "40%"' })
  .regex(/^(?:\d|[1-9]\d|100)%$/, 'should be a share from 0% to 100%, like "40%"')
  .transform((text) => Number.parseInt(text, 10) / 100);

const Login = z
  .string({ error: "should be a GitHub login" })
  .regex(/^(?!-)[A-Za-z0-9-]{1,39}$/, "should be a GitHub login")
  .transform((login) => login.toLowerCase());

const TeamName = z
  .string({ error: "should be a team's name as in its address, like `platform`" })
  .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, "should be a team's name as in its address, like `platform`");

const DeclaredTeam = TeamName.refine(
  (name) => name !== EVERYONE,
  "is what those are called who are in no team: it names none here",
);

const names = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(100).optional();

const LOGINS = "should be a list of GitHub logins, like `[ada]`";
const TEAMS = "should be a list of teams, like `[platform]`";
const ALLOWED_TIERS = `should be a list of tiers, of ${TIERS.join(", ")}`;
const Listed = {
  teams: z.array(TeamName, { error: TEAMS }).min(1, TEAMS).max(100).optional(),
  people: z.array(Login, { error: LOGINS }).min(1, LOGINS).max(100).optional(),
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
    /** Starts work without limits, and decides about that of others. */
    operator: z.strictObject(Listed).refine(namesSomebody, NOBODY).optional(),
    requester: z
      .strictObject({
        ...Listed,
        tiers: z
          .array(z.enum(TIERS, { error: `should be one of ${TIERS.join(", ")}` }), { error: ALLOWED_TIERS })
          .min(1, ALLOWED_TIERS)
          .optional(),
        /** Of one person, by the day in UTC. */
        tasks: TasksPerDay.optional(),
      })
      .refine(namesSomebody, NOBODY)
      .optional(),
  })
  .refine(
    ({ operator, requester }) => operator !== undefined || requester !== undefined,
    "should have `operator`, `requester` or both",
  );

export const CREDENTIAL_KINDS = ["api-key", "seat"] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** How the job of a credential shows it to its provider. */
export const AUTH_OF = { "api-key": "api-key", seat: "oauth" } as const satisfies Record<CredentialKind, Auth>;

const Credential = z
  .strictObject({
    name: CredentialAlias,
    provider: Provider,
    kind: z.enum(CREDENTIAL_KINDS, { error: "should be `api-key` or `seat`" }).default("api-key"),
    /** Real money: of what its provider bills. A seat's subscription is paid already. */
    budget: Spending.optional(),
    /** Jobs at once. Default: 5, of a seat 1. */
    jobs: z.number().int().min(1).max(100).optional(),
    /** Credentials of one provider's account share its windows: give them one name. Default: the provider's own word for it. */
    account: CredentialAlias.optional(),
    /** A seat's plan, as people call it: a label, never a size. */
    subscription: z.string().min(1).max(50).optional(),
    owner: Login.optional(),
    "keep-for-owner": Percent.refine(
      (share) => share <= 0.95,
      "leaves others nothing: should be 95% at most, or leave it out with `serves: owner`",
    ).optional(),
    serves: z.enum(["owner", "everyone"], { error: "should be `owner` or `everyone`" }).optional(),
    only: z
      .strictObject({
        teams: names(TeamName),
        repositories: names(OwnRepository),
        tiers: names(Tier),
        models: names(z.enum(MODELS, { error: MODEL_SHAPE })),
        harnesses: names(Harness),
      })
      .optional(),
  })
  .superRefine((entry, context) => {
    const wrong = (path: string, message: string) => {
      context.addIssue({ code: "custom", path: [path], message });
    };
    if (entry.kind === "seat") {
      if (entry.owner === undefined) wrong("kind", "a seat needs its `owner`, the login of the person it is of");
      if (entry.budget !== undefined) wrong("budget", "is for what is paid by use; a seat's windows limit it");
      if ((entry.jobs ?? 1) > 1) wrong("jobs", "a seat does one job at a time");
    } else
      for (const setting of ["owner", "keep-for-owner", "serves", "subscription"] as const)
        if (entry[setting] !== undefined) wrong(setting, "is for seats; say `kind: seat` if it is one");
  });
export type Credential = z.infer<typeof Credential>;

const RouteChoice = z.strictObject({
  harness: Harness,
  model: z.enum(MODELS, { error: MODEL_SHAPE }),
  effort: Effort.optional(),
});
export type RouteChoice = z.infer<typeof RouteChoice>;

/** Where a size starts. `ask`: nothing starts until a person has split the issue or sized it. */
const Start = z.enum([...TIERS, "ask"], { error: `should be one of ${TIERS.join(", ")} or ask` });

const RepositoryName = z
  .string({ error: 'should be a repository, like "acme/agent-runner"' })
  .regex(/^[A-Za-z0-9-]{1,39}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, 'should be a repository, like "acme/agent-runner"');

const MINUTE_SHAPE = 'should be what a minute costs, like "$0.004", or "$0" for machines of your own';
const RunnerSettings = z
  .strictObject({
    repository: RepositoryName,
    workflow: z
      .string()
      .regex(/^[\w.-]+\.ya?ml$/, "should be a workflow's file name")
      .default("agent-pool.yml"),
    /** As the workflow file says: what its minutes cost goes by it. */
    "runs-on": z.string().min(1).max(100).default("ubuntu-24.04"),
    minute: z
      .string({ error: MINUTE_SHAPE })
      .regex(/^\$\d{1,3}(?:\.\d{1,6})?$/, MINUTE_SHAPE)
      .transform(dollars)
      .optional(),
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
    version: z.literal(1, { error: "should be 1" }),
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
      }),
    runner: Runner,
    /** All credentials together. */
    budget: Spending,
    /** How the pool is drawn on (core/pool/strategy.ts). */
    strategy: z.enum(STRATEGIES, { error: `should be one of ${STRATEGIES.join(", ")}` }).default("paced"),
    roles: Roles.optional(),
    /** Fair shares of the pool, by team. Without any, everyone is one. */
    teams: z
      .record(DeclaredTeam, z.strictObject({ weight: z.number().min(0).max(1_000).default(1), budget: Spending.optional() }))
      .default({}),
    /** What each person may spend. */
    people: z.strictObject({ budget: Spending.optional() }).default({}),
    /** What each of these repositories may spend, by name. */
    repositories: z.record(OwnRepository, z.strictObject({ budget: Spending.optional() })).default({}),
    tiers: z
      .strictObject({
        light: z
          .array(RouteChoice)
          .min(1)
          .default([{ harness: "claude-code", model: "claude-haiku-5-5" }]),
        standard: z
          .array(RouteChoice)
          .min(1)
          .default([{ harness: "claude-code", model: "claude-sonnet-5-5" }]),
        frontier: z
          .array(RouteChoice)
          .min(1)
          .default([{ harness: "claude-code", model: "claude-opus-5-5", effort: "high" }]),
      })
      .prefault({}),
    routing: z
      .strictObject({
        start: z
          .strictObject({
            xs: Start.default("light"),
            s: Start.default("light"),
            m: Start.default("standard"),
            l: Start.default("frontier"),
            xl: Start.default("ask"),
          })
          .prefault({}),
      })
      .prefault({}),
    task: z
      .strictObject({
        /** What one attempt may spend on the model. */
        budget: Amount.optional().meta({ whenUnset: DEFAULT_TASK_BUDGET }),
        /** How often a task may go on with another credential when a limit has interrupted it. */
        moves: z.number().int().min(0).max(10).default(3),
      })
      .prefault({}),
  })
  .superRefine(({ pool, teams }, context) => {
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
