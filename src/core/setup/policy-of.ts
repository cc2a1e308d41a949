import { parseConfig } from "../config/parse.ts";
import { Policy } from "../config/policy.ts";
import type { Facts } from "./facts.ts";

/** The policy, where it is there and valid. Pure. */
export function policyOf({ policy }: Pick<Facts, "policy">): Policy | undefined {
  if (!("seen" in policy) || policy.seen?.policy == null) return undefined;
  const parsed = parseConfig("policy", policy.seen.policy.text, Policy);
  return parsed.ok ? parsed.value : undefined;
}
