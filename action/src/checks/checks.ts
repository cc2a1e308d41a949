import type { Git } from "#action/checkout/git.ts";
import { whereSetUpEnded } from "#action/checkout/homes.ts";
import type { Workspace } from "#action/checkout/workspace.ts";
import type { Log } from "#action/runner/log.ts";
import type { Sandbox } from "#action/sandbox/sandbox.ts";
import { type Checks, type Claim, couldNotStart } from "#core/wire/contract.ts";
import { detectChecks, readShown } from "./detect.ts";
import { type Baseline, type Limits, runBaseline } from "./verify.ts";

type Place = { readonly git: Git; readonly sandbox: Sandbox; readonly workspace: Workspace; readonly log: Log };

/** The checks of this attempt, and how they ended before the work. */
export type Known = { readonly checks: Checks; readonly baseline: Baseline };

/** What the harness is told of them. */
export type Expected = { readonly mustPass: readonly string[]; readonly failing: readonly string[] };

export const NO_CHECKS: Checks = { source: "ci", commands: [] };

/** The checks that the settings name, or those that base shows. After set-up, whose leavings decide what can run. */
export async function findChecks(place: Omit<Place, "sandbox">, claim: Claim): Promise<Checks> {
  const { verify } = claim.commands;
  if (verify === "detect") {
    const commands = detectChecks(await readShown(place.git, place.workspace, claim.checkout.base));
    return commands.length === 0 ? NO_CHECKS : { source: "detected", commands };
  }
  return typeof verify === "string" || verify.length === 0 ? NO_CHECKS : { source: "settings", commands: verify };
}

/**
 * Runs the checks on the untouched checkout. A detected one that can't be started there is none: it was only a guess. Where
 * nothing can be run (no room for a copy of the checkout), nothing is known, and the work goes on.
 */
export async function learnBaseline(place: Place, checks: Checks, limits: Limits): Promise<Known> {
  if (checks.commands.length === 0) return { checks, baseline: new Map() };
  const { log, workspace } = place;
  const ran = await whereSetUpEnded(workspace, limits.until, () => runBaseline(place, checks.commands, limits));
  const baseline: Baseline = ran.ok ? ran.value : new Map();
  log("ran the repository's checks before the work", {
    commands: checks.commands.length,
    passed: [...baseline.values()].filter(({ exitCode }) => exitCode === 0).length,
    unknown: checks.commands.length - baseline.size,
  });
  if (checks.source !== "detected") return { checks, baseline };
  const commands = checks.commands.filter((command) => !couldNotStart(baseline.get(command)?.exitCode));
  return { checks: commands.length === 0 ? NO_CHECKS : { ...checks, commands }, baseline };
}

/** What the harness is told of the checks. Pure. */
export function expectedOf({ checks, baseline }: Known): Expected {
  const fails = (command: string): boolean => (baseline.get(command)?.exitCode ?? 0) !== 0;
  return {
    mustPass: checks.commands.filter((command) => !fails(command)),
    failing: checks.commands.filter(fails),
  };
}
