import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { connectEmbedded, type Connection } from "#adapters/store/connect.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import { checkBooks } from "../kit/invariants.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

vi.setConfig({ testTimeout: 480_000 });

/** Of a stopped app's store. */
async function inStore<T>(world: World, work: (db: Connection["db"]) => Promise<T>): Promise<T> {
  const { db, close } = await connectEmbedded(join(world.dataDir, "store"));
  try {
    return await work(db);
  } finally {
    await close();
  }
}

/** The step to the next attempt is never written to its end: whenever the app is killed, it is in the midst of it. */
async function holdUp(db: Connection["db"]): Promise<void> {
  await sql`
    create function hold() returns trigger language plpgsql as $$
      begin
        while clock_timestamp() < now() + interval '10 minutes' loop end loop;
        return new;
      end $$`.execute(db);
  await sql`
    create trigger held before update on tasks for each row
    when (old.state = 'judging' and new.state = 'queued') execute function hold()`.execute(db);
}

const KILLS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async "in the midst of writing it"(world) {
    // Its job has reported by then.
    const isOver = () => world.github.runs(RUNNER).some(({ conclusion }) => conclusion !== null);
    await vi.waitUntil(isOver, { timeout: 180_000, interval: 50 });
    await sleep(2_000);
    await world.app.kill();
    expect(await inStore(world, (db) => db.selectFrom("tasks").select("state").execute())).toEqual([{ state: "judging" }]);
    await inStore(world, (db) => sql`drop function hold cascade`.execute(db));
  },
  async "once it is written, before its run is asked for"(world) {
    await vi.waitUntil(() => !world.app.running(), { timeout: 180_000, interval: 50 });
    expect(await inStore(world, (db) => db.selectFrom("attempts").select("state").orderBy("number").execute())).toEqual([
      { state: "failed" },
      { state: "open" },
    ]);
  },
};

describe("killed on the way to the next attempt", () => {
  it.each(Object.entries(KILLS))("%s: ends in two attempts, two runs and one pull request", async (name, kill) => {
    await using world = await createWorld({
      product: { files: sampleFiles() },
      script: ({ model }) =>
        model.includes("haiku")
          ? [{ write: { path: "src/pages.js", content: "export {};\n" } }, { say: "Done." }]
          : sampleScript(),
    });
    await world.app.start();
    if (name.startsWith("in the midst")) {
      await world.app.stop();
      await inStore(world, holdUp);
      await world.app.start();
    } else {
      let dispatches = 0;
      world.github.onCall(EFFECTS.dispatchRun, async ({ phase }) => {
        if (phase !== "before" || (dispatches += 1) !== 2) return undefined;
        await world.app.kill();
        return "drop";
      });
    }
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });

    await kill(world);
    await world.app.start();
    expect(await waitForEnd(world, PRODUCT, number, 180_000), world.app.output().slice(-4_000)).toBe(true);
    await world.runner?.idle();
    await world.app.stop();

    const books = await inStore(world, async (db) => {
      await checkBooks(db);
      return {
        attempts: await db.selectFrom("attempts").select(["number", "state"]).orderBy("number").execute(),
        leases: (await db.selectFrom("leases").select("state").execute()).map(({ state }) => state),
        charges: (await db.selectFrom("ledger").select("kind").orderBy("kind").execute()).map(({ kind }) => kind),
      };
    });
    expect(books).toEqual({
      attempts: [
        { number: 1, state: "failed" },
        { number: 2, state: "solved" },
      ],
      leases: ["settled", "settled"],
      charges: ["model", "model", "runner", "runner"],
    });
    expect(world.github.runs(RUNNER)).toHaveLength(2);
    expect(await world.github.pulls(PRODUCT)).toHaveLength(1);
    expect(world.github.comments(PRODUCT, number)).toHaveLength(1);
    expect(world.github.violations()).toEqual([]);
  });
});
