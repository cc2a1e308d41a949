import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connectEmbedded, connectPostgres, type Connection } from "#adapters/store/connect.ts";
import type { Script } from "#playground/model/script.ts";
import { waitForComment } from "#playground/watch.ts";
import { createWorld, PRODUCT, ROOT, RUNNER, type World } from "#playground/world.ts";
import { startPostgres, type RunningPostgres } from "#playground/postgres.ts";
import { installedPostgres } from "../kit/postgres.ts";
import { SAMPLE_ISSUE, sampleFiles } from "../kit/sample.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "agent-pool-backup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The commands that the page gives to an operator, in its order: those are what is run here, as they stand there. */
const COMMANDS = documented("docs/deployment.md", "Backup and restore");
const [DUMP = "", RESTORE = "", DUMP_IN_CONTAINER = "", RESTORE_IN_CONTAINER = "", COPY = "", COPY_BACK = ""] = COMMANDS;

function documented(page: string, title: string): readonly string[] {
  const section = readFileSync(join(ROOT, page), "utf8").split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? ""; // prettier-ignore
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1]?.trim() ?? "");
}

/** As an operator's shell, in a folder where backups are kept. */
async function operate(command: string, env: Record<string, string>, at = folder): Promise<void> {
  await run("bash", ["-euo", "pipefail", "-c", command], {
    cwd: at,
    env: { PATH: `${TOOLS}:${process.env["PATH"] ?? ""}`, ...env },
  });
}

const TOOLS =
  installedPostgres() ?? expect.fail("no Postgres with pg_dump is installed: npm test does it, or apt-get install postgresql");

/** What `agent-pool pool --json` prints, without what tells when it was asked: `now`, and how long ago a window was observed. */
async function pool(variables: Readonly<Record<string, string>>): Promise<unknown> {
  const { stdout } = await run(process.execPath, [join(ROOT, "bin/agent-pool.js"), "pool", "--json"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...variables },
  });
  return JSON.parse(stdout, (key, value: unknown) => (key === "now" || key === "ageMs" ? undefined : value));
}

const POLICY = `version: 1
pool:
  - name: ada-max
    provider: anthropic
    kind: seat
    owner: ada
    serves: everyone
runner: acme/agent-runner
budget: $200/month
`;

/** Jobs do no more than have a store know of them. */
const SCRIPT: Script = [{ write: { path: "CHANGES.md", content: "# Changes\n" } }];

/** One task runs and one waits, on a lent seat. */
const UNDER_WAY = [{ owner: "acme", pool: { waiting: 1, credentials: [{ jobs: { live: 1 }, serves: "everyone" }] } }];

async function makeWorld(databaseUrl?: string): Promise<World> {
  return createWorld({
    product: { files: { ...sampleFiles(), ".github/agent-pool.yml": "version: 1\nverify: ci\n" } },
    policy: POLICY,
    pool: [{ name: "ada-max", kind: "seat", owner: "ada" }],
    script: SCRIPT,
    sandboxed: false,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  });
}

async function ask(world: World): Promise<number> {
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  return number;
}

function ours(world: World, issue: number): readonly string[] {
  const { botLogin } = world.github.app;
  return world.github.comments(PRODUCT, issue).flatMap(({ login, body }) => (login === botLogin ? [body] : []));
}

function commentsOf(world: World, issue: number): string {
  return `${ours(world, issue).join("\n")}\n${world.app.output().slice(-3_000)}`;
}

async function isSaid(world: World, issue: number, words: string): Promise<boolean> {
  return waitForComment(world, PRODUCT, issue, (body) => body.includes(words), 60_000);
}

async function expectSolved(world: World, issue: number): Promise<void> {
  expect(await isSaid(world, issue, "is ready for review"), commentsOf(world, issue)).toBe(true);
}

async function lend(world: World): Promise<void> {
  const ada = world.seatOwners[0]!.person;
  const { number } = await ada.openIssue(PRODUCT, { title: "Seats", body: "" });
  await ada.comment(PRODUCT, number, "/agent lend ada-max");
  expect(await isSaid(world, number, "lends `ada-max`."), commentsOf(world, number)).toBe(true);
}

