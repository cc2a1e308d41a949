import { sql, type Kysely } from "kysely";
import type { CredentialName, OwnerId } from "#core/wire/ids.ts";
import type { Observation } from "#core/wire/observation.ts";
import { EpochMs, HOUR_MS } from "#core/wire/units.ts";
import { capacityOf, NO_FIT } from "#core/pool/capacity.ts";
import { ROOM } from "#core/pool/constants.ts";
import type { Fault } from "#core/pool/cooldown.ts";
import { afterReading, afterUse, type Kept } from "#core/pool/observe.ts";
import { accountOf } from "#core/pool/snapshot.ts";
import { counts, LENGTH_MS } from "#core/pool/windows.ts";
import type { Cleared } from "#ports/store.ts";
import { lockPool } from "./lock.ts";
import { NOW } from "./migrations.ts";
import { wakeAdmission } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** How long single uses are kept: longer than an observation may be under way. */
const USES_KEPT_MS = HOUR_MS;

type Of = { readonly owner: OwnerId; readonly credential: CredentialName; readonly model: string };

/** How an owner's credential names its account now: by the policy's `account`, kept at the grant, or the provider's word. */
export async function upstreamOf(tx: Kysely<Schema>, { owner, credential }: Pick<Of, "owner" | "credential">): Promise<string> {
  const row = await tx
    .selectFrom("credentials")
    .select("upstream")
    .where("owner_id", "=", owner)
    .where("name", "=", credential)
    .executeTakeFirst();
  return row?.upstream ?? `credential:${credential}`;
}

/** Our own use of an upstream, at list price, made by `at`: it counts in every window of the model. */
export async function recordUse(tx: Kysely<Schema>, of: Of, amount: number, at: EpochMs): Promise<void> {
  if (amount <= 0) return;
  const upstream = await upstreamOf(tx, of);
  await tx.insertInto("uses").values({ owner_id: of.owner, upstream, model: of.model, amount, at }).execute();
  await tx
    .deleteFrom("uses")
    .where("owner_id", "=", of.owner)
    .where("upstream", "=", upstream)
    .where("at", "<", at - USES_KEPT_MS)
    .execute();
  for (const window of await readWindows(tx, of.owner, upstream)) {
    if (window.name === "tokens-minute" || !counts(window, of.model)) continue;
    await writeWindow(tx, of.owner, upstream, window, afterUse(window.kept, amount, at, LENGTH_MS[window.name]));
  }
}

/** What the provider told a job of its account at `at`; whose that is has been learned. */
export async function recordObservation(tx: Kysely<Schema>, of: Of, observation: Observation, at: EpochMs): Promise<void> {
  const upstream = await upstreamOf(tx, of);
  const known = await readWindows(tx, of.owner, upstream);
  for (const { window: name, model, share, limit, resetsInMs } of observation.readings) {
    const kept = known.find((window) => window.name === name && window.model === model)?.kept ?? NEW;
    const resetsAt = resetsInMs === null ? null : EpochMs(at + resetsInMs);
    const after =
      share === null
        ? kept
        : afterReading(kept, { share, resetsAt }, at, await usedAfter(tx, of.owner, upstream, model, at), LENGTH_MS[name]);
    await writeWindow(tx, of.owner, upstream, { name, model }, after, limit);
  }
  const isAllowed = observation.signal === null && observation.readings.every(({ rejected }) => !rejected);
  // Whatever had begun a rest before is over: the account serves again.
  if (isAllowed && observation.readings.length > 0)
    await tx
      .deleteFrom("cooldowns")
      .where("owner_id", "=", of.owner)
      .where("upstream", "=", upstream)
      .where("model", "in", ["", of.model])
      .where("since", "<", at)
      .execute();
}

