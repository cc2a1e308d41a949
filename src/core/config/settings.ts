import { z } from "zod";
import { Login, PathPattern, TeamName } from "./shapes.ts";

const Command = z.string().min(1).max(1_000);

/**
 * A repository's own `.github/agent-pool.yml`: it may narrow what the owner's policy allows, never widen it.
 * Read at the commit the work starts from.
 */
export const Settings = z.strictObject({
  version: z.literal(1, { error: "should be 1" }).describe("Of this format."),
  setup: z
    .array(Command, { error: "should be a list of shell commands" })
    .max(10)
    .default([])
    .describe("Run once with package registries reachable, before any model is called."),
  verify: z
    .union([z.array(Command).max(10), z.literal("ci")], { error: "should be a list of shell commands, or ci" })
    .optional()
    .describe(
      "What must pass for the work to count; no network. `ci`, or an empty list: the repository's CI on the draft decides. Unset, what the repository's files show how to run.",
    ),
  repairs: z
    .number({ error: "should be 0 to 3" })
    .int()
    .min(0)
    .max(3)
    .default(2)
    .describe("How often the model is shown a check that fails after its work."),
  guards: z
    .strictObject({
      "max-files": z.number().int().min(1).max(500).default(50).describe("Files that a change may touch."),
      "max-kb": z.number().int().min(1).max(4_000).default(500).describe("Kilobytes of all of them together."),
      protected: z
        .array(PathPattern)
        .max(100)
        .default([])
        .describe("Paths that no change may touch, written as in `.gitignore`."),
      "on-protected": z
        .enum(["refuse", "ask"], { error: "should be refuse or ask" })
        .default("refuse")
        .describe(
          "What becomes of a change that touches one. `refuse`: it is not published; `ask`: a draft names the paths and asks a person.",
        ),
    })
    .default({ "max-files": 50, "max-kb": 500, protected: [], "on-protected": "refuse" })
    .describe("What no change may do."),
  reviewers: z
    .strictObject({
      teams: z.array(TeamName).max(15).prefault([]).describe("Teams of the organisation."),
      people: z.array(Login).max(15).prefault([]).describe("People by their login."),
    })
    .optional()
    .describe("Who is asked to review a pull request. Unset, who owns the changed files by CODEOWNERS."),
  draft: z.boolean({ error: "should be true or false" }).default(true).describe("Whether the pull request is opened as a draft."),
  "second-person": z
    .boolean({ error: "should be true or false" })
    .optional()
    .describe(
      "Whether the check `agent-pool / second person` waits for the approval of somebody other than who asked. Unset, where the base branch needs a review.",
    ),
  "on-review": z
    .enum(["ask", "fix"], { error: "should be ask or fix" })
    .default("ask")
    .describe(
      "What follows a review that requests changes. `ask`: nothing, until somebody comments `/agent fix`; `fix`: that starts by itself, where the reviewer may start work.",
    ),
  "on-ci": z
    .enum(["ask", "fix"], { error: "should be ask or fix" })
    .default("ask")
    .describe(
      "What follows CI that fails on a commit of the app's. `ask`: nothing, until somebody comments `/agent fix`; `fix`: that starts by itself, as if who asked for the work had, unless all of it fails on the default branch too.",
    ),
  // Workflows on the branch would run model-written code with the repository's secrets.
  ci: z
    .enum(["approved", "auto"], { error: "should be approved or auto" })
    .optional()
    .describe(
      "`approved`: the commit says `[skip ci]` until someone with write access comments `/agent ci` on the pull request. Unset, `approved` in public repositories and for issues by people without write, `auto` elsewhere.",
    ),
});
export type Settings = z.infer<typeof Settings>;

/** What a repository without a settings file has. */
export const DEFAULT_SETTINGS: Settings = Settings.parse({ version: 1 });
