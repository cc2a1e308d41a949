import { z } from "zod";

/** What else of a claim an Action follows, of which one of the same contract may know nothing. */
export const KNOWN = ["agents", "follow-ups"] as const;

/**
 * The specialist that does the work. `instructions`: the organisation's own, for the harness; `paths`: the only ones that a
 * change may touch, as in `.gitignore`; `verify`: shell commands that must pass beside the checks of the claim's `commands`.
 */
export const ClaimedAgent = z.object({
  name: z.string(),
  instructions: z.string().optional(),
  paths: z.array(z.string()).optional(),
  verify: z.array(z.string()).default([]),
});

/**
 * The checkout is an open pull request's head, which is gone on with for the same issue. `text`: what reviewers and checks say of
 * it, and whoever asked for more; data, like the issue.
 */
export const ClaimedFollowUp = z.object({ pull: z.number().int().nonnegative(), text: z.string() });
