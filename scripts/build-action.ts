import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundleAction } from "../playground/action-bundle.ts";

/**
 * Bundles the Action into action/dist, which is checked in because GitHub runs an Action from its repository as it is.
 * `--check` writes nothing and fails when dist is not what the sources give. Both fail above the size at which nobody reads it any more.
 */
const MAX_BYTES = 2_000_000;
const root = fileURLToPath(new URL("..", import.meta.url));
const files = await bundleAction();

const stale: string[] = [];
for (const file of files) {
  if (file.contents.length > MAX_BYTES) {
    console.error(`${file.path.slice(root.length)} has ${file.contents.length} bytes, more than ${MAX_BYTES}.`);
    process.exitCode = 1;
  }
  const there = await readFile(file.path, "utf8").catch(() => "");
  if (there !== file.text) stale.push(file.path.slice(root.length));
}
if (process.argv.includes("--check")) {
  if (stale.length > 0) {
    console.error(`Not current: ${stale.join(", ")}. Run \`node scripts/build-action.ts\` and commit the result.`);
    process.exitCode = 1;
  } else console.log(`action/dist is current (${files.length} files).`);
} else {
  await mkdir(`${root}action/dist`, { recursive: true });
  for (const file of files) await writeFile(file.path, file.contents);
  console.log(stale.length === 0 ? "action/dist was current." : `Wrote ${stale.join(", ")}.`);
}