/**
 * A rest, or a doubt about the key, of what was seen at `at`. A rest never ends sooner than one that was known before. A job
 * that `worked` takes the doubt away; one that never got as far as the provider says nothing of the key. Of jobs that were
 * refused together, in what may be the provider's own bad moment, the first alone counts: another is a confirmation where it
 * was granted after that.
 */
export async function recordFault(
  tx: Kysely<Schema>,
  of: Of,
  ended: { readonly fault: Fault | null; readonly worked: boolean; readonly grantedAt: number; readonly at: EpochMs },
): Promise<void> {
  const { fault, worked, grantedAt, at } = ended;
  if (fault?.kind === "rest") {
    const upstream = await upstreamOf(tx, of);
    await tx
      .insertInto("cooldowns")
      .values({ owner_id: of.owner, upstream, model: fault.model ?? "", since: at, until: at + fault.ms })
      .onConflict((conflict) =>
        conflict.columns(["owner_id", "upstream", "model"]).doUpdateSet({
          since: sql`greatest(cooldowns.since, excluded.since)`,
          until: sql`greatest(cooldowns.until, excluded.until)`,
        }),
      )
      .execute();
  }
  const row = tx.updateTable("credentials").where("owner_id", "=", of.owner).where("name", "=", of.credential);
  if (fault?.kind === "refused")
    await row
      .set({ refusals: sql<number>`refusals + 1`, refused_at: NOW })
      .where((where) => where.or([where("refused_at", "is", null), where("refused_at", "<", grantedAt)]))
      .execute();
  else if (worked) await row.set({ refusals: 0 }).execute();
}

/**
 * A person's word that a credential serves again: its key was replaced, or its provider has lifted a limit early. Of its account
 * by both of its names, the policy's and the one that was known: the rests end, and windows that were full are not known.
 */
export async function clearCredential(
  db: Kysely<Schema>,
  { owner, credential }: Pick<Of, "owner" | "credential">,
  account: string | undefined,
): Promise<Cleared> {
  return db.transaction().execute(async (tx) => {
    const now = await lockPool(tx, owner);
    const heard = await upstreamOf(tx, { owner, credential });
    const upstreams = [...new Set([heard, accountOf(credential, account, heard)])];
    const rests = await tx
      .deleteFrom("cooldowns")
      .where("owner_id", "=", owner)
      .where("upstream", "in", upstreams)
      .where("until", ">", now)
      .returning("model")
      .execute();
    const windows = await tx
      .updateTable("allowances")
      .set({
        share: null,
        observed_at: null,
        resets_at: null,
        own: 0,
        since: 0,
        fit: null,
        capacity: null,
        error: null,
        hidden: null,
      })
      .where("owner_id", "=", owner)
      .where("upstream", "in", upstreams)
      .where("share", ">=", FULL)
      .returning("name")
      .execute();
    const known = tx.selectFrom("credentials").select("refusals").where("owner_id", "=", owner).where("name", "=", credential);
    const refusals = (await known.executeTakeFirst())?.refusals ?? 0;
    await tx
      .updateTable("credentials")
      .set({ refusals: 0, refused_at: null })
      .where("owner_id", "=", owner)
      .where("name", "=", credential)
      .execute();
    await wakeAdmission(tx, owner);
    return { refusals, rests: rests.length, windows: windows.length };
  });
}

/** From this share on, nothing is promised of a window. */
const FULL = 1 - ROOM.margin;

const NEW: Kept = { share: null, observedAt: null, resetsAt: null, own: 0, since: 0, fit: NO_FIT };

async function readWindows(tx: Kysely<Schema>, owner: OwnerId, upstream: string) {
  const rows = await tx
    .selectFrom("allowances")
    .selectAll()
    .where("owner_id", "=", owner)
    .where("upstream", "=", upstream)
    .orderBy("name")
    .forUpdate()
    .execute();
  const at = (value: number | null) => (value === null ? null : EpochMs(value));
  return rows.map((row) => ({
    name: row.name,
    model: row.model === "" ? null : row.model,
    kept: {
      share: row.share,
      observedAt: at(row.observed_at),
      resetsAt: at(row.resets_at),
      own: row.own,
      since: row.since,
      fit: row.fit ?? NO_FIT,
    },
  }));
}