/** Until a job asks its model for this turn; `since` so many requests. */
async function untilTurn(world: World, wanted: number, since: number): Promise<void> {
  const isAsked = () => world.model.requests().slice(since).some(({ turn }) => turn === wanted); // prettier-ignore
  await vi.waitUntil(isAsked, { timeout: 60_000, interval: 50 });
}

/** A seat that its owner has lent, a task that is done, one that is being worked on, and one that waits. */
async function furnish(world: World): Promise<{ running: number; waiting: number; letGo: () => void }> {
  await world.app.start();
  await lend(world);
  await expectSolved(world, await ask(world));
  const asked = world.model.requests().length;
  const letGo = world.model.hold(1);
  const running = await ask(world);
  await untilTurn(world, 1, asked);
  const waiting = await ask(world);
  expect(await isSaid(world, waiting, "· waiting, number 1"), commentsOf(world, waiting)).toBe(true);
  return { running, waiting, letGo };
}

it("the page gives these commands, and no other that is not run here", () => {
  const programs = COMMANDS.map((command) => /^(?:docker compose exec -T postgres )?(\S+)/.exec(command)?.[1]);

  expect(programs).toEqual(["pg_dump", "pg_restore", "pg_dump", "pg_restore", "cp", "cp"]);
});

describe("a backup of Postgres, made by the documented commands while the app runs", () => {
  let server: RunningPostgres;
  let world: World;
  let tasks: Awaited<ReturnType<typeof furnish>>;
  let before: unknown;

  /** The server is the operator's; the app's role is one that may do nothing but in its own databases. */
  async function asOperator(...statements: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: `${server.url}/postgres` });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }
  const urlOf = (database: string) => `${server.url.replace("postgres@", "agent_pool@")}/${database}`;
  const on = (database: string) => ({ DATABASE_URL: urlOf(database) });
  /** Docker's part of a command in compose.yaml's Postgres: the server on loopback stands for the one in the container. */
  const inContainer = (command: string) =>
    operate(
      `docker() { test "$1 $2 $3 $4" = "compose exec -T postgres"; shift 4; "$@"; }\n${command}`,
      { PGHOST: new URL(server.url).hostname, PGPORT: new URL(server.url).port },
      join(folder, "container"),
    );
  async function restoreInto(database: string): Promise<void> {
    await asOperator(`create database ${database} owner agent_pool`);
    await operate(RESTORE, on(database));
  }

  beforeAll(async () => {
    server = await startPostgres(TOOLS);
    await asOperator("create role agent_pool login", "create database agent_pool owner agent_pool");
    mkdirSync(join(folder, "container"));
    world = await makeWorld(urlOf("agent_pool"));
    tasks = await furnish(world);
    // A heartbeat may come in between: then it is made again.
    do {
      before = await pool(on("agent_pool"));
      await operate(DUMP, on("agent_pool"));
      await inContainer(DUMP_IN_CONTAINER);
    } while (!isDeepStrictEqual(await pool(on("agent_pool")), before));
    await world.app.stop();
  }, 180_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it("gives an empty database the same pool", async () => {
    await restoreInto("restored");

    expect(before).toMatchObject(UNDER_WAY);
    expect(await pool(on("restored"))).toEqual(before);
  });

  it("is refused by a database that isn't empty, which stays as it was", async () => {
    await expect(operate(RESTORE, on("restored"))).rejects.toThrow(/already exists/);

    expect(await pool(on("restored"))).toEqual(before);
  });

  it("gives the same in compose.yaml's container", async () => {
    await asOperator("alter database agent_pool rename to lost", "create database agent_pool owner agent_pool");
    await inContainer(RESTORE_IN_CONTAINER);

    expect(await pool(on("agent_pool"))).toEqual(before);
  });

  it("lets the app go on: what ran, what waited and what is new come to their pull requests", async () => {
    Object.assign(world.app.variables, on("restored"));
    await world.app.start();
    tasks.letGo();
    for (const issue of [tasks.running, tasks.waiting, await ask(world)]) await expectSolved(world, issue);

    await world.runner?.idle();
    expect(await world.github.pulls(PRODUCT)).toHaveLength(4);
    expect(world.github.runs(RUNNER).map(({ conclusion }) => conclusion)).toEqual(Array.from({ length: 4 }, () => "success"));
    expect(world.github.violations()).toEqual([]);
  }, 120_000);

  it("brings back what it knew: what has been done since is told as not done, or is done again, on the same branches", async () => {
    await world.app.stop();
    await restoreInto("older");
    await passTime(connectPostgres(urlOf("older")));
    Object.assign(world.app.variables, on("older"));

    await world.app.start();

    expect(await isSaid(world, tasks.running, "ended without a pull request"), commentsOf(world, tasks.running)).toBe(true);
    expect(await isSaid(world, tasks.waiting, "stuck, a person is needed"), commentsOf(world, tasks.waiting)).toBe(true);
    expect(commentsOf(world, tasks.waiting)).toContain("Reference already exists");
    await world.runner?.idle();
    expect(world.github.runs(RUNNER)).toHaveLength(5);
    expect((await world.github.pulls(PRODUCT)).map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => "open"));
    expect(world.github.violations()).toEqual([]);
  }, 120_000);
});

