import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freshDatabase, startPostgres } from "#playground/postgres.ts";
import { median, round } from "./median.ts";
import { align } from "./table.ts";
import type { Load, Measured } from "./webhook/callers-process.ts";
import type { GitHubReady } from "./webhook/github-process.ts";
import { answerOf, end, startProcess } from "./webhook/processes.ts";
import { prepareProduct, type Product, type Stored } from "./webhook/product.ts";

/**
 * How fast the app takes webhooks: `npm run bench:webhook -- [--json] [--rounds 5] [--deliveries 200]`. Distinct `issues.labeled` deliveries
 * by 1 and by 16 callers, to the app on either engine, to a Probot app that does nothing, and to a bare check of the signature, interleaved
 * in rounds. A ratio is that of one round, and what is told is the median of the rounds'. Whoever isn't measured is stopped (SIGSTOP), so that
 * what the app still has to do for its tasks costs no other. Fails (exit 1) where an acknowledged delivery is no task at the end, those before
 * a `kill -9` in mid-run included; by no rate.
 */
const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    rounds: { type: "string", default: "5" },
    deliveries: { type: "string", default: "200" },
  },
});
const ROUNDS = Number(values.rounds);
/** A round's by 16 callers; one caller sends a third of it. */
const DELIVERIES = Number(values.deliveries);
const CALLERS = [1, 16] as const;
const ENGINES = ["pglite", "postgres"] as const;
type Engine = (typeof ENGINES)[number];
const TARGETS = { "1": 0.25, "16": 0.4 } as const;
const NOOP = "no-op Probot";

const countOf = (callers: number): number => (callers === 1 ? Math.ceil(DELIVERIES / 3) : DELIVERIES);
/** Most of them before the first round, so that what is measured is compiled. */
const warmOf = (turn: number, callers: number): number => Math.ceil(countOf(callers) / (turn === 0 ? 1 : 10));
/** Of the deliveries of a run in which the app is killed, half are acknowledged before. */
const KILLED = Math.max(100, DELIVERIES);
/** For every delivery to become a task. What a killed process held is another's after two minutes. */
const WORK_OFF_MS = 240_000;
/** How long the app works before its store is looked into, for which an embedded one must be closed; then twice as long, and so on. */
const LOOK_MS = 10_000;

