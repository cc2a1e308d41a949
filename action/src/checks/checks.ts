import type { Git } from "#action/checkout/git.ts";
import { keepSetUp, whereSetUpEnded } from "#action/checkout/homes.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import { blocked, type Blocked } from "#action/runner/failure.ts";
import { findProgram } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import type { Sandbox } from "#action/sandbox/sandbox.ts";
import { type Checks, type Claim, couldNotStart } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { detectChecks, readShown } from "./detect.ts";
import { type Baseline, runBaseline } from "./verify.ts";
import type { Limits } from "#action/runner/process.ts";

type Place = { readonly git: Git; readonly sandbox: Sandbox; readonly workspace: Workspace; readonly log: Log };

/** The checks of this attempt, and how they ended before the work. */
export type Known = { readonly checks: Checks; readonly baseline: Baseline };

/** What the harness is told of them. */
export type Expected = { readonly mustPass: readonly string[]; readonly failing: readonly string[] };

export const NO_CHECKS: Checks = { source: "ci", commands: [] };

/** The checks that the settings name, or those that base shows. After set-up, whose leavings decide what can run. Errors: setupFailed. */
export async function findChecks(place: Omit<Place, "sandbox">, claim: Claim): Promise<Result<Checks, Blocked>> {
  const { verify } = claim.commands;
  if (verify === "detect") {
    const shown = await readShown(place.git, place.workspace, claim.checkout.base);
    if (!shown.ok) return shown;
    const commands = detectChecks(shown.value);
    return ok(commands.length === 0 ? NO_CHECKS : { source: "detected", commands });
  }
  return ok(typeof verify === "string" || verify.length === 0 ? NO_CHECKS : { source: "settings", commands: verify });
}

/**
 * Runs the checks on the untouched checkout. A detected one that can't be started there is none: it was only a guess. Where
 * nothing can be run (no room for a copy of the checkout), nothing could be after the work either, which is not begun for
 * nothing. Errors: setupFailed.
 */
export async function learnBaseline(place: Place, checks: Checks, limits: Limits): Promise<Result<Known, Blocked>> {
  if (checks.commands.length === 0) return ok({ checks, baseline: new Map() });
  const { log, workspace } = place;
  const kept = await keepSetUp(workspace, limits.until);
  if (!kept.ok) return kept;
  const ran = await whereSetUpEnded(workspace, limits.until, () => runBaseline(place, checks.commands, limits));
  if (!ran.ok) return checks.source === "detected" ? ok({ checks: NO_CHECKS, baseline: new Map() }) : ran;
  const baseline = ran.value;
  log("ran the repository's checks before the work", {
    commands: checks.commands.length,
    passed: [...baseline.values()].filter(({ exitCode }) => exitCode === 0).length,
    unknown: checks.commands.length - baseline.size,
  });
  if (checks.source !== "detected") {
    const missing = await findMissing(checks.commands, baseline, place.git.path);
    return missing === undefined ? ok({ checks, baseline }) : err(blocked("setupFailed", missing));
  }
  const commands = checks.commands.filter((command) => !couldNotStart(baseline.get(command)?.exitCode));
  return ok({ checks: commands.length === 0 ? NO_CHECKS : { ...checks, commands }, baseline });
}

/** Work that no check could judge is not begun: what it says of a check whose program is not there. Others may be made by the work. */
async function findMissing(commands: readonly string[], baseline: Baseline, path: string): Promise<string | undefined> {
  for (const command of commands) {
    const program = /^[\w.+-]+/.exec(command)?.[0];
    if (!couldNotStart(baseline.get(command)?.exitCode) || program === undefined) continue;
    if (command.startsWith(`${program}/`) || (await findProgram(path, program)) !== undefined) continue;
    return `The check \`${cut(command, 200)}\` can't be started: \`${cut(program, 100)}\` is not on the runner's PATH. Correct it under \`verify\` in \`.github/agent-pool.yml\`, or put it on the runner.`;
  }
  return undefined;
}

/** What the harness is told of the checks. Pure. */
export function expectedOf({ checks, baseline }: Known): Expected {
  const fails = (command: string): boolean => (baseline.get(command)?.exitCode ?? 0) !== 0;
  return {
    mustPass: checks.commands.filter((command) => !fails(command)),
    failing: checks.commands.filter(fails),
  };
}
