import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import * as core from "@actions/core";
import { zipSync } from "fflate";

/**
 * `actions/upload-artifact` as version 4 and later do it, for files and folders: hidden files are left out, and paths in the
 * archive begin below what all that was named has in common (its README and `find-files`, read 2026-11-25).
 */
async function main(): Promise<void> {
  const paths = core.getMultilineInput("path", { required: true }).map((path) => resolve(path));
  const found = (await Promise.all(paths.map(filesBelow))).flat();
  const [first] = found;
  if (first === undefined) return tellNothingFound(core.getInput("path"));
  const root = found.length === 1 && paths[0] === first ? dirname(first) : commonFolder(paths);
  const files = await Promise.all(found.map(async (file) => [relative(root, file), await readFile(file)] as const));
  const level = Number(core.getInput("compression-level")) as 0 | 6;
  await upload(zipSync(Object.fromEntries(files), { level }), found.length);
}

async function filesBelow(path: string): Promise<string[]> {
  if (basename(path).startsWith(".")) return [];
  const kind = await stat(path).catch(() => undefined);
  if (kind?.isDirectory() !== true) return kind?.isFile() === true ? [path] : [];
  const entries = await readdir(path);
  return (await Promise.all(entries.toSorted().map((entry) => filesBelow(join(path, entry))))).flat();
}

function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split(sep));
  const apart = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return (apart < 0 ? first : first.slice(0, apart)).join(sep) || sep;
}

function tellNothingFound(path: string): void {
  const message = `No files were found with the provided path: ${path}. No artifacts will be uploaded.`;
  const how = core.getInput("if-no-files-found");
  if (how === "error") core.setFailed(message);
  else if (how === "ignore") core.info(message);
  else core.warning(message);
}

/** To the runner, which hands it to GitHub. */
async function upload(archive: Uint8Array<ArrayBuffer>, files: number): Promise<void> {
  const name = core.getInput("name");
  const query = new URLSearchParams({ name, retention_days: core.getInput("retention-days") });
  const answer = await fetch(`${process.env["ACTIONS_RESULTS_URL"] ?? ""}/artifacts?${query.toString()}`, {
    method: "POST",
    headers: { authorization: `Bearer ${process.env["ACTIONS_RUNTIME_TOKEN"] ?? ""}` },
    body: archive,
  });
  const body = (await answer.json()) as { readonly id?: number; readonly message?: string };
  if (!answer.ok) return core.setFailed(`Failed to CreateArtifact: (${String(answer.status)}) ${body.message ?? ""}`);
  core.setOutput("artifact-id", body.id);
  core.info(`Artifact ${name} has been successfully uploaded! ${String(files)} file(s), ${String(archive.length)} bytes`);
}

await main();
