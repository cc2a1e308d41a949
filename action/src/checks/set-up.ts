import { performance } from "node:perf_hooks";
import { blocked, type Blocked } from "#action/runner/failure.ts";
import type { Limits } from "#action/runner/process.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut, cutFront } from "#core/wire/text.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { bounded, type Place, toLog } from "./command.ts";

/** Set-up is paid by the minute and has no model to wait for. */
export const SETUP_LIMIT_MS = 15 * MINUTE_MS;

/** The repository's set-up commands, with package registries open, before the first model call. Errors: setupFailed. */
export async function runSetup(place: Place, commands: readonly string[], limits: Limits): Promise<Result<void, Blocked>> {
  const until = Math.min(limits.until, performance.now() + SETUP_LIMIT_MS);
  for (const line of commands) {
    const ended = await place.sandbox.run({
      ...bounded(line),
      reach: { to: "registries" },
      ...limits,
      until,
      keepBytes: 64 * 1024,
    });
    if (ended.exitCode === 0 && !ended.killed) continue;
    const how = ended.killed ? "was stopped at a limit of time, memory or processes" : `ended with ${String(ended.exitCode)}`;
    const said = cutFront(toLog(ended, place.workspace), 1_500);
    const what = `The set-up command \`${cut(line, 200)}\` ${how}`;
    return err(blocked("setupFailed", said === "" ? `${what}.` : `${what}:\n${said}`));
  }
  return ok(undefined);
}