async function writeWindow(
  tx: Kysely<Schema>,
  owner: OwnerId,
  upstream: string,
  { name, model }: { readonly name: Schema["allowances"]["name"]; readonly model: string | null },
  kept: Kept,
  published: number | null = null,
): Promise<void> {
  const learned = capacityOf(kept.fit);
  const values = {
    share: kept.share,
    observed_at: kept.observedAt,
    resets_at: kept.resetsAt,
    own: Math.round(kept.own),
    since: Math.round(kept.since),
    fit: JSON.stringify(kept.fit),
    capacity: learned?.value ?? null,
    error: learned?.error ?? null,
    hidden: learned?.hiddenPerMs ?? null,
    ...(published === null ? {} : { published }),
  };
  await tx
    .insertInto("allowances")
    .values({ owner_id: owner, upstream, name, model: model ?? "", ...values })
    .onConflict((conflict) => conflict.columns(["owner_id", "upstream", "name", "model"]).doUpdateSet(values))
    .execute();
}

async function usedAfter(
  tx: Kysely<Schema>,
  owner: OwnerId,
  upstream: string,
  model: string | null,
  at: EpochMs,
): Promise<number> {
  let query = tx
    .selectFrom("uses")
    .select(sql<number>`coalesce(sum(amount), 0)::bigint`.as("amount"))
    .where("owner_id", "=", owner)
    .where("upstream", "=", upstream)
    .where("at", ">", at);
  if (model !== null) query = query.where("model", "=", model);
  return (await query.executeTakeFirstOrThrow()).amount;
}

/** Once a provider has said whose account a credential is of, that is its upstream: two keys of one account share windows. */
export async function learnUpstream(tx: Kysely<Schema>, of: Of, told: string | null): Promise<string> {
  const before = await upstreamOf(tx, of);
  if (told === null || before.startsWith("account:") || before === `provider:${told}`) return before;
  const upstream = `provider:${told}`;
  await moveUpstream(tx, of, before, upstream);
  return upstream;
}

/**
 * A credential's account is known by another name from now on. What was learned under the credential's own name moves there;
 * what others of the old account share is copied. What the new name knows already stays, and a rest stays one, and as long.
 */
export async function moveUpstream(
  tx: Kysely<Schema>,
  { owner, credential }: Pick<Of, "owner" | "credential">,
  before: string,
  after: string,
): Promise<void> {
  await tx
    .updateTable("credentials")
    .set({ upstream: after })
    .where("owner_id", "=", owner)
    .where("name", "=", credential)
    .execute();
  const columns = sql.raw("name, model, share, observed_at, resets_at, own, since, published, fit, capacity, error, hidden");
  await sql`
    insert into allowances (owner_id, upstream, ${columns})
    select owner_id, ${after}, ${columns} from allowances as known
    where owner_id = ${owner} and upstream = ${before}
      and not exists (select 1 from allowances where owner_id = ${owner} and upstream = ${after})`.execute(tx);
  await sql`
    insert into cooldowns (owner_id, upstream, model, since, until)
    select owner_id, ${after}, model, since, until from cooldowns where owner_id = ${owner} and upstream = ${before}
    on conflict (owner_id, upstream, model) do update set
      since = greatest(cooldowns.since, excluded.since), until = greatest(cooldowns.until, excluded.until)`.execute(tx);
  if (before !== `credential:${credential}`) return;
  await tx.updateTable("uses").set({ upstream: after }).where("owner_id", "=", owner).where("upstream", "=", before).execute();
  for (const table of ["allowances", "cooldowns"] as const)
    await tx.deleteFrom(table).where("owner_id", "=", owner).where("upstream", "=", before).execute();
}
