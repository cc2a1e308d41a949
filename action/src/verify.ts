import { performance } from "node:perf_hooks";
import type { Verification } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut, cutFront } from "#core/wire/text.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { blocked, type Blocked } from "./failure.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Workspace } from "./workspace.ts";

/** Set-up is paid by the minute and has no model to wait for. */
export const SETUP_LIMIT_MS = 15 * MINUTE_MS;
const TAIL_CHARS = 6_000;

export type Limits = { readonly until: number; readonly signal: AbortSignal };
type Place = { readonly sandbox: Sandbox; readonly workspace: Workspace };

/** The repository's set-up commands, with package registries open, before the first model call. Errors: setupFailed. */
export async function runSetup(place: Place, commands: readonly string[], limits: Limits): Promise<Result<void, Blocked>> {
  const until = Math.min(limits.until, performance.now() + SETUP_LIMIT_MS);
  for (const line of commands) {
    const ended = await place.sandbox.run({ line, reach: { to: "registries" }, ...limits, until, keepBytes: 64 * 1024 });
    if (ended.exitCode === 0 && !ended.killed) continue;
    const how = ended.killed ? "was stopped at its time limit" : `ended with ${String(ended.exitCode)}`;
    const said = cutFront(tailOf(ended, place.workspace), 1_500);
    return err(blocked("setupFailed", `The set-up command \`${cut(line, 200)}\` ${how}:\n${said}`));
  }
  return ok(undefined);
}

export type VerificationRun = {
  readonly results: Verification[];
  /** The command that failed, with the end of its output. */
  readonly failure: Verification | undefined;
};

/** The repository's own checks, with no network at all, up to the first that fails. */
export async function runVerification(place: Place, commands: readonly string[], limits: Limits): Promise<VerificationRun> {
  const results: Verification[] = [];
  for (const line of commands) {
    const ended = await place.sandbox.run({ line, reach: { to: "nothing" }, ...limits, keepBytes: 256 * 1024 });
    const exitCode = ended.killed ? null : (ended.exitCode ?? 128);
    const result = { command: line, exitCode, output: exitCode === 0 ? "" : tailOf(ended, place.workspace), ms: ended.ms };
    results.push(result);
    if (exitCode !== 0) return { results: results.slice(-20), failure: result };
  }
  return { results: results.slice(-20), failure: undefined };
}

/** The end of what was printed, with paths as its readers know them: where this job keeps its folders tells them nothing. */
function tailOf(ended: { readonly stdout: Buffer; readonly stderr: string }, { repo, home }: Workspace): string {
  const text = `${ended.stdout.toString("utf8")}\n${ended.stderr}`.trim();
  return cutFront(text.replaceAll(`file://${repo}`, ".").replaceAll(repo, ".").replaceAll(home, "~"), TAIL_CHARS);
}
