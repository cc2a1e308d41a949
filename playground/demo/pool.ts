import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { parseConfig } from "#core/config/parse.ts";
import { STRATEGIES } from "#core/config/terms.ts";
import { CredentialName, OwnerId } from "#core/wire/ids.ts";
import { err, type Result } from "#core/wire/result.ts";
import { DAY_MS, HOUR_MS } from "#core/wire/units.ts";
import { connectEmbedded } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { lockPool } from "#adapters/store/lock.ts";
import { recordObservation } from "#adapters/store/upstreams.ts";
import type { World } from "../world.ts";

const SHARE_SHAPE = "should be a share from 0 to 1: 40 % is 0.4";
const Share = z.number({ error: SHARE_SHAPE }).min(0, SHARE_SHAPE).max(1, SHARE_SHAPE);

/** `--pool FILE`: seats as their provider has them, and how they are drawn on. */
const PoolFile = z.strictObject({
  strategy: z.enum(STRATEGIES).default("paced"),
  seats: z
    .record(
      z.string(),
      z.strictObject({
        owner: z.string(),
        "five-hour": Share.default(0),
        week: Share.default(0),
        /** The provider refuses the seat after so many calls. */
        "calls-left": z.number().int().min(0).optional(),
      }),
    )
    .refine((seats) => Object.keys(seats).length > 0, "should have one seat at least"),
});
export type DemoPool = z.infer<typeof PoolFile>;

export function parsePool(text: string): Result<DemoPool, string> {
  const parsed = parseConfig("--pool", text, PoolFile);
  if (parsed.ok) return parsed;
  const lines = parsed.error.problems.map(
    (problem) => `line ${String(problem.line)}, ${problem.path}: found ${problem.found}; ${problem.expected}`,
  );
  return err(lines.join("; "));
}

/** The organisation's policy with these seats, each lent to everyone. */
export function policyOf({ strategy, seats }: DemoPool): string {
  return stringify({
    version: 1,
    pool: Object.entries(seats).map(([name, { owner }]) => ({
      name,
      provider: "anthropic",
      kind: "seat",
      owner,
      serves: "everyone",
    })),
    runner: "acme/agent-runner",
    budget: "$200/month",
    strategy,
  });
}

/** Sets the provider's side of each seat, and lets the app's store know of it what earlier jobs would have told. */
export async function furnishPool(world: World, { seats }: DemoPool): Promise<void> {
  const seen = Object.entries(seats).map(([name, seat]) => {
    const left = seat["calls-left"];
    world.model.setLimits(world.keyOf(name), {
      seat: { fiveHour: { share: seat["five-hour"] }, week: { share: seat.week } },
      ...(left === undefined ? {} : { goodCalls: left }),
    });
    const readings = [
      { window: "five-hour" as const, share: seat["five-hour"], resetsInMs: 5 * HOUR_MS },
      { window: "week" as const, share: seat.week, resetsInMs: 7 * DAY_MS },
    ].map((reading) => ({ ...reading, model: null, limit: null, rejected: false }));
    return { credential: CredentialName(name), observation: { readings, signal: null, upstream: null, ageMs: 0 } };
  });
  const owner = OwnerId(world.ownerId);
  const { db, close } = await connectEmbedded(join(world.dataDir, "store"));
  try {
    await migrate(db);
    await db.transaction().execute(async (tx) => {
      const now = await lockPool(tx, owner);
      for (const { credential, observation } of seen)
        await recordObservation(tx, { owner, credential, model: "" }, observation, now);
    });
  } finally {
    await close();
  }
}
