import { parseArgs } from "node:util";
import { sql } from "kysely";
import { addPast, addTasks, addWindows, finish, grantOne, OWNER, policyOf, QUEUE } from "./grants-pool.ts";
import { ENGINES, openEngine, startPostgres, type Engine, type EngineName } from "./grants-engine.ts";

/**
 * What a grant takes: the whole transaction, from the lock to the commit, with a queue that never empties. `--json` for a
 * machine, `--quick` for a look. It ends by itself, and says what it measured; nothing fails by a time.
 */
const { values } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" }, engine: { type: "string" } } });
const quick = values.quick === true;
const engines = ENGINES.filter((name) => values.engine === undefined || name.toLowerCase() === values.engine.toLowerCase());

const POOLS = [12, 500] as const;
const CALLERS = 16;
const ROUNDS = quick ? 30 : 150;
/** Jobs under way while grants are made. */
const LIVE = 10;
/** Entries of the ledger between which a grant is compared. */
const PASTS = quick ? ([10_000, 100_000] as const) : ([10_000, 1_000_000] as const);
const TARGET_MS: Record<EngineName, number> = { Postgres: 20, PGlite: 30 };
const TARGET_GROWTH = 1.3;

type Spread = { readonly p50: number; readonly p99: number; readonly count: number };
type Measured = {
  readonly engine: EngineName;
  readonly credentials: number;
  /** Milliseconds. */
  readonly alone: Spread;
  /** As each of the callers sees it: the others' turns are part of it. */
  readonly together: Spread & { readonly callers: number; readonly perGrantMs: number };
  /** Of requests made at once against a budget for so many grants. */
  readonly capacity: { readonly asked: number; readonly room: number; readonly granted: number };
  /** The median decision as stored. */
  readonly recordBytes: number;
};
type Growth = {
  readonly engine: EngineName;
  readonly ledger: readonly number[];
  readonly p50: readonly number[];
  readonly ratio: number;
};

const began = performance.now();
const measured: Measured[] = [];
const growth: Growth[] = [];
{
  await using server = await startPostgres();
  for (const name of engines) {
    for (const credentials of POOLS) {
      say(`${name}, ${String(credentials)} credentials`);
      await using engine = await openEngine(name, server.url);
      measured.push(await measure(engine, credentials));
    }
    // A million rows in PGlite's memory are minutes of waiting for what Postgres shows as well.
    if (name === "Postgres" || !quick) growth.push(await grow(name, server.url));
  }
}
const report = {
  node: process.version,
  seconds: Math.round((performance.now() - began) / 1_000),
  queue: QUEUE,
  windows: 4,
  measured,
  growth,
  targets: { p99Ms: TARGET_MS, growth: TARGET_GROWTH },
  met: {
    p99: measured.every(({ engine, alone }) => alone.p99 <= TARGET_MS[engine]),
    growth: growth.every(({ ratio }) => ratio <= TARGET_GROWTH),
    capacity: measured.every(({ capacity }) => capacity.granted === capacity.room),
  },
};
process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : render());

async function measure(engine: Engine, credentials: number): Promise<Measured> {
  await fill(engine, credentials);
  const alone = await grantAlone(engine, credentials, ROUNDS);
  const together = await grantTogether(engine, credentials);
  const capacity = await grantUpTo(engine, credentials, 7);
  const { rows } = await sql<{ bytes: number }>`
    select percentile_disc(0.5) within group (order by length(record::text)) as bytes from decisions`.execute(engine.db);
  return { engine: engine.name, credentials, alone, together, capacity, recordBytes: rows[0]?.bytes ?? 0 };
}

async function fill({ stores, db }: Engine, credentials: number): Promise<void> {
  const now = await at(stores, 0).now();
  await addWindows(db, credentials, now);
  await addTasks(db, QUEUE, now);
  await sql`analyze`.execute(db);
}

