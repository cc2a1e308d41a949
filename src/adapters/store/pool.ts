import { randomInt } from "node:crypto";
import { sql, type Kysely, type Selectable } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { CredentialName, OwnerId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { Decision, PoolSnapshot, Waiting } from "#core/pool/decision.ts";
import { kindsOf, sinceOf, toSnapshot, accountOf, type Stored } from "#core/pool/snapshot.ts";
import type { Allowance, Learned } from "#core/pool/windows.ts";
import { LIVE_LEASE_STATES } from "#core/task/lifecycle.ts";
import type { Paused } from "#ports/conversation.ts";
import type { ClaimedAdmission, CurrentPolicy, KeptPolicy } from "#ports/store.ts";
import { wakeWaitingComments } from "./comments.ts";
import { writeGrant } from "./grant.ts";
import { lockPool } from "./lock.ts";
import { FIGURE_COLUMNS, NOW } from "./migrations.ts";
import { claimDue } from "./queue.ts";
import type { Schema } from "./schema.ts";
import { giveWay, readDrawn, standbyRuns } from "./standby.ts";
import { moveUpstream } from "./upstreams.ts";

export async function recordPolicy(
  db: Kysely<Schema>,
  owner: OwnerId,
  policy: { text: string; commit: string; readAt: EpochMs },
): Promise<void> {
  const values = { policy: policy.text, policy_commit: policy.commit, policy_read_at: policy.readAt };
  await db
    .insertInto("owners")
    .values({ owner_id: owner, ...values })
    .onConflict((conflict) =>
      // Of two readings the later one counts, whichever is written last.
      conflict.column("owner_id").doUpdateSet(values).whereRef("owners.policy_read_at", "<", "excluded.policy_read_at"),
    )
    .execute();
}

export async function claimAdmission(db: Kysely<Schema>): Promise<ClaimedAdmission | undefined> {
  const row = await claimDue(db, "owners");
  if (row === undefined) return undefined;
  const { now } = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const policy = { text: row.policy, commit: row.policy_commit, ageMs: Math.max(0, now - row.policy_read_at) };
  return { owner: OwnerId(row.owner_id), policy, ...row.held };
}

export async function readPolicy(db: Kysely<Schema>, owner: OwnerId): Promise<KeptPolicy | undefined> {
  return db
    .selectFrom("owners")
    .select(["policy as text", "policy_commit as commit", sql<number>`greatest(0, ${NOW} - policy_read_at)`.as("ageMs")])
    .where("owner_id", "=", owner)
    .executeTakeFirst();
}

export async function admit(
  db: Kysely<Schema>,
  owner: OwnerId,
  { policy, commit }: CurrentPolicy,
  decide: (snapshot: PoolSnapshot) => Decision,
): Promise<Decision | Paused> {
  return db.transaction().execute(async (tx) => {
    const now = await lockPool(tx, owner);
    let stored = await loadPool(tx, owner, now);
    if (stored.pausedBy !== null) {
      await wakeWaitingComments(tx, owner);
      return { kind: "paused" };
    }
    if (await adoptAccounts(tx, owner, policy, stored.credentials)) stored = await loadPool(tx, owner, now);
    const decision = decide(toSnapshot(policy, commit, stored, randomInt(2 ** 31)));
    if (decision.kind === "grant") await writeGrant(tx, owner, policy, decision);
    else {
      await giveWay(tx, decision.giveWay ?? []);
      await writeWaiting(tx, decision.waiting);
      await wakeWaitingComments(tx, owner);
    }
    return decision;
  });
}

/**
 * The policy may name an account otherwise than the provider does, or cease to: what is known of it by its old name, a rest
 * above all, goes on under the new one. True where anything was renamed.
 */
async function adoptAccounts(
  tx: Kysely<Schema>,
  owner: OwnerId,
  policy: CurrentPolicy["policy"],
  known: Stored["credentials"],
): Promise<boolean> {
  const accounts = new Map(policy.pool.map(({ name, account }) => [name, account]));
  const renamed = known.flatMap(({ name, upstream }) => {
    if (!accounts.has(name)) return [];
    const before = upstream ?? `credential:${name}`;
    const after = accountOf(name, accounts.get(name), upstream);
    return before === after ? [] : [{ credential: CredentialName(name), before, after }];
  });
  for (const { credential, before, after } of renamed) await moveUpstream(tx, { owner, credential }, before, after);
  return renamed.length > 0;
}

/** What each waiting task's comment says of its place, the next time that it is written. */
async function writeWaiting(tx: Kysely<Schema>, waiting: readonly Waiting[]): Promise<void> {
  if (waiting.length === 0) return;
  await sql`
    update tasks set waiting = told.value
    from jsonb_array_elements(${JSON.stringify(waiting)}::jsonb) as told
    where tasks.id = told.value ->> 'task' and tasks.state = 'queued' and waiting is distinct from told.value`.execute(tx);
}

/**
 * Everything `pick` looks at, in one statement and so of one instant. Bounded by the queue, the live leases and the pool's
 * size: of the past it reads sums alone.
 */
export async function loadPool(
  tx: Kysely<Schema>,
  owner: OwnerId,
  now: EpochMs,
): Promise<Stored & { readonly pausedBy: string | null }> {
  const read = await tx
    .selectNoFrom([
      jsonArrayFrom(queuedTasks(tx, owner)).as("queue"),
      jsonArrayFrom(spentMoney(tx, owner, now)).as("spent"),
      jsonArrayFrom(heldAmounts(tx, owner, now)).as("held"),
      jsonArrayFrom(liveLeases(tx, owner, now)).as("live"),
      jsonArrayFrom(
        tx.selectFrom("credentials").select(["name", "last_grant_at", "upstream", "refusals"]).where("owner_id", "=", owner),
      ).as("credentials"),
      jsonArrayFrom(
        tx.selectFrom("cooldowns").select(["upstream", "model", "until"]).where("owner_id", "=", owner).where("until", ">", now),
      ).as("cooldowns"),
      jsonArrayFrom(tx.selectFrom("teams").select(["name", "pass", "at", "clock"]).where("owner_id", "=", owner)).as("teams"),
      jsonArrayFrom(
        tx
          .selectFrom("consents")
          .select(["credential", "login"])
          .where("owner_id", "=", owner)
          .where("revoked_at", "is", null)
          .where("notice_hash", "=", NOTICE_HASH),
      ).as("consents"),
      allowancesOf(owner).as("allowances"),
      tx.selectFrom("owners").select("paused_by").where("owner_id", "=", owner).as("paused_by"),
      standbyRuns(owner, { stillHolds: stillHolds(now), amount: stillHeld }).as("on_standby"),
    ])
    .executeTakeFirstOrThrow();
  const queue = read.queue.flatMap(({ id, plan, queued_at, passed_over_at, moved_from }) =>
    plan === null || queued_at === null
      ? []
      : [
          {
            task: TaskId(id),
            plan,
            queuedAt: EpochMs(queued_at),
            passedOverAt: orNull(passed_over_at),
            movedFrom: moved_from.map(({ credential }) => CredentialName(credential)),
            spent: MicroUsd(moved_from.reduce((sum, { used }) => sum + used, 0)),
          },
        ],
  );
  return {
    now,
    queue,
    spent: read.spent,
    held: read.held,
    live: read.live,
    credentials: read.credentials.map(({ last_grant_at, ...row }) => ({ ...row, lastGrantAt: orNull(last_grant_at) })),
    cooldowns: read.cooldowns.map(({ model, until, upstream }) => ({
      upstream,
      model: model === "" ? null : model,
      until: EpochMs(until),
    })),
    windows: toWindows(read.allowances),
    teams: read.teams.map(({ at: written, ...team }) => ({ ...team, at: EpochMs(written) })),
    seen: await readSeen(
      tx,
      owner,
      queue.flatMap(({ plan }) => kindsOf(plan.size, plan.route, plan.asker.repository.id)),
    ),
    consents: read.consents,
    onStandby: read.on_standby,
    pausedBy: read.paused_by,
    drawn: queue.some(({ plan }) => plan.asker.standby === true) ? await readDrawn(tx, owner, now) : null,
  };
}

const orNull = (value: number | null) => (value === null ? null : EpochMs(value));

/** With the credentials of those that a limit has interrupted: on the settled leases of an open attempt they don't go on. */
function queuedTasks(tx: Kysely<Schema>, owner: OwnerId) {
  return tx
    .selectFrom("tasks")
    .select((task) => [
      "id",
      "plan",
      "queued_at",
      "passed_over_at",
      jsonArrayFrom(
        task
          .selectFrom("leases")
          .innerJoin("attempts", "attempts.id", "leases.attempt_id")
          .select(["leases.credential", "leases.used"])
          .whereRef("leases.task_id", "=", "tasks.id")
          .where("attempts.state", "=", "open")
          .where("leases.state", "=", "settled"),
      ).as("moved_from"),
    ])
    .where("owner_id", "=", owner)
    .where("state", "=", "queued")
    .where("cancel", "is", null);
}

function spentMoney(tx: Kysely<Schema>, owner: OwnerId, now: EpochMs) {
  const since = sinceOf(now);
  const from = (day: number) => sql<number>`coalesce(sum(amount) filter (where day >= ${day}), 0)::bigint`;
  return tx
    .selectFrom("spend")
    .select(["subject", from(since.day).as("day"), from(since.week).as("week"), from(since.month).as("month")])
    .where("owner_id", "=", owner)
    .where("day", ">=", Math.min(since.week, since.month))
    .groupBy("subject");
}

/** The model's last call is over by then, whatever is heard of the run. */
const stillHolds = (now: EpochMs) => sql<boolean>`coalesce(deadline_at + ${LEASE.freedMs} > ${now}, true)`;

/** What is reported of a window is in its own use already; money is settled at the end, and tokens a minute aren't money. */
const stillHeld = sql<number>`case when window_id like 'window:%' and window_id not like 'window:tokens-minute%' then greatest(amount - used, 0) else amount end`;

function heldAmounts(tx: Kysely<Schema>, owner: OwnerId, now: EpochMs) {
  return (
    tx
      .selectFrom("holds")
      .innerJoin("leases", "leases.id", "holds.lease_id")
      .select(["window_id as window", "credential", sql<number>`sum(${stillHeld})::bigint`.as("amount")])
      .where("holds.owner_id", "=", owner)
      // Money stays held until it is settled; of a window nothing more is used once the gateway refuses.
      .where((hold) => hold.or([sql<boolean>`window_id like 'usd:%'`, stillHolds(now)]))
      .groupBy(["window_id", "credential"])
  );
}

function liveLeases(tx: Kysely<Schema>, owner: OwnerId, now: EpochMs) {
  return tx
    .selectFrom("leases")
    .select([
      "credential",
      sql<number>`count(*) filter (where state = 'offered')::int`.as("offered"),
      sql<number>`count(*)::int`.as("live"),
    ])
    .where("owner_id", "=", owner)
    .where("state", "in", [...LIVE_LEASE_STATES])
    .where(stillHolds(now))
    .groupBy("credential");
}

/**
 * Of a large pool these are most of what is read, and making JSON of each figure was most of a grant: each row has its own
 * ready. Rows as such take PGlite eight times as long.
 */
function allowancesOf(owner: OwnerId) {
  return sql<string>`(
    select '{"upstream":' || coalesce(json_agg(upstream)::text, '[]') || ',"name":' || coalesce(json_agg(name)::text, '[]')
      || ',"model":' || coalesce(json_agg(model)::text, '[]') || ',"figures":[' || coalesce(string_agg(figures, ','), '') || ']}'
    from allowances where owner_id = ${owner})`;
}

type Allowances = {
  readonly [Name in "upstream" | "name" | "model"]: readonly Selectable<Schema["allowances"]>[Name][];
} & {
  /** Of all rows, end to end. */
  readonly figures: readonly (number | null)[];
};

function toWindows(text: string): Stored["windows"] {
  const { upstream, name, model, figures } = JSON.parse(text) as Allowances;
  const windows = new Map<string, Allowance[]>();
  upstream.forEach((of, at) => {
    const from = at * FIGURE_COLUMNS.length;
    const share = figures[from + AT.share] ?? null;
    const seenAt = figures[from + AT.observed_at] ?? null;
    const published = figures[from + AT.published] ?? null;
    const window: Allowance = {
      name: name[at] ?? "week",
      model: model[at] === "" ? null : (model[at] ?? null),
      capacity:
        published === null
          ? learnedOf(figures[from + AT.capacity], figures[from + AT.error], figures[from + AT.hidden])
          : { value: published, error: 0, hiddenPerMs: 0 },
      observed: share === null || seenAt === null ? null : { share, at: EpochMs(seenAt) },
      resetsAt: orNull(figures[from + AT.resets_at] ?? null),
      own: figures[from + AT.own] ?? 0,
      since: figures[from + AT.since] ?? 0,
      held: 0,
    };
    const others = windows.get(of);
    if (others === undefined) windows.set(of, [window]);
    else others.push(window);
  });
  return windows;
}

/** The places of the columns in a row's figures. */
const AT = Object.fromEntries(FIGURE_COLUMNS.map((column, place) => [column, place])) as Readonly<
  Record<(typeof FIGURE_COLUMNS)[number], number>
>;

function learnedOf(
  value: number | null | undefined,
  error: number | null | undefined,
  hidden: number | null | undefined,
): Learned | null {
  return value == null ? null : { value, error: error ?? 0, hiddenPerMs: hidden ?? 0 };
}

export async function readSeen(db: Kysely<Schema>, owner: OwnerId, kinds: readonly string[]): Promise<Stored["seen"]> {
  if (kinds.length === 0) return new Map();
  const rows = await db
    .selectFrom("seen")
    .select(["kind", "n", "log", "squares", "ms", "tokens"])
    .where("owner_id", "=", owner)
    .where("kind", "in", [...new Set(kinds)])
    .execute();
  return new Map(rows.map(({ kind, ...sums }) => [kind, sums]));
}
