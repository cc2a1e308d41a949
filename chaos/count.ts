import { join } from "node:path";
import { sql, type Kysely } from "kysely";
import { parseCommentMarker } from "#core/task/markers.ts";
import { LIVE_LEASE_STATES, TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import { connectEmbedded, connectPostgres } from "#adapters/store/connect.ts";
import type { Schema } from "#adapters/store/schema.ts";
import { PRODUCT, type World } from "#playground/world.ts";

/** What went wrong, and what is there at the end: of each thing there should be as many as tasks, and nothing left over. */
export type Figures = {
  readonly tasks: number;
  readonly kills: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly failedCalls: number;
  readonly comments: number;
  readonly branches: number;
  readonly pullRequests: number;
  readonly claims: number;
  readonly settlements: number;
  /** Work that was done a second time, and so paid for twice. */
  readonly upstreamRepeats: number;
  readonly leasesLeft: number;
  /** Tasks that have not come to a pull request. */
  readonly stuck: number;
};

/** One of each a task, none left, none stuck. */
export function isWhole(figures: Figures): boolean {
  const { tasks, comments, branches, pullRequests, claims, settlements } = figures;
  const each = [comments, branches, pullRequests, claims, settlements];
  return each.every((count) => count === tasks) && figures.upstreamRepeats + figures.leasesLeft + figures.stuck === 0;
}

export async function countGitHub(
  world: World,
  issues: readonly number[],
): Promise<Pick<Figures, "comments" | "branches" | "pullRequests">> {
  const { github } = world;
  const pulls = await github.pulls(PRODUCT);
  const branches = await github.branches(PRODUCT);
  const comments = issues.flatMap((issue) => github.comments(PRODUCT, issue));
  return {
    comments: comments.filter(({ login, body }) => login === github.app.botLogin && parseCommentMarker(body) !== undefined)
      .length,
    branches: branches.filter(({ name }) => name.startsWith("agent-pool/")).length,
    pullRequests: pulls.length,
  };
}

/** By the store's own rows, with no app at it. */
export async function countBooks(
  world: World,
  databaseUrl: string | undefined,
): Promise<Pick<Figures, "claims" | "settlements" | "leasesLeft" | "stuck">> {
  const { db, close } =
    databaseUrl === undefined ? await connectEmbedded(join(world.dataDir, "store")) : connectPostgres(databaseUrl);
  try {
    const [leases, tasks] = [await readLeases(db), await readStates(db)];
    return {
      claims: leases.filter(({ claimed }) => claimed).length,
      settlements: leases.filter(({ state }) => state === "settled").length,
      leasesLeft: leases.filter(({ state }) => LIVE_LEASE_STATES.includes(state)).length,
      stuck: tasks.filter((state) => state === "stuck" || !TERMINAL_TASK_STATES.includes(state)).length,
    };
  } finally {
    await close();
  }
}

async function readLeases(db: Kysely<Schema>) {
  return db
    .selectFrom("leases")
    .select(["state", sql<boolean>`run_token_hash is not null`.as("claimed")])
    .execute();
}

async function readStates(db: Kysely<Schema>) {
  const rows = await db.selectFrom("tasks").select("state").execute();
  return rows.map(({ state }) => state);
}
