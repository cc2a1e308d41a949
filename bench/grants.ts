import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { sql } from "kysely";
import type { TaskId } from "#core/wire/ids.ts";
import { addPast, addTasks, addWindows, finish, grantOne, OWNER, policyOf, QUEUE } from "./grants-pool.ts";
import { startPostgres } from "#playground/postgres.ts";
import { ENGINES, openEngine, type Engine, type EngineName } from "./grants-engine.ts";

/**
 * What a grant takes: the whole transaction, from the lock to the commit, with a queue that never empties. `--json` for a
 * machine, `--quick` for a look. It ends by itself, and says what it measured; nothing fails by a time.
 */
const { values } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" }, engine: { type: "string" } } });
const quick = values.quick === true;
const engines = ENGINES.filter((name) => values.engine === undefined || name.toLowerCase() === values.engine.toLowerCase());

const POOLS = [12, 500] as const;
const CALLERS = 16;
const ROUNDS = quick ? 30 : 400;
/** Jobs under way while grants are made. */
const LIVE = 10;
/** Entries of the ledger between which a grant is compared. */
const PASTS = quick ? ([10_000, 100_000] as const) : ([10_000, 1_000_000] as const);
const TARGET_MS: Record<EngineName, number> = { Postgres: 20, PGlite: 30 };
const TARGET_GROWTH = 1.3;

/** Milliseconds. `least`: what it takes where nothing else wants the processor. */
type Spread = { readonly least: number; readonly p50: number; readonly p99: number; readonly count: number };
type Measured = {
  readonly engine: EngineName;
  readonly credentials: number;
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
  readonly least: readonly number[];
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
    if (name === "Postgres" || !quick) growth.push(await grow(name, server.url));
  }
}
const report = {
  node: process.version,
  processors: availableParallelism(),
  /** Of the last minute, as the system tells it: above the processors, others were at work and every figure is too large. */
  load: loadavg().map(round2)[0],
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
  const alone = at(await grantAlone([engine], credentials), 0);
  const together = await grantTogether(engine, credentials);
  const capacity = await grantUpTo(engine, credentials, 7);
  const { rows } = await sql<{ bytes: number }>`
    select percentile_disc(0.5) within group (order by length(record)) as bytes from decisions`.execute(engine.db);
  return { engine: engine.name, credentials, alone, together, capacity, recordBytes: rows[0]?.bytes ?? 0 };
}

async function fill({ stores, db }: Engine, credentials: number): Promise<void> {
  const now = await at(stores, 0).now();
  await addWindows(db, credentials, now);
  await addTasks(db, QUEUE, now);
  await sql`analyze`.execute(db);
}

/** One grant after another, of each of these stores in turn, so that what else the machine does befalls them alike. */
async function grantAlone(engines: readonly Engine[], credentials: number): Promise<readonly Spread[]> {
  const callers = engines.map((engine) => makeCaller(engine, credentials));
  const times = engines.map((): number[] => []);
  // The first few warm up what is compiled and cached.
  for (let round = -10; round < ROUNDS; round += 1)
    for (const [which, caller] of callers.entries()) {
      const ms = await caller.grant();
      if (round >= 0) times[which]?.push(ms);
    }
  for (const caller of callers) await caller.end();
  return times.map(spread);
}

/** Grants, and keeps so many jobs under way; what isn't the grant isn't counted. */
function makeCaller({ stores, db }: Engine, credentials: number) {
  const store = at(stores, 0);
  const policy = policyOf(credentials);
  const live: TaskId[] = [];
  return {
    async grant(): Promise<number> {
      const start = performance.now();
      const task = await grantOne(store, policy);
      const ms = performance.now() - start;
      if (task === null) throw new Error("nothing was granted: what is measured isn't a grant");
      const first = live.push(task) > LIVE ? live.shift() : undefined;
      if (first !== undefined) await finish(store, first);
      await addTasks(db, 1, await store.now());
      return ms;
    },
    async end(): Promise<void> {
      for (const task of live) await finish(store, task);
    },
  };
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
  say(
    `${name}, ${String(credentials)} credentials, ${PASTS.map((rows) => rows.toLocaleString("en")).join(" and ")} ledger entries`,
  );
  await using small = await openEngine(name, url);
  await using large = await openEngine(name, url);
  for (const [engine, entries] of [
    [small, PASTS[0]],
    [large, PASTS[1]],
  ] as const) {
    await fill(engine, credentials);
    await addPast(engine.db, entries, credentials, await at(engine.stores, 0).now());
  }
  const spreads = await grantAlone([small, large], credentials);
  const [before, after] = [at(spreads, 0), at(spreads, 1)];
  return {
    engine: name,
    ledger: PASTS,
    least: [before.least, after.least],
    p50: [before.p50, after.p50],
    ratio: round2(after.p50 / before.p50),
  };
}

function spread(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (share: number) => round2(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { least: round2(sorted[0] ?? 0), p50: quantile(0.5), p99: quantile(0.99), count: times.length };
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
      `${engine}, ${String(credentials)} credentials: alone least ${String(alone.least)} p50 ${String(alone.p50)} p99 ${String(alone.p99)} ms; ` +
      `${String(together.callers)} callers p50 ${String(together.p50)} p99 ${String(together.p99)} ms, ${String(together.perGrantMs)} ms a grant; ` +
      `${String(capacity.granted)} of ${String(capacity.asked)} granted where ${String(capacity.room)} fit; ${String(recordBytes)} bytes a decision`,
  );
  const grown = growth.map(
    ({ engine, ledger, p50, ratio }) =>
      `${engine}: p50 ${p50.join(" → ")} ms from ${ledger.map((rows) => rows.toLocaleString("en")).join(" to ")} ledger entries, ×${String(ratio)}`,
  );
  return [
    ...lines,
    ...grown,
    `targets met: ${JSON.stringify(report.met)}; ${String(report.seconds)} s, load ${String(report.load)} on ${String(report.processors)} processors`,
    "",
  ].join("\n");
}
