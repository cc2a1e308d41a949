import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { shareEmbeddedStore } from "#playground/embedded-store.ts";
import { startPostgres } from "#playground/postgres.ts";

/** One real Postgres for the whole run: races are proved on it. And what each of its embedded stores begins as. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide("postgresUrl", server.url);
  const embedded = mkdtempSync(join(tmpdir(), "agent-pool-store-"));
  await shareEmbeddedStore(embedded);
  return async () => {
    rmSync(embedded, { recursive: true, force: true });
    await server[Symbol.asyncDispose]();
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}
