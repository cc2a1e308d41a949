import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareApp, type AppProcess } from "./app-process.ts";
import { beginEmbeddedStore } from "./embedded-store.ts";
import type { EmulatedGitHub, NewRepository } from "./github/emulated-github.ts";
import { startGitHub } from "./github/server.ts";
import { startModel, type Model, type ModelOptions } from "./model/model.ts";
import { startOidcIssuer, type OidcIssuer } from "./oidc.ts";
import { startRunner, type Runner } from "./runner/runner.ts";
import type { Person, WorldEvent } from "./types.ts";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The policy README shows: six lines, as a user writes them. */
export const SIX_LINES = `version: 1
pool:
  - name: platform-api
    provider: anthropic
runner: acme/agent-runner
budget: $200/month
`;

/** In the repository, or, where this is a package, where it outlives it. */
export const TOOL_CACHE = import.meta.filename.endsWith(".ts")
  ? join(ROOT, ".cache", "tools")
  : join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "agent-pool", "tools");

export type WorldOptions = {
  /** The product repository, `acme/web` where not said otherwise; private. */
  readonly product: Pick<NewRepository, "files" | "fromGit" | "defaultBranch"> & { readonly private?: boolean };
  readonly policy?: string | null;
  /** False: the owner has its product repository and its people, and nothing that agent-pool needs. */
  readonly setUp?: boolean;
  readonly script: ModelOptions["script"];
  /** What the policy's pool draws on, in the policy's words. Default: the six lines' one API key. */
  readonly pool?: readonly PoolEntry[];
  /** A real provider instead of the scripted model. */
  readonly live?: { readonly key: string };
  readonly databaseUrl?: string;
  readonly listingLagMs?: number;
  /** Content-creating calls that GitHub takes. Default: its own 80 a minute and 500 an hour. With others the app keeps no budget. */
  readonly limits?: { readonly perMinute: number; readonly perHour: number };
  readonly onEvent?: (event: WorldEvent) => void;
  /** False: webhooks arrive and wait; nothing executes what is dispatched. */
  readonly runner?: boolean;
  /** Added to what the job's steps see; a control for tests that look for leaks. */
  readonly jobEnv?: Readonly<Record<string, string>>;
  readonly sandboxed?: boolean;
  /** The folder that stands for the Action. Default: the release's. */
  readonly action?: string;
  /** The tree of the release that the organisation has set up: its App's manifest, its workflow file, its Action. Default: this one. */
  readonly release?: string;
};

/** A credential that has an environment with its key in the runner repository. */
export type PoolEntry = {
  readonly name: string;
  readonly kind: string;
  readonly owner?: string | undefined;
};
export type SeatOwner = { readonly seat: string; readonly person: Person };

/** One organisation on one machine: GitHub, its runners, the provider, the app. Everything stops with it. */
export type World = AsyncDisposable & {
  readonly github: EmulatedGitHub;
  readonly oidc: OidcIssuer;
  readonly model: Model;
  /** undefined until `startRunner`, where the world was made without one. */
  readonly runner: Runner | undefined;
  startRunner(): Promise<Runner>;
  /** Pushes the workflow anew, as an operator who moves the app to another address. */
  setWorkflow(at: { readonly appUrl: string }): Promise<void>;
  readonly app: AppProcess;
  /** Has write in the product repository, as has the owner of each seat. */
  readonly maintainer: Person;
  readonly seatOwners: readonly SeatOwner[];
  /** Has no role there. */
  readonly outsider: Person;
  readonly dataDir: string;
  /** Whether jobs run in the sandbox. */
  readonly sandboxed: boolean;
  readonly ownerId: number;
  /** A credential's real key. */
  keyOf(credential: string): string;
  /** The first real key: in GitHub's secret store, and wherever it leaked. */
  readonly key: string;
  readonly webhookSecret: string;
};

export const PRODUCT = "acme/web";
export const RUNNER = "acme/agent-runner";
export const CREDENTIAL = "platform-api";

