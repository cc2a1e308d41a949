import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/kit/global-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores, and end-to-end tests start half a dozen processes each.
    maxWorkers: 2,
    server: { deps: { inline: [/@actions\//] } },
  },
});
