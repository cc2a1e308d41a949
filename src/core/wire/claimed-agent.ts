import { z } from "zod";

/** What else of a claim an Action follows, of which one of the same contract may know nothing. */
export const KNOWN = ["agents"] as const;

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
