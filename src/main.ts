import { once } from "node:events";
import type { Server as HttpServer } from "node:http";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Probot, ProbotOctokit, Server } from "probot";
import { createClassifier } from "#adapters/classifier/anthropic.ts";
import { createGitHub } from "#adapters/github/github.ts";
import { createRuntime } from "#adapters/runtime/runtime.ts";
import { createLog } from "#adapters/runtime/log.ts";
import { NewerSchema } from "#adapters/store/newer-schema.ts";
import { StoreInUse } from "#adapters/store/guard.ts";
import { openStore } from "#adapters/store/store.ts";
import type { Deps } from "#app/deps.ts";
import { adoptComments } from "#app/adopt.ts";
import { withinBudget } from "#app/content.ts";
import { intake } from "#app/intake.ts";
import { startWorker, type Worker } from "#app/worker.ts";
import { oneLine } from "#core/change/publishable.ts";
import type { Result } from "#core/wire/result.ts";
import { serveLocal } from "#cli/local.ts";
import { webHandler } from "#web/server.ts";
import { ENV_FILE, readVariables } from "./env-file.ts";
import { readEnv, readFirstStart, type Config, type EnvProblem, type Variables } from "./env.ts";
import { awaitApp } from "./first-start.ts";
import { reasonOf } from "./reason.ts";
import { findRelease } from "./release.ts";

/**
 * How long an ordered stop may take: containers are killed after 10 s (Docker's default). A call to GitHub may take longer, and is then
 * left as a kill would leave it: the next start looks for what it did.
 */
const STOP_MS = 9_000;
/** How long a start waits for what GitHub shows of a store that was lost. */
const ADOPTION_MS = 10_000;
const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;
const MAX_WEBHOOK_BYTES = 25 * 1024 * 1024;

/**
 * Probot makes a client for each webhook, signed in to its installation, which took a tenth of all that is done with one. Nobody here asks for it
 * (adapters/github/client.ts has ours): each gets the same one, signed in to nothing.
 */
const ONE_CLIENT = ProbotOctokit.defaults({
  authStrategy: ({ octokit }: { readonly octokit: unknown }) =>
    Object.assign(() => Promise.resolve(octokit), {
      hook: (request: (options: unknown) => unknown, options: unknown) => request(options),
    }),
});

/** The composition root: the one place where ports meet adapters, and the one reader of `process.env`. */
async function main(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  const store = await openStore(config.store).catch((error: unknown) => {
    if (error instanceof StoreInUse || error instanceof NewerSchema) return fail(error.message);
    const where = "databaseUrl" in config.store ? "DATABASE_URL" : `AGENT_POOL_DATA (${config.store.directory})`;
    return fail(`the store can't be opened: ${reasonOf(error)}; check ${where}`);
  });
  const { apiUrl, oidcIssuer, publicUrl, playground } = config;
  const connected = createGitHub({ appId: config.appId, privateKey: config.privateKey, apiUrl });
  const github = config.limited ? withinBudget(connected, store) : connected;
  const deps: Deps = {
    store,
    github,
    runtime: createRuntime({ log, oidcIssuer, publicUrl, playground }),
    allowedOwners: config.allowedOwners,
    classifier: config.classifier === null ? undefined : createClassifier(config.classifier),
  };
  await meetGitHub(deps, apiUrl);

  const release = await findRelease();
  let worker: Worker | undefined;
  const wake = (): void => worker?.wake();
  const server = new Server({
    Probot: Probot.defaults({
      appId: config.appId,
      privateKey: config.privateKey,
      secret: config.webhookSecret,
      baseUrl: apiUrl,
      Octokit: ONE_CLIENT,
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
      const recorded = intake(deps, config.allowedOwners, { id, name, payload });
      worker?.giveWay(recorded);
      if (await recorded) wake();
    });
    addHandler?.(webHandler(deps, release?.commit ?? null, wake));
  });
  const stopping = new AbortController();
  // Before anybody can ask anything; where that is much, the rest beside the work.
  const adopted = adoptComments(deps, stopping.signal)
    .then(wake)
    .catch((error: unknown) => {
      log.error({ err: error }, "comments of an earlier store could not be looked for");
    });
  await Promise.race([adopted, sleep(ADOPTION_MS, undefined, { ref: false })]);
  await expectFree(config).catch((error: unknown) => fail(`can't listen: ${reasonOf(error)}; check PORT and HOST`));
  limitWebhooks(await server.start());
  const local = "directory" in config.store ? await serveLocal(store, log, config.store.directory) : undefined;
  // Nothing is done in GitHub's sight before this process is reachable.
  await store.startSweep();
  worker = startWorker(deps);
  log.info({ address: `http://${server.host}:${String(server.port)}`, publicUrl }, "agent-pool is ready");

  const stop = async (): Promise<void> => {
    stopping.abort();
    setTimeout(() => {
      log.warn({}, "agent-pool stopped with work under way; the next start goes on with it");
      process.exit(0);
    }, STOP_MS).unref();
    await Promise.all([server.stop(), worker[Symbol.asyncDispose](), local?.[Symbol.asyncDispose]()]);
    await store.close();
  };
  for (const signal of STOP_SIGNALS) {
    process.removeListener(signal, exitAtOnce);
    process.once(signal, () => {
      stop().catch((error: unknown) => {
        log.error({ err: error }, "agent-pool did not stop in order");
        process.exit(1);
      });
    });
  }
}

