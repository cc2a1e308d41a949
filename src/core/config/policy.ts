import { z } from "zod";
import { Effort, Harness, Provider, TIERS } from "../wire/contract.ts";
import { CATALOG } from "../plan/catalog.ts";
import { MicroUsd } from "../wire/units.ts";

/** Where both configuration files stand: the policy in the owner's `.github` repository, settings in each repository. */
export const CONFIG_FILE = ".github/agent-pool.yml";
export const POLICY_REPOSITORY = ".github";

const MODELS = CATALOG.map((row) => row.model);

/** `$200/month`: dollars an owner, a credential or nothing more may spend in a calendar month (UTC). */
const MonthlyBudget = z
  .string({ error: 'should be an amount a month, like "$200/month"' })
  .regex(/^\$\d{1,7}(?:\.\d{1,2})?\/month$/, 'should be an amount a month, like "$200/month"')
  .transform((text) => dollars(text));

const Amount = z
  .string({ error: 'should be an amount in dollars, like "$15"' })
  .regex(/^\$\d{1,5}(?:\.\d{1,2})?$/, 'should be an amount in dollars, like "$15"')
  .refine((text) => dollars(text) > 0, 'should be more than nothing, like "$15"')
  .transform((text) => dollars(text));

function dollars(text: string): MicroUsd {
  return MicroUsd(Math.round(Number.parseFloat(text.slice(1)) * 1_000_000));
}

/**
 * GitHub's rules for an environment's name allow 255 characters of almost anything; an alias that is also a path
 * segment and a label people type is kept to letters, digits, `.`, `_` and `-`.
 */
const CredentialAlias = z
  .string({ error: "should be the name of the environment that holds AGENT_POOL_KEY" })
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "should be lower-case letters, digits, `.`, `_` or `-`, at most 63");

const Credential = z.strictObject({
  name: CredentialAlias,
  provider: Provider,
  kind: z.literal("api-key", { error: 'should be "api-key", the one kind served so far' }).default("api-key"),
  budget: MonthlyBudget.optional(),
});

const RouteChoice = z.strictObject({
  harness: Harness,
  model: z.enum(MODELS, { error: `should be a model with a known price: ${MODELS.join(", ")}` }),
  effort: Effort.optional(),
});
export type RouteChoice = z.infer<typeof RouteChoice>;

/** Where a size starts. `ask`: nothing starts until a person has split the issue or sized it. */
const Start = z.enum([...TIERS, "ask"], { error: `should be one of ${TIERS.join(", ")} or ask` });

const RepositoryName = z
  .string({ error: 'should be a repository, like "acme/agent-runner"' })
  .regex(/^[A-Za-z0-9-]{1,39}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, 'should be a repository, like "acme/agent-runner"');

const Runner = z.union(
  [
    RepositoryName.transform((repository) => ({ repository, workflow: "agent-pool.yml" })),
    z.strictObject({
      repository: RepositoryName,
      workflow: z
        .string()
        .regex(/^[\w.-]+\.ya?ml$/, "should be a workflow's file name")
        .default("agent-pool.yml"),
    }),
  ],
  { error: 'should be a repository, like "acme/agent-runner"' },
);

export const Policy = z.strictObject({
  version: z.literal(1, { error: "should be 1" }),
  pool: z
    .array(Credential)
    .min(1, "should list at least one credential")
    .refine((pool) => new Set(pool.map((entry) => entry.name)).size === pool.length, "should name each credential once"),
  runner: Runner,
  /** All credentials together, a calendar month. */
  budget: MonthlyBudget,
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
  task: z.strictObject({ budget: Amount.prefault("$5") }).prefault({}),
});
export type Policy = z.infer<typeof Policy>;
