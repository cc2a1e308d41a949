import type { Git } from "#action/checkout/git.ts";
import { carryOver, takeSnapshot, type Tree } from "#action/checkout/snapshot.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import type { Limits } from "#action/runner/process.ts";
import { type Blocked, blocked } from "#action/runner/failure.ts";
import { NODE_PROGRAM, type Sandbox } from "#action/sandbox/sandbox.ts";
import type { Change } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cutFront } from "#core/wire/text.ts";

/**
 * Puts what an interrupted run of this attempt had changed into the checkout, for the harness to go on from.
 * @returns base with these changes: what the harness's own are carried onto. Errors: changesUnreadable.
 */
export async function resumeWork(
  { git, sandbox, workspace }: { readonly git: Git; readonly sandbox: Sandbox; readonly workspace: Workspace },
  base: string,
  changes: readonly Change[],
  limits: Limits,
): Promise<Result<Tree, Blocked>> {
  const before = await takeSnapshot(git, workspace, base);
  if (!before.ok) return before;
  const put = await putChanges(sandbox, changes, limits);
  if (!put.ok) return put;
  const after = await takeSnapshot(git, workspace, base);
  return after.ok ? carryOver(git, workspace, { before: before.value, after: after.value, onto: base }) : after;
}

/** Writes a change into the checkout, from inside the sandbox: set-up may have put links where its paths lead. Errors: changesUnreadable. */
export async function putChanges(sandbox: Sandbox, changes: readonly Change[], limits: Limits): Promise<Result<void, Blocked>> {
  if (changes.length === 0) return ok(undefined);
  const input = `const changes = ${JSON.stringify(changes)};\n${WRITER}`;
  const written = await sandbox.run({ line: NODE_PROGRAM, input, reach: { to: "nothing" }, ...limits, keepBytes: 16 * 1024 });
  if (written.exitCode === 0) return ok(undefined);
  return err(
    blocked("changesUnreadable", `The change could not be put into the checkout: ${cutFront(written.stderr.trim(), 500)}`),
  );
}

const WRITER = `
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
for (const change of changes) if (change.status === "deleted") await rm(change.path, { force: true });
for (const change of changes) {
  if (change.status === "deleted") continue;
  // A file may stand where a folder was.
  await rm(change.path, { force: true, recursive: true });
  await mkdir(dirname(change.path), { recursive: true });
  await writeFile(change.path, Buffer.from(change.content, "base64"));
  await chmod(change.path, change.mode === "100755" ? 0o755 : 0o644);
}
`;
