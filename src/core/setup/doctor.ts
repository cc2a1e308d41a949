import { APP_CHECKS } from "./checks/app.ts";
import type { Check, Verdict } from "./checks/check.ts";
import { POLICY_CHECKS } from "./checks/policy.ts";
import { RUNNER_CHECKS } from "./checks/runner.ts";
import { SERVED_CHECKS } from "./checks/served.ts";
import { WORKFLOW_CHECKS } from "./checks/workflow.ts";
import type { Facts } from "./facts.ts";

export type Finding = Verdict & { readonly name: string };

export const CHECKS: readonly Check[] = [...APP_CHECKS, ...RUNNER_CHECKS, ...WORKFLOW_CHECKS, ...POLICY_CHECKS, ...SERVED_CHECKS];

/** Every check of a set-up, in the order in which they are best mended. Pure. */
export function examine(facts: Facts): readonly Finding[] {
  return CHECKS.map(({ name, look }) => ({ name, ...look(facts) }));
}
