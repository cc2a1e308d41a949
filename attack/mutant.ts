import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Plugin } from "esbuild";
import { parse } from "yaml";
import { z } from "zod";
import { bundleAction } from "#playground/action-bundle.ts";
import { ROOT } from "#playground/world.ts";

/**
 * The product has no switch that turns a defence off. A control runs a mutant of it: the sources as they are, but for the
 * exact lines that a defence names, replaced while they are loaded. So a control that leaks proves that these lines held.
 */
const Patch = z.strictObject({ file: z.string(), find: z.string().min(1), replace: z.string() });
export type Patch = z.infer<typeof Patch>;
const Defence = z.strictObject({ what: z.string().min(1), patches: z.array(Patch).min(1) });
export type Defence = z.infer<typeof Defence> & { readonly name: string };

/** Throws where the file is no list of defences, or a patch no longer fits the sources: then its control proves nothing. */
export function loadDefences(path: string): ReadonlyMap<string, Defence> {
  const parsed = z.record(z.string(), Defence).safeParse(parse(readFileSync(path, "utf8")));
  if (!parsed.success) throw new Error(`${path}:\n${z.prettifyError(parsed.error)}`);
  const defences = Object.entries(parsed.data).map(([name, defence]) => ({ name, ...defence }));
  const stale = defences.flatMap(({ name, patches }) =>
    [...Map.groupBy(patches, ({ file }) => file)].flatMap(([file, own]) => {
      try {
        applyPatches(readFileSync(join(ROOT, file), "utf8"), own);
        return [];
      } catch (error) {
        return [`defence ${name}: ${error instanceof Error ? error.message : String(error)}`];
      }
    }),
  );
  if (stale.length > 0) throw new Error(`${path} no longer fits the sources:\n${stale.join("\n")}`);
  return new Map(defences.map((defence) => [defence.name, defence]));
}

/** Throws where a patch's text is not there exactly once. Pure. */
export function applyPatches(source: string, patches: readonly Patch[]): string {
  return patches.reduce((text, { file, find, replace }) => {
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${file} has ${String(times)} times, not once: ${find}`);
    return text.replace(find, () => replace);
  }, source);
}

export type Mutant = Disposable & {
  /** The folder that stands for the Action. */
  readonly action: string;
  /** What the app's environment needs beside its own. */
  readonly appVariables: Readonly<Record<string, string>>;
};

/** Effects: a folder with the mutant's bundle, removed when disposed. */
export async function makeMutant({ patches }: Defence): Promise<Mutant> {
  const folder = mkdtempSync(join(tmpdir(), "agent-pool-mutant-"));
  const action = join(folder, "action");
  mkdirSync(join(action, "dist"), { recursive: true });
  cpSync(join(ROOT, "action", "action.yml"), join(action, "action.yml"));
  symlinkSync(join(ROOT, "action", "tools"), join(action, "tools"));
  for (const { path, text } of await bundleAction([patching(patches)])) writeFileSync(join(action, "dist", basename(path)), text);
  const list = join(folder, "patches.json");
  writeFileSync(list, JSON.stringify(patches.filter(({ file }) => file.startsWith("src/"))));
  return {
    action,
    appVariables: { NODE_OPTIONS: `--import=${join(ROOT, "attack", "patch-app.ts")}`, ATTACK_PATCHES: list },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function patching(patches: readonly Patch[]): Plugin {
  return {
    name: "patching",
    setup(bundling) {
      bundling.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const own = patches.filter(({ file }) => join(ROOT, file) === path);
        if (own.length === 0) return undefined;
        return { contents: applyPatches(await readFile(path, "utf8"), own), loader: "ts" };
      });
    },
  };
}
