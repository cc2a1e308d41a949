import { z } from "zod";
import { EFFORTS, Harness, HARNESSES, SIZES, TIERS, type Tier } from "../wire/contract.ts";
import { Login, MODELS, PathPattern, TeamName } from "./shapes.ts";

/** What the label of every specialist begins with: by that alone intake knows that it may start one, since it reads no policy. */
export const AGENT_LABEL = "agent:";

/** What asks for work on standby: no specialist's. */
export const STANDBY_LABEL = `${AGENT_LABEL}whenever`;

const VERBS = "use size plan approve cancel retry fresh status why fix ci lend unlend pause resume help".split(" ");

/** Words that a command reads as something else, so that no specialist can be called by them. */
export const RESERVED: readonly string[] = [
  ...TIERS,
  ...HARNESSES,
  ...EFFORTS,
  ...SIZES,
  ...MODELS,
  ...VERBS,
  // Its label is another thing's.
  "whenever",
];

const NAME_SHAPE = "should be a name of lower-case letters, digits and `-`, at most 40, that is no other word of a command";
const AgentName = z
  .string({ error: NAME_SHAPE })
  .regex(/^[a-z][a-z0-9-]{0,39}$/, NAME_SHAPE)
  .refine((name) => !RESERVED.includes(name), NAME_SHAPE);

const LABEL_SHAPE = "should begin with `agent:`, like `agent:docs`, and not be `agent:whenever`; at most 50 characters";
const Label = z
  .string({ error: LABEL_SHAPE })
  .max(50, LABEL_SHAPE)
  .regex(/^agent:(?!whenever$)[a-z0-9](?:[a-z0-9 ._/-]*[a-z0-9])?$/i, LABEL_SHAPE);

/** A plain path, so that it can stand as a pattern of what is protected and in a name that git reads. */
const FILE_SHAPE = "should be a Markdown file's path in the repository, like `.github/agents/docs.md`";
const InstructionsFile = z
  .string({ error: FILE_SHAPE })
  .max(200, FILE_SHAPE)
  .regex(/^(?!\/)(?:(?!\.{1,2}\/)[\w.-]+\/)*[\w.-]+\.md$/, FILE_SHAPE);

const TIER_LIST = `should be a list of tiers, of ${TIERS.join(", ")}`;
const PATHS = 'should be a list of patterns, like `["docs/**"]`';
const COMMANDS = "should be a list of shell commands";
const TEAMS = "should be a list of teams, like `[platform]`";
const LOGINS = "should be a list of GitHub logins, like `[ada]`";

const Agent = z.strictObject({
  label: Label.optional().meta({ whenUnset: "agent:<name>", description: "What starts it, in any case; begins with `agent:`." }),
  instructions: InstructionsFile.optional().describe(
    "What it is told before the issue: a file of the issue's repository, as its default branch has it. One that is missing refuses the task.",
  ),
  tiers: z
    .array(z.enum(TIERS, { error: `should be one of ${TIERS.join(", ")}` }), { error: TIER_LIST })
    .min(1, TIER_LIST)
    .optional()
    .describe("The only ones that it works with, of those that who asks may use; unset, all of these."),
  harness: Harness.optional().describe("Goes before the others of a tier, where nobody has named one."),
  paths: z
    .array(PathPattern, { error: PATHS })
    .min(1, PATHS)
    .max(50, PATHS)
    .optional()
    .describe("The only ones that its changes may touch, written as in `.gitignore`; unset, all that nothing protects."),
  verify: z
    .array(z.string().min(1).max(1_000), { error: COMMANDS })
    .max(5, "should list 5 or less")
    .default([])
    .describe("What must pass as well, beside the repository's own checks."),
  reviewers: z
    .strictObject({
      teams: z.array(TeamName, { error: TEAMS }).min(1, TEAMS).max(10).optional().describe("Teams of the organisation."),
      people: z.array(Login, { error: LOGINS }).min(1, LOGINS).max(10).optional().describe("People by their login."),
    })
    .refine(({ teams, people }) => teams !== undefined || people !== undefined, "should name `teams`, `people` or both")
    .optional()
    .describe("Who is asked to review its pull requests, beside whom the repository asks."),
});
export type Agent = z.infer<typeof Agent>;

/** By name, each another label. */
export const Agents = z.record(AgentName, Agent).superRefine((agents, context) => {
  const labels = Object.entries(agents).map(([name, agent]) => ({ name, label: labelOf(name, agent).toLowerCase() }));
  for (const [at, { name, label }] of labels.entries())
    if (labels.findIndex((other) => other.label === label) < at)
      context.addIssue({
        code: "custom",
        path: [name, "label"],
        message: `should be another label: ${label} is an agent's above`,
      });
});

export function labelOf(name: string, { label }: Pick<Agent, "label">): string {
  return label ?? `${AGENT_LABEL}${name}`;
}

type Choices = Readonly<Record<Tier, readonly { readonly harness: Harness }[]>>;

/** A preference that nothing could follow is a mistake: those agents whose harness no choice of their tiers has. */
export function harnessless(agents: Readonly<Record<string, Agent>>, tiers: Choices): readonly string[] {
  return Object.entries(agents).flatMap(([name, agent]) => {
    const choices = (agent.tiers ?? TIERS).flatMap((tier) => tiers[tier]);
    return agent.harness === undefined || choices.some(({ harness }) => harness === agent.harness) ? [] : [name];
  });
}