export async function createWorld(options: WorldOptions): Promise<World> {
  const stack = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), "agent-pool-world-"));
  stack.defer(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  try {
    const release = options.release ?? ROOT;
    const pool = options.pool ?? [{ name: CREDENTIAL, kind: "api-key" }];
    const keys = new Map(pool.map(({ name, kind }) => [name, options.live?.key ?? makeKey(kind)]));
    const [key = ""] = keys.values();
    const webhookSecret = randomBytes(16).toString("hex");
    if (options.databaseUrl === undefined) await beginEmbeddedStore(join(dataDir, "store"));
    const oidc = stack.use(await startOidcIssuer());
    const tell = (from: WorldEvent["from"]) => (text: string) => options.onEvent?.({ from, text });
    const model = stack.use(await startModel({ script: options.script, key: [...keys.values()], onTurn: tell("model") }));
    for (const { name, kind } of pool) if (kind === "seat") model.setLimits(keys.get(name) ?? "", { seat: {} });
    const app = stack.use(
      await prepareApp(
        dataDir,
        {
          WEBHOOK_SECRET: webhookSecret,
          AGENT_POOL_DATA: join(dataDir, "store"),
          OIDC_ISSUER: oidc.url,
          AGENT_POOL_PLAYGROUND: options.limits === undefined ? "1" : "unlimited",
          LOG_LEVEL: "debug",
          ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
        },
        tell("app"),
      ),
    );
    const github = stack.use(
      await startGitHub({
        appManifest: join(release, "app.yml"),
        dataDir: join(dataDir, "repositories"),
        webhook: { url: `${app.url}/api/github/webhooks`, secret: webhookSecret },
        app: { id: 1_234, slug: "agent-pool" },
        ...(options.listingLagMs === undefined ? {} : { listingLagMs: options.listingLagMs }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        onEvent: tell("github"),
      }),
    );
    Object.assign(app.variables, {
      APP_ID: String(github.app.id),
      PRIVATE_KEY: github.app.privateKeyPem,
      GITHUB_API_URL: github.url,
    });
    const modelUrl = options.live === undefined ? model.url : undefined;
    const people = await furnish(github, options, { release, appUrl: app.url, modelUrl, pool, keys });
    const owned = stack.move();
    const jobTemp = join(dataDir, "tmp");
    mkdirSync(jobTemp);
    let runner: Runner | undefined;
    const world: World = {
      github,
      oidc,
      model,
      get runner() {
        return runner;
      },
      async startRunner() {
        runner = owned.use(
          await startRunner({
            host: github.host,
            oidc,
            actions: {
              "agent-pool/agent-pool/action": options.action ?? join(release, "action"),
              "actions/upload-artifact": join(ROOT, "playground/runner/upload-artifact"),
            },
            serverUrl: github.url,
            apiUrl: github.url,
            tempDir: join(dataDir, "jobs"),
            toolCache: TOOL_CACHE,
            env: {
              PATH: process.env["PATH"] ?? "",
              // Whatever a killed job leaves behind goes with the world.
              TMPDIR: jobTemp,
              ...(options.sandboxed === false ? { AGENT_POOL_UNSANDBOXED: "playground" } : {}),
              ...options.jobEnv,
            },
            onEvent: (event) => {
              tell("runner")(event.kind === "line" ? event.line : event.kind);
            },
          }),
        );
        return runner;
      },
      async setWorkflow({ appUrl }) {
        await github.push(RUNNER, "main", { [WORKFLOW]: fillIn({ release, appUrl, modelUrl }) }, "move the app");
      },
      app,
      ...people,
      dataDir,
      sandboxed: options.sandboxed !== false,
      key,
      keyOf: (credential) => keys.get(credential) ?? "",
      webhookSecret,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
    if (options.runner !== false) await world.startRunner();
    return world;
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** As a provider makes them: an API key, or the token that a subscription's owner gets. */
function makeKey(kind: string): string {
  return `${kind === "seat" ? "sk-ant-oat01" : "sk-ant-api03"}-${randomBytes(24).toString("hex")}`;
}

const WORKFLOW = ".github/workflows/agent-pool.yml";

type At = { readonly release: string; readonly appUrl: string; readonly modelUrl: string | undefined };

/** The template with what an operator sets in it; without `modelUrl`, keys go to the providers themselves. */
function fillIn({ release, appUrl, modelUrl }: At): string {
  const filled = readFileSync(join(release, WORKFLOW), "utf8").replace("https://agents.example.com", appUrl);
  return modelUrl === undefined ? filled : filled.replaceAll(/(?<=-base-url: )\S+/g, modelUrl);
}

type Furnishing = At & { readonly pool: readonly PoolEntry[]; readonly keys: ReadonlyMap<string, string> };

/** An organisation with people and a product, and what `agent-pool init` would set up in a real one. */
async function furnish(github: EmulatedGitHub, options: WorldOptions, at: Furnishing) {
  mkdirSync(TOOL_CACHE, { recursive: true });
  const { id: ownerId } = await github.createOwner({ login: "acme", kind: "Organization" });
  const { private: isPrivate = true, ...content } = options.product;
  await github.createRepository({ owner: "acme", name: "web", private: isPrivate, ...content });
  if (options.setUp !== false) await setUp(github, options, at);
  const maintainer = await github.createPerson("maintainer");
  const outsider = await github.createPerson("outsider");
  github.setRole(PRODUCT, "maintainer", "write");
  const seatOwners: SeatOwner[] = [];
  for (const { name, kind, owner } of at.pool) {
    if (kind !== "seat" || owner === undefined) continue;
    seatOwners.push({ seat: name, person: await github.createPerson(owner) });
    github.setRole(PRODUCT, owner, "write");
  }
  // What was pushed before the App was there is no news for it.
  await github.delivered();
  if (options.setUp !== false) await github.installApp("acme");
  return { ownerId, maintainer, outsider, seatOwners };
}

async function setUp(github: EmulatedGitHub, options: WorldOptions, at: Furnishing): Promise<void> {
  await github.createRepository({
    owner: "acme",
    name: "agent-runner",
    private: true,
    files: { [WORKFLOW]: fillIn(at) },
  });
  github.protectBranch(RUNNER, "main");
  for (const [name, key] of at.keys)
    github.createEnvironment(RUNNER, name, { branches: ["main"], secrets: { AGENT_POOL_KEY: key }, variables: {} });
  if (options.policy !== null) {
    const policy = options.policy ?? SIX_LINES;
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { ".github/agent-pool.yml": policy } });
  }
}
