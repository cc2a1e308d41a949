import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** Loaded into the app's process before its own code (`--import`): replaces the lines that ATTACK_PATCHES lists. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const List = z.array(z.object({ file: z.string(), find: z.string(), replace: z.string() }));
const patches = List.parse(JSON.parse(readFileSync(process.env["ATTACK_PATCHES"] ?? "", "utf8")));

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const own = url.startsWith("file:") ? patches.filter(({ file }) => join(ROOT, file) === fileURLToPath(url)) : [];
    if (own.length === 0 || loaded.source == null) return loaded;
    const source = typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString("utf8");
    return { ...loaded, source: own.reduce((text, { find, replace }) => text.replace(find, () => replace), source) };
  },
});
