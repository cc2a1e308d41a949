import { Probot, Server } from "probot";
import { createGitHub } from "#adapters/github/github.ts";
import { createRuntime } from "#adapters/runtime/runtime.ts";
import { createLog } from "#adapters/runtime/log.ts";
import { NewerSchema } from "#adapters/store/migrations.ts";
import { StoreInUse } from "#adapters/store/guard.ts";
import { openStore } from "#adapters/store/store.ts";
import type { Deps } from "#app/deps.ts";
import { intake } from "#app/intake.ts";
import { startWorker } from "#app/worker.ts";
import { webHandler } from "#web/server.ts";
import { readEnv, type Config } from "./env.ts";

/** The composition root: the one place where ports meet adapters, and the one reader of `process.env`. */
async function main(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  const store = await openStore(config.store).catch((error: unknown) => {
    if (error instanceof StoreInUse || error instanceof NewerSchema) return fail(error.message);
    const where = "databaseUrl" in config.store ? "DATABASE_URL" : `AGENT_POOL_DATA (${config.store.directory})`;
    return fail(`the store can't be opened: ${reasonOf(error)}; check ${where}`);
  });
  const github = createGitHub({ appId: config.appId, privateKey: config.privateKey, apiUrl: config.apiUrl });
  const runtime = createRuntime({ log, oidcIssuer: config.oidcIssuer, publicUrl: config.publicUrl });
  const deps: Deps = { store, github, runtime };
  const worker = startWorker(deps);

  const server = new Server({
    Probot: Probot.defaults({
      appId: config.appId,
      privateKey: config.privateKey,
      secret: config.webhookSecret,
      baseUrl: config.apiUrl,
    }),
    log,
    port: config.port,
    host: config.host,
    enableStaticFiles: false,
    enablePing: false,
    enableNotFound: false,
  });
  await server.load((probot, { addHandler }) => {
    // Probot answers GitHub only when this has finished: one insert, and the rest is the worker's.
    probot.onAny(async ({ id, name, payload }) => {
      if (await intake(deps, config.allowedOwners, { id, name, payload })) worker.wake();
    });
    addHandler?.(webHandler(deps, () => worker.wake()));
  });
  await server.start().catch((error: unknown) => fail(`can't listen: ${reasonOf(error)}`));
  log.info({ address: `http://${server.host}:${String(server.port)}`, publicUrl: config.publicUrl }, "agent-pool is ready");

  const stop = async (): Promise<void> => {
    await server.stop();
    await worker[Symbol.asyncDispose]();
    await store.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
}

function fail(message: string): never {
  process.stderr.write(`agent-pool: ${message}\n`);
  process.exit(2);
}

/** A refused connection carries its reason in a list, with an empty message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : "unknown error";
}

const config = readEnv(process.env);
if (!config.ok) fail(`${config.error.variable} ${config.error.problem}`);
await main(config.value);
