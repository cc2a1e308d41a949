import type { Failure } from "../wire/failure.ts";
import { err, type Result } from "../wire/result.ts";
import { parseConfig } from "./parse.ts";
import { CONFIG_FILE, Policy, POLICY_REPOSITORY } from "./policy.ts";

export type PolicyUnfit = Extract<Failure, { reason: "config-invalid" | "runner-of-another-owner" }>;

/** A policy's text, which names no runner of another owner. `login`: whose policy it is. Pure. */
export function parsePolicy(login: string, text: string): Result<Policy, PolicyUnfit> {
  const policy = parseConfig(`${login}/${POLICY_REPOSITORY}: ${CONFIG_FILE}`, text, Policy);
  if (!policy.ok) return policy;
  const runner = policy.value.runner.repository;
  return runner.split("/")[0]?.toLowerCase() === login.toLowerCase()
    ? policy
    : err({ reason: "runner-of-another-owner", runner, owner: login });
}
