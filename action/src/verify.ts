import { performance } from "node:perf_hooks";
import type { Verification } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut, cutFront } from "#core/wire/text.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { blocked, type Blocked } from "./failure.ts";
import type { Sandbox } from "./sandbox.ts";

/** Set-up is paid by the minute and has no model to wait for. */
const SETUP_LIMIT_MS = 15 * MINUTE_MS;
const TAIL_CHARS = 6_000;

export type Limits = { readonly until: number; readonly signal: AbortSignal };

/** The repository's set-up commands, with package registries open, before the first model call. Errors: setupFailed. */
export async function runSetup(sandbox: Sandbox, commands: readonly string[], limits: Limits): Promise<Result<void, Blocked>> {
  const until = Math.min(limits.until, performance.now() + SETUP_LIMIT_MS);
  for (const line of commands) {
    const ended = await sandbox.run({ line, reach: { to: "registries" }, ...limits, until, keepBytes: 64 * 1024 });
    if (ended.exitCode === 0 && !ended.killed) continue;
    const how = ended.killed ? "was stopped at its time limit" : `ended with ${String(ended.exitCode)}`;
    return err(blocked("setupFailed", `The set-up command \`${cut(line, 200)}\` ${how}:\n${cutFront(tailOf(ended), 1_500)}`));
  }
  return ok(undefined);
}

export type VerificationRun = {
  readonly results: Verification[];
  /** The command that failed, with the end of its output, for the repair round. */
  readonly failure: { readonly command: string; readonly output: string } | undefined;
};

/** The repository's own checks, with no network at all, up to the first that fails. */
export async function runVerification(sandbox: Sandbox, commands: readonly string[], limits: Limits): Promise<VerificationRun> {
  const results: Verification[] = [];
  for (const line of commands) {
    const ended = await sandbox.run({ line, reach: { to: "nothing" }, ...limits, keepBytes: 256 * 1024 });
    const exitCode = ended.killed ? null : (ended.exitCode ?? 128);
    const output = exitCode === 0 ? "" : tailOf(ended);
    results.push({ command: line, exitCode, output, ms: ended.ms });
    if (exitCode !== 0) return { results: results.slice(-20), failure: { command: line, output } };
  }
  return { results: results.slice(-20), failure: undefined };
}

function tailOf(ended: { readonly stdout: Buffer; readonly stderr: string }): string {
  return cutFront(`${ended.stdout.toString("utf8")}\n${ended.stderr}`.trim(), TAIL_CHARS);
}