/** What the app wakes up to some minutes after a backup was made: nothing was heard of the job. */
async function passTime({ db, close }: Connection): Promise<void> {
  await sql`update leases set heard_at = 0`.execute(db);
  await sql`update tasks set due_at = 0 where state = 'running'`.execute(db);
  await close();
}

describe("a backup of the embedded store, made by the documented commands while the app is stopped", () => {
  let world: World;
  let tasks: Awaited<ReturnType<typeof furnish>>;
  let store: { AGENT_POOL_DATA: string };
  let before: unknown;
  const lose = () => renameSync(store.AGENT_POOL_DATA, mkdtempSync(join(folder, "lost-")));

  beforeAll(async () => {
    world = await makeWorld();
    store = { AGENT_POOL_DATA: join(world.dataDir, "store") };
    tasks = await furnish(world);
    await world.app.stop();
    before = await pool(store);
    await operate(COPY, store);
  }, 180_000);
  afterAll(() => world[Symbol.asyncDispose]());

  it("is missed by an app without its store: what was open says that it is lost, what is asked for anew begins anew, seats are not lent", async () => {
    lose();
    await world.app.start();
    for (const lost of [tasks.waiting, tasks.running])
      expect(await isSaid(world, lost, "lost its records"), commentsOf(world, lost)).toBe(true);
    tasks.letGo();
    await world.runner?.idle();
    await world.maintainer.comment(PRODUCT, tasks.waiting, "/agent");

    expect(await isSaid(world, tasks.waiting, "seats whose owners have not agreed"), commentsOf(world, tasks.waiting)).toBe(true);
    expect(ours(world, tasks.waiting)).toEqual([expect.stringContaining("· not started")]);
    expect(ours(world, tasks.running)).toEqual([expect.stringContaining("· lost")]);
    expect(world.github.runs(RUNNER).at(-1)?.conclusion).toBe("failure");
    expect(await pool(store)).toMatchObject([
      { pool: { credentials: [{ serves: "not-lent", lastGrantAt: null, month: { listed: 0 } }], budgets: [{ used: 0 }] } },
    ]);
  }, 120_000);

  it("gives the same pool in that one's place, from which the app goes on", async () => {
    await world.app.stop();
    lose();
    await operate(COPY_BACK, store);
    expect(before).toMatchObject(UNDER_WAY);
    expect(await pool(store)).toEqual(before);
    await passTime(await connectEmbedded(store.AGENT_POOL_DATA));

    await world.app.start();

    expect(await isSaid(world, tasks.running, "The workflow run ended with `failure`"), commentsOf(world, tasks.running)).toBe(
      true,
    );
    await expectSolved(world, tasks.waiting);
    expect(await world.github.pulls(PRODUCT)).toHaveLength(2);
    expect(world.github.violations()).toEqual([]);
  }, 120_000);
});