/**
 * Whether GitHub knows this App: a key that isn't the App's would otherwise be noticed with the first webhook. GitHub says of
 * an unknown App "Integration not found"; any other 404, or an answer without an App, is of a server that has no such API.
 */
async function meetGitHub({ github, runtime }: Deps, apiUrl: string): Promise<void> {
  const app = await github.readApp();
  const noApi = `there is no GitHub API at GITHUB_API_URL (${apiUrl}); on Enterprise Server it ends in /api/v3`;
  if (app.ok) return app.value.slug === "" ? fail(noApi) : undefined;
  const { error } = app;
  const message = oneLine(error.message, 200);
  if (error.reason === "github-refused" && error.status === 404 && !message.startsWith("Integration")) fail(noApi);
  if (error.reason === "github-refused" || error.tokenRefused)
    fail(`GitHub refuses this App (${message}); check that APP_ID and PRIVATE_KEY are of one App`);
  runtime.log.warn({ apiUrl, message }, "GITHUB_API_URL can't be reached; agent-pool starts all the same and goes on trying");
}

/** Fails where the address can't be listened on: Probot would log the error beside our one line. */
async function expectFree({ port, host }: Config): Promise<void> {
  const probe = createServer().listen(port, host);
  await once(probe, "listening");
  probe.close();
  await once(probe, "close");
}

/**
 * GitHub's webhooks are at most 25 MB (docs, "Webhook events and payloads"). The middleware keeps whatever comes before it
 * looks at the signature, so anyone could fill the memory: 400 MB unsigned were seen to take 1.3 GB.
 */
function limitWebhooks(server: HttpServer): void {
  server.prependListener("request", (request) => {
    if (request.url?.startsWith("/api/github/webhooks") !== true) return;
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > MAX_WEBHOOK_BYTES) request.destroy();
    });
  });
}

/** Before the app is up there is nothing to end in order. */
function exitAtOnce(): never {
  process.exit(0);
}

function fail(message: string): never {
  process.stderr.write(`agent-pool: ${message}\n`);
  process.exit(2);
}

function variables(): Variables {
  try {
    return readVariables(process.env);
  } catch (error) {
    return fail(`${ENV_FILE} can't be read: ${reasonOf(error)}`);
  }
}

function must<T>(read: Result<T, EnvProblem>): T {
  return read.ok ? read.value : fail(`${read.error.variable} ${read.error.problem}`);
}

// As a container's first process Node ignores a signal that nobody listens to.
for (const signal of STOP_SIGNALS) process.once(signal, exitAtOnce);
const first = readFirstStart(variables());
if (first !== undefined) {
  const config = must(first);
  await awaitApp(config, createLog(config.logLevel)).catch((error: unknown) => fail(reasonOf(error)));
}
await main(must(readEnv(variables())));
