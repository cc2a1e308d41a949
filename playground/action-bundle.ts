import { join } from "node:path";
import { build, type OutputFile, type Plugin } from "esbuild";
import { ROOT } from "./world.ts";

/** Of zod's 50 languages, 300 kB, the one it uses by itself: they come along as a namespace, which can't be shaken off. */
const english: Plugin = {
  name: "english",
  setup: (building) => {
    building.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

/**
 * The files of action/dist as the sources give them; writes nothing. Not minified: people read what holds their key, and minifying
 * won no start-up time (78.6 ms against 88.7 ms, medians of 20 starts).
 */
export async function bundleAction(changing: readonly Plugin[] = []): Promise<OutputFile[]> {
  return bundle({ main: "action/src/main.ts", post: "action/src/post.ts" }, join(ROOT, "action/dist"), changing);
}

/** Programs, each made into one file as the Action's are. */
export async function bundle(
  entryPoints: Readonly<Record<string, string>>,
  outdir: string,
  changing: readonly Plugin[] = [],
): Promise<OutputFile[]> {
  const built = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
    plugins: [english, ...changing],
    legalComments: "inline",
    charset: "utf8",
    write: false,
    logLevel: "warning",
  });
  return built.outputFiles;
}
