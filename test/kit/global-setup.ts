import type { TestProject } from "vitest/node";
import { startPostgres } from "#playground/postgres.ts";

/** One real Postgres for the whole run: races are proved on it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide("postgresUrl", server.url);
  return async () => {
    await server[Symbol.asyncDispose]();
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}