async function grantAlone({ stores, db }: Engine, credentials: number, rounds: number): Promise<Spread> {
  const store = at(stores, 0);
  const policy = policyOf(credentials);
  const times: number[] = [];
  const live: Awaited<ReturnType<typeof grantOne>>[] = [];
  // The first few warm up what is compiled and cached.
  for (let round = -10; round < rounds; round += 1) {
    const start = performance.now();
    const task = await grantOne(store, policy);
    if (round >= 0) times.push(performance.now() - start);
    live.push(task);
    if (live.length > LIVE) {
      const first = live.shift();
      if (first != null) await finish(store, first);
    }
    await addTasks(db, 1, await store.now());
  }
  for (const task of live) if (task !== null) await finish(store, task);
  return spread(times);
}

async function grantTogether({ stores, db }: Engine, credentials: number): Promise<Measured["together"]> {
  const policy = policyOf(credentials);
  const times: number[] = [];
  let ms = 0;
  for (let round = 0; round < Math.ceil(ROUNDS / CALLERS); round += 1) {
    const start = performance.now();
    const granted = await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        const task = await grantOne(at(stores, caller % stores.length), policy);
        times.push(performance.now() - start);
        return task;
      }),
    );
    ms += performance.now() - start;
    for (const task of granted) if (task !== null) await finish(at(stores, 0), task);
    await addTasks(db, granted.filter((task) => task !== null).length, await at(stores, 0).now());
  }
  return { ...spread(times), callers: CALLERS, perGrantMs: round2(ms / times.length) };
}

/** A budget for exactly so many more grants, and many more requests at once: the grants are counted. */
async function grantUpTo({ stores, db }: Engine, credentials: number, room: number): Promise<Measured["capacity"]> {
  const { rows } = await sql<{ spent: number }>`
    select coalesce(sum(amount), 0)::bigint as spent from spend where owner_id = ${OWNER} and subject = 'owner'`.execute(db);
  // $5 for the model and 45 cents for the runner; whole cents, so that a cent may be left.
  const cents = Math.ceil((rows[0]?.spent ?? 0) / 10_000) + room * 545;
  const policy = policyOf(credentials, `$${(cents / 100).toFixed(2)}/month`);
  const asked = CALLERS * 4;
  const granted = await Promise.all(
    Array.from({ length: asked }, (_, caller) => grantOne(at(stores, caller % stores.length), policy)),
  );
  return { asked, room, granted: granted.filter((task) => task !== null).length };
}

async function grow(name: EngineName, url: string): Promise<Growth> {
  const credentials = 12;
  const ledger = name === "PGlite" ? [10_000, 100_000] : PASTS;
  const p50: number[] = [];
  for (const entries of ledger) {
    say(`${name}, ${String(credentials)} credentials, ${entries.toLocaleString("en")} ledger entries`);
    await using engine = await openEngine(name, url);
    await fill(engine, credentials);
    await addPast(engine.db, entries, credentials, await at(engine.stores, 0).now());
    p50.push((await grantAlone(engine, credentials, ROUNDS)).p50);
  }
  return { engine: name, ledger, p50, ratio: round2(at(p50, 1) / at(p50, 0)) };
}

function spread(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (share: number) => round2(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { p50: quantile(0.5), p99: quantile(0.99), count: times.length };
}

function at<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new Error(`there are only ${String(values.length)}`);
  return value;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

function render(): string {
  const lines = measured.map(
    ({ engine, credentials, alone, together, capacity, recordBytes }) =>
      `${engine}, ${String(credentials)} credentials: alone p50 ${String(alone.p50)} p99 ${String(alone.p99)} ms; ` +
      `${String(together.callers)} callers p50 ${String(together.p50)} p99 ${String(together.p99)} ms, ${String(together.perGrantMs)} ms a grant; ` +
      `${String(capacity.granted)} of ${String(capacity.asked)} granted where ${String(capacity.room)} fit; ${String(recordBytes)} bytes a decision`,
  );
  const grown = growth.map(
    ({ engine, ledger, p50, ratio }) =>
      `${engine}: p50 ${p50.join(" → ")} ms from ${ledger.map((rows) => rows.toLocaleString("en")).join(" to ")} ledger entries, ×${String(ratio)}`,
  );
  return [...lines, ...grown, `targets met: ${JSON.stringify(report.met)}; ${String(report.seconds)} s`, ""].join("\n");
}
