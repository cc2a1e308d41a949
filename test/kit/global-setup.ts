import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestProject } from "vitest/node";

/** One real Postgres for the whole run: races are proved on it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = spawn(process.execPath, [join(import.meta.dirname, "postgres-process.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(server, "exit");
  const first: unknown[] = await Promise.race([
    once(createInterface({ input: server.stdout }), "line"),
    exited.then(() => Promise.reject(new Error("Postgres did not start; see above"))),
  ]);
  project.provide("postgresUrl", String(first[0]));
  return async () => {
    server.stdin.end();
    await exited;
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}
