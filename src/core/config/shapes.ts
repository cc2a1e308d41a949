import { z } from "zod";
import { problemOf } from "../change/pattern.ts";
import { MicroUsd } from "../wire/units.ts";
import { CATALOG } from "./catalog.ts";
import { PERIODS } from "./terms.ts";

/** The small shapes that the policy is made of, each with the words that say what is right. */

export const MODELS = CATALOG.map((row) => row.model);

/** `$200/month`: dollars that may be spent in each calendar day, week or month (UTC). */
const BUDGET_SHAPE = 'should be an amount a day, week or month, like "$200/month"';
export const Spending = z
  .string({ error: BUDGET_SHAPE })
  .regex(/^\$\d{1,7}(?:\.\d{1,2})?\/(?:day|week|month)$/, BUDGET_SHAPE)
  .refine((text) => dollars(text.split("/")[0] ?? "") !== 0, 'should be more than nothing, like "$200/month"')
  .transform((text) => {
    const [amount = "", period] = text.split("/");
    return { amount: dollars(amount), period: PERIODS.find((each) => each === period) ?? "month" };
  });
export type Spending = z.infer<typeof Spending>;

export const Amount = z
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
export const CredentialAlias = z
  .string({ error: "should be the name of the environment that holds AGENT_POOL_KEY" })
  .regex(ALIAS, "should be lower-case letters, digits, `.`, `_` or `-`, at most 63");

const MODEL_SHAPE = `should be a model with a known price, like ${MODELS.slice(0, 3).join(", ")}; docs/configuration.md lists all`;
/** `id`: its own place in the schema, so that the names stand there once. */
export const Model = z.enum(MODELS, { error: MODEL_SHAPE }).meta({ id: "Model", description: "A model with a known price." });

/** Read as `.gitignore` is. One that can't be is refused here: later it would protect nothing. */
export const PathPattern = z
  .string()
  .min(1)
  .max(200)
  .superRefine((pattern, context) => {
    const problem = problemOf(pattern);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

const REPOSITORY_SHAPE = "should be a repository's name without its owner, like `web`";
export const OwnRepository = z.string({ error: REPOSITORY_SHAPE }).regex(/^[A-Za-z0-9._-]{1,100}$/, REPOSITORY_SHAPE);

export const Percent = z
  .string({ error: 'should be a share, like "40%"' })
  .regex(/^(?:\d|[1-9]\d|100)%$/, 'should be a share from 0% to 100%, like "40%"')
  .transform((text) => Number.parseInt(text, 10) / 100);

export const Login = z
  .string({ error: "should be a GitHub login" })
  .regex(/^(?!-)[A-Za-z0-9-]{1,39}$/, "should be a GitHub login")
  .transform((login) => login.toLowerCase());

export const TeamName = z
  .string({ error: "should be a team's name as in its address, like `platform`" })
  .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, "should be a team's name as in its address, like `platform`");

export const names = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(100).optional();

export const RepositoryName = z
  .string({ error: 'should be a repository, like "acme/agent-runner"' })
  .regex(/^[A-Za-z0-9-]{1,39}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, 'should be a repository, like "acme/agent-runner"');
