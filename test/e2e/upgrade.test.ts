import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sql, type Kysely } from "kysely";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connectEmbedded, connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import type { Schema } from "#adapters/store/schema.ts";
import { expectedTree, git } from "#playground/independent.ts";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, SIX_LINES, type World } from "#playground/world.ts";
import { checkBooks } from "../kit/invariants.ts";
import { extractPreviousRelease, presentMigrations, type Release } from "../kit/previous-release.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";
import { connectFresh, ENGINES, freshDatabase } from "../kit/stores.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-pool-upgrade-"));
let previous: Release;
beforeAll(async () => {
  previous = await extractPreviousRelease(folder);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One job at once, so that a second task waits. */
const POLICY = SIX_LINES.replace("provider: anthropic", "provider: anthropic\n    jobs: 1");

/** What a task's issue and the books have of it. */
type Seen = { readonly comments: number; readonly branches: number; readonly pulls: number; readonly books: unknown };
const ONCE: Seen = {
  comments: 1,
  branches: 1,
  pulls: 1,
  books: [
    {
      state: "solved",
      attempts: ["solved"],
      leases: ["settled"],
      claimedRuns: 1,
      ledger: ["model", "runner"],
      amount: 10_173,
      heldBy: null,
      dueAt: null,
    },
  ],
};

describe.each(ENGINES)("a store on %s that the previous release leaves with an attempt under way", (engine) => {
  let world: World;
  let databaseUrl: string | undefined;
  const schemas: Record<"before" | "after", string[]> = { before: [], after: [] };
  const issues = { running: 0, waiting: 0 };
  const ended = { running: false, waiting: false };
  let stopped = "";
  let stopMs = 0;

  const connect = async (): Promise<Connection> =>
    databaseUrl === undefined ? connectEmbedded(join(world.dataDir, "store")) : connectPostgres(databaseUrl);
  async function inStore<T>(look: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const { db, close } = await connect();
    try {
      return await look(db);
    } finally {
      await close();
    }
  }
  async function ask(): Promise<number> {
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    return number;
  }

  beforeAll(async () => {
    databaseUrl = engine === "Postgres" ? await freshDatabase() : undefined;
    world = await createWorld({
      product: { files: sampleFiles() },
      policy: POLICY,
      script: sampleScript(),
      sandboxed: false,
      release: previous.tree,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    });
    await world.app.start(previous.tree).catch((cause: unknown) => {
      throw new Error(`the app of ${previous.commit} can't be started with the present packages`, { cause });
    });
    const letGo = world.model.hold(1);
    issues.running = await ask();
    const held = () => world.model.requests().some(({ turn }) => turn === 1);
    await vi.waitUntil(held, { timeout: 60_000, interval: 50 });
    issues.waiting = await ask();
    const waits = await waitForComment(world, PRODUCT, issues.waiting, (body) => body.includes("· waiting, number 1"), 30_000);
    if (!waits) throw new Error(`the second task does not wait: ${world.app.output().slice(-3_000)}`);
    const began = performance.now();
    await world.app.stop();
    stopMs = performance.now() - began;
    stopped = world.app.output();
    schemas.before = await inStore(migrationsOf);

    await world.app.start();

    letGo();
    ended.running = await waitForEnd(world, PRODUCT, issues.running, 60_000);
    ended.waiting = await waitForEnd(world, PRODUCT, issues.waiting, 60_000);
    await world.runner?.idle();
    await world.github.delivered();
    await world.app.stop();
    schemas.after = await inStore(migrationsOf);
  }, 240_000);
  afterAll(() => world[Symbol.asyncDispose]());

  async function look(issue: number): Promise<Seen> {
    const { botLogin } = world.github.app;
    const ofIssue = (branch: string) => branch.startsWith(`agent-pool/issue-${String(issue)}-`);
    return {
      comments: world.github.comments(PRODUCT, issue).filter(({ login }) => login === botLogin).length,
      branches: (await world.github.branches(PRODUCT)).filter(({ name }) => ofIssue(name)).length,
      pulls: (await world.github.pulls(PRODUCT)).filter(({ head }) => ofIssue(head)).length,
      books: await inStore((db) => booksOf(db, issue)),
    };
  }

  it("was of the older schema, and is of the present one once this release has started on it", () => {
    expect(schemas.before).toEqual(previous.migrations);
    expect(schemas.after).toEqual(presentMigrations());
    expect(schemas.before.length).toBeLessThan(schemas.after.length);
  });

  it("was left in order while the attempt ran", () => {
    expect(stopMs).toBeLessThan(9_000);
    expect(stopped).not.toContain("stopped with work under way");
    expect(stopped).not.toContain("lease settled");
  });

  it.each(["running", "waiting"] as const)(
    "ends the %s task with one of everything: nothing is lost, nothing done twice",
    async (which) => {
      expect(ended[which], world.app.output().slice(-3_000)).toBe(true);
      expect(await look(issues[which])).toEqual(ONCE);
      expect(world.github.comments(PRODUCT, issues[which])[0]?.body).toContain("is ready for review");
    },
  );

  it("leads the attempt to the tree that an independent clone gives for the same change", async () => {
    const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
    const base = await git(gitDir, "rev-parse", "main");
    const wanted = await expectedTree(gitDir, base, { script: sampleScript(), sandboxed: false });
    const pulls = await world.github.pulls(PRODUCT);

    const trees = await Promise.all(pulls.map(({ headSha }) => git(gitDir, "rev-parse", `${headSha}^{tree}`)));

    expect(trees).toEqual([wanted, wanted]);
  });

  it("has a run for each task and no other, and keeps the books and GitHub's contract", async () => {
    expect(world.github.runs(RUNNER).map(({ conclusion }) => conclusion)).toEqual(["success", "success"]);
    await inStore(checkBooks);
    expect(world.github.violations()).toEqual([]);
  });

  it("has the schema of a new store", async () => {
    const fresh = databaseUrl === undefined ? await connectFresh() : connectPostgres(await freshDatabase());
    await migrate(fresh.db);
    const wanted = await catalogOf(fresh.db);
    await fresh.close();

    expect(wanted.length).toBeGreaterThan(100);
    expect(await inStore(catalogOf)).toEqual(wanted);
  });

  it("is refused by the previous release from then on, in one line", async () => {
    const env = { PATH: process.env["PATH"] ?? "", ...world.app.variables };

    const started = promisify(execFile)(process.execPath, [join(previous.tree, "src/main.ts")], { cwd: world.dataDir, env });

    await expect(started).rejects.toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^agent-pool: the database was written by a newer agent-pool .+\n$/) as string,
    });
  });
});

async function migrationsOf(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

async function booksOf(db: Kysely<Schema>, issue: number): Promise<unknown> {
  const { rows } = await sql`
    select state, held_by as "heldBy", due_at as "dueAt",
      array(select state from attempts where task_id = tasks.id) as attempts,
      array(select state from leases where task_id = tasks.id) as leases,
      (select count(run_id)::int from leases where task_id = tasks.id) as "claimedRuns",
      array(select ledger.kind from ledger join leases on leases.id = lease_id where task_id = tasks.id order by 1) as ledger,
      (select amount from ledger join leases on leases.id = lease_id where task_id = tasks.id and ledger.kind = 'model') as amount
    from tasks where issue_number = ${issue}`.execute(db);
  return rows;
}

/** Tables, constraints and indexes, in words. */
async function catalogOf(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ it: string }>`
    select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, generation_expression) as it
      from information_schema.columns where table_schema = current_schema()
    union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = current_schema()::regnamespace
    union all select indexdef from pg_indexes where schemaname = current_schema()
    order by 1`.execute(db);
  return rows.map(({ it: said }) => said);
}
