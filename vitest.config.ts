import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { readPains, worsened } from "./test/pains/pains.ts";

/** Set by `npm run pains`: the sources have the pain of this name in them, or none (""). Its tests need no Postgres. */
const pain = process.env["AGENT_POOL_PAIN"];
const worse = pain === undefined ? undefined : readPains().get(pain);

export default defineConfig({
  plugins:
    worse === undefined
      ? []
      : [
          {
            name: "pain",
            enforce: "pre",
            load: (id) => (id === join(import.meta.dirname, worse.patch.file) ? worsened(worse) : undefined),
          },
        ],
  test: {
    include: ["test/**/*.test.ts"],
    // A module with a pain in it must not be kept for a run without, nor one without be taken for it.
    fsModuleCache: pain === undefined,
    globalSetup: pain === undefined ? ["test/kit/global-setup.ts"] : [],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores, and end-to-end tests start half a dozen processes each.
    maxWorkers: 2,
    server: { deps: { inline: [/@actions\//] } },
  },
});
