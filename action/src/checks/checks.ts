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

/** The repository's own checks of this attempt, all that are run (a specialist's too), and how these ended before the work. */
export type Known = { readonly checks: Checks; readonly commands: readonly string[]; readonly baseline: Baseline };

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
 * Runs the checks on the untouched checkout, `also` a specialist's. A detected one that can't be started there is none: it was
 * only a guess. Where nothing can be run (no room for a copy of the checkout), nothing could be after the work either, which is
 * not begun for nothing. Errors: setupFailed.
 */
export async function learnBaseline(
  place: Place,
  checks: Checks,
  also: readonly string[],
  limits: Limits,
): Promise<Result<Known, Blocked>> {
  const all = [...new Set([...checks.commands, ...also])];
  if (all.length === 0) return ok({ checks, commands: [], baseline: new Map() });
  const { log, workspace } = place;
  const kept = await keepSetUp(workspace, limits.until);
  if (!kept.ok) return kept;
  const ran = await whereSetUpEnded(workspace, limits.until, () => runBaseline(place, all, limits));
  const isGuess = checks.source === "detected" && also.length === 0;
  if (!ran.ok) return isGuess ? ok({ checks: NO_CHECKS, commands: [], baseline: new Map() }) : ran;
  const baseline = ran.value;
  log("ran the repository's checks before the work", {
    commands: all.length,
    passed: [...baseline.values()].filter(({ exitCode }) => exitCode === 0).length,
    unknown: all.length - baseline.size,
  });
  const missing = await findMissing(checks.source === "detected" ? also : all, baseline, place.git.path);
  if (missing !== undefined) return err(blocked("setupFailed", missing));
  if (checks.source !== "detected") return ok({ checks, commands: all, baseline });
  const commands = checks.commands.filter((command) => !couldNotStart(baseline.get(command)?.exitCode));
  const found = commands.length === 0 ? NO_CHECKS : { ...checks, commands };
  return ok({ checks: found, commands: [...new Set([...commands, ...also])], baseline });
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
export function expectedOf({ commands, baseline }: Known): Expected {
  const fails = (command: string): boolean => (baseline.get(command)?.exitCode ?? 0) !== 0;
  return {
    mustPass: commands.filter((command) => !fails(command)),
    failing: commands.filter(fails),
  };
}