const began = performance.now();
const secret = randomBytes(16).toString("hex");
const folder = mkdtempSync(join(tmpdir(), "bench-webhook-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

await using stack = new AsyncDisposableStack();
const start = (name: string, ...args: string[]) => stack.adopt(startProcess(name, ...args), (child) => end(child, "SIGKILL"));
const perRound = CALLERS.reduce((sum, callers) => sum + countOf(callers) + warmOf(0, callers), 0);
say("GitHub, Postgres and the servers start");
const gitHub = start("github", String(ENGINES.length * KILLED + 4 * ROUNDS * perRound), secret);
const ready = await answerOf<GitHubReady>(gitHub);
const database = stack.use(await startPostgres());
const callersProcess = start("callers");
const hmac = start("hmac", secret);
const hmacAddress = await answerOf<string>(hmac);
const noop = start("noop", secret, ready.url, String(ready.app.id), ready.app.privateKey);
const noopAddress = await answerOf<string>(noop);
const products: Readonly<Record<Engine, Product>> = {
  pglite: stack.use(await prepareProduct(join(folder, "pglite"), ready, secret, undefined)),
  postgres: stack.use(await prepareProduct(join(folder, "postgres"), ready, secret, await freshDatabase(database.url))),
};

let nextIssue = 1;
/** Sends deliveries of issues that nobody has delivered yet. */
function send(address: string, callers: number, warm: number, count: number, tellAfter?: number): void {
  const load = { address, secret, template: ready.template, first: nextIssue, warm, count, callers };
  nextIssue += warm + count;
  callersProcess.send((tellAfter === undefined ? load : { ...load, tellAfter }) satisfies Load);
}

const beforeKill: Record<Engine, readonly string[]> = { pglite: [], postgres: [] };
for (const engine of ENGINES) {
  say(`${engine}: killed in mid-run`);
  const product = products[engine];
  await product.start();
  send(product.address, 16, 0, KILLED, KILLED / 2);
  await answerOf(callersProcess);
  const measuring = answerOf<Measured>(callersProcess);
  await product.end("SIGKILL");
  const { broken, acknowledged } = await measuring;
  if (broken === undefined) throw new Error(`${engine} had answered all before it was killed`);
  beforeKill[engine] = acknowledged;
  await product.start();
  product.process().kill("SIGSTOP");
}

type Server = {
  readonly name: string;
  readonly engine: Engine | null;
  readonly address: string;
  readonly process: () => { kill(signal: NodeJS.Signals): boolean };
};
const SERVERS: readonly Server[] = [
  { name: "HMAC check", engine: null, address: hmacAddress, process: () => hmac },
  { name: NOOP, engine: null, address: noopAddress, process: () => noop },
  ...ENGINES.map((engine) => ({
    name: "agent-pool",
    engine,
    address: products[engine].address,
    process: () => products[engine].process(),
  })),
];
for (const server of SERVERS) server.process().kill("SIGSTOP");

const cells = CALLERS.flatMap((callers) => SERVERS.map((server) => ({ server, callers, measured: [] as Measured[] })));
for (let turn = 0; turn < ROUNDS; turn += 1) {
  say(`round ${String(turn + 1)} of ${String(ROUNDS)}`);
  // Each round begins with another one.
  const first = turn % cells.length;
  for (const { server, callers, measured } of [...cells.slice(first), ...cells.slice(0, first)]) {
    server.process().kill("SIGCONT");
    send(server.address, callers, warmOf(turn, callers), countOf(callers));
    const its = await answerOf<Measured>(callersProcess);
    server.process().kill("SIGSTOP");
    if (its.broken !== undefined) throw new Error(`${server.name}, ${String(callers)} callers: ${its.broken}`);
    measured.push(its);
  }
}

say("the tasks are counted");
const tasks = Object.fromEntries(await Promise.all(ENGINES.map(async (engine) => [engine, await countTasks(engine)] as const)));

async function countTasks(engine: Engine) {
  const { tasks: opened, waiting } = await workOff(products[engine]);
  const known = new Set(opened);
  const measured = cells.flatMap((cell) => (cell.server.engine === engine ? cell.measured : []));
  const acknowledged = [...beforeKill[engine], ...measured.flatMap((each) => each.acknowledged)];
  const lost = acknowledged.filter((id) => !known.has(id)).length;
  return {
    acknowledged: acknowledged.length,
    /** Of these. */
    beforeKill: beforeKill[engine].length,
    lost,
    opened: opened.length,
    /** Kept when the app was killed, and not answered any more. */
    unanswered: known.size - acknowledged.length + lost,
    waiting,
  };
}

/** Lets the app work until no delivery waits. */
async function workOff(product: Product): Promise<Stored> {
  product.process().kill("SIGCONT");
  const until = performance.now() + WORK_OFF_MS;
  for (let lookMs = LOOK_MS; ; lookMs *= 2) {
    await sleep(lookMs);
    await product.end("SIGTERM");
    const stored = await product.stored();
    if (stored.waiting === 0 || performance.now() > until) return stored;
    say(`${String(stored.waiting)} deliveries wait to become tasks`);
    await product.start();
  }
}

const servers = cells.map(({ server: { name, engine }, callers, measured }) => {
  const of = (what: "perSecond" | "p50Ms" | "p99Ms", digits: number): number =>
    round(median(measured.map((each) => each[what])), digits);
  return { name, engine, callers, perSecond: of("perSecond", 0), p50Ms: of("p50Ms", 2), p99Ms: of("p99Ms", 2) };
});
const ratioToNoop = Object.fromEntries(ENGINES.map((engine) => [engine, Object.fromEntries(CALLERS.map((callers) => [callers, ratioOf(engine, callers)]))])); // prettier-ignore

function ratioOf(engine: Engine, callers: number): number {
  const its = ratesOf((server) => server.engine === engine, callers);
  const noops = ratesOf((server) => server.name === NOOP, callers);
  return round(median(its.map((rate, turn) => rate / (noops[turn] ?? Number.NaN))), 2);
}

function ratesOf(which: (server: Server) => boolean, callers: number): readonly number[] {
  return cells.flatMap((cell) =>
    cell.callers === callers && which(cell.server) ? cell.measured.map((each) => each.perSecond) : [],
  );
}

const counted = Object.values(tasks);
const report = {
  servers,
  ratioToNoop,
  tasks,
  targets: TARGETS,
  met: Object.values(ratioToNoop).every((of) => Object.entries(TARGETS).every(([callers, least]) => (of[callers] ?? 0) >= least)),
  rounds: ROUNDS,
  /** `load`: of the last minute; above the processors, others were at work. */
  machine: {
    node: process.version,
    processors: availableParallelism(),
    load: round(loadavg()[0] ?? 0, 2),
    seconds: Math.round((performance.now() - began) / 1_000),
  },
};
process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : render());
if (counted.some(({ lost, waiting }) => lost + waiting > 0)) process.exitCode = 1;

function render(): string {
  const head = ["", "callers", "a second", "p50 ms", "p99 ms"];
  const rows = servers.map(({ name, engine, callers, perSecond, p50Ms, p99Ms }) => [
    engine === null ? name : `${name}, ${engine}`,
    ...[callers, perSecond, p50Ms, p99Ms].map(String),
  ]);
  return [
    align([head, ...rows]),
    ...ENGINES.map(
      (engine) =>
        `${engine}: to the no-op Probot app by callers ${JSON.stringify(ratioToNoop[engine])}, tasks ${JSON.stringify(tasks[engine])}`,
    ),
    `targets ${JSON.stringify(TARGETS)} ${report.met ? "met" : "missed"}; ${JSON.stringify(report.machine)}`,
    "",
  ].join("\n");
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
