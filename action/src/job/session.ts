import type { Workspace } from "#action/runner/workspace.ts";
import type { Limits } from "#action/runner/process.ts";
import type { Harness } from "#action/harness/harness.ts";
import { NODE_PROGRAM, type Sandbox } from "#action/sandbox/sandbox.ts";
import { parseRecord } from "#core/wire/json.ts";
import { Session } from "#core/wire/session.ts";

/**
 * A harness's own record of a conversation, kept when its credential's limit ends a run, so that the next job of the same
 * attempt goes on where it stood rather than reads everything anew (Claude Code 2.1.330 and Codex 0.169.0 go on under another key
 * and in another folder). Read and written from inside the sandbox: the files, and whatever links stand in their place,
 * are the sandbox's.
 */
type Place = { readonly sandbox: Sandbox; readonly workspace: Workspace };

/** Packed. A conversation that filled a million tokens is 4 MB, and packs to a quarter. */
const MAX_PACKED_BYTES = 1_500_000;

/** @returns undefined where the harness keeps none, or one that is too large or of no form we know: then the next job begins a new one. */
export async function saveSession(
  { sandbox, workspace }: Place,
  { id: harness, session }: Pick<Harness, "id" | "session">,
  id: string | null,
  limits: Limits,
): Promise<Session | undefined> {
  if (session === undefined || id === null) return undefined;
  const given = { root: `${workspace.home}/${session.root}`, ending: session.fileEnding(id), most: MAX_PACKED_BYTES };
  const input = `const given = ${JSON.stringify(given)};\n${READER}`;
  const read = await sandbox.run({
    line: NODE_PROGRAM,
    input,
    reach: { to: "nothing" },
    ...limits,
    keepBytes: 4 * MAX_PACKED_BYTES,
  });
  const found = read.exitCode === 0 ? parseRecord(read.stdout.toString("utf8")) : undefined;
  // One that the app would not read would cost it the whole outcome.
  return Session.safeParse({ ...found, harness, id, checkout: workspace.repo }).data;
}

/** @returns whether it stands where the harness looks for it. */
export async function restoreSession(
  { sandbox, workspace }: Place,
  { id: harness, session }: Pick<Harness, "id" | "session">,
  kept: Session,
  limits: Limits,
): Promise<boolean> {
  if (session === undefined || kept.harness !== harness) return false;
  const path = `${workspace.home}/${session.root}/${session.moved(kept.path, workspace.repo)}`;
  const given = { path, content: kept.content, from: kept.checkout, to: workspace.repo };
  const input = `const given = ${JSON.stringify(given)};\n${WRITER}`;
  const written = await sandbox.run({ line: NODE_PROGRAM, input, reach: { to: "nothing" }, ...limits, keepBytes: 16 * 1024 });
  return written.exitCode === 0;
}

const READER = `
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
const names = await readdir(given.root, { recursive: true }).catch(() => []);
const path = names.find((name) => name.endsWith(given.ending));
if (path === undefined) process.exit(1);
const packed = gzipSync(await readFile(given.root + "/" + path));
if (packed.length > given.most) process.exit(1);
process.stdout.write(JSON.stringify({ path, content: packed.toString("base64") }));
`;

const WRITER = `
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";
await mkdir(dirname(given.path), { recursive: true });
const text = gunzipSync(Buffer.from(given.content, "base64"), { maxOutputLength: 64 * 1024 * 1024 }).toString("utf8");
// Else the model would go on with paths of a folder that was another job's.
await writeFile(given.path, text.replaceAll(given.from, given.to));
`;
