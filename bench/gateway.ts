import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import {
  GATEWAYS,
  type GatewayName,
  type Started,
  startCallers,
  startGatewayProcess,
  startUpstream,
} from "./gateway/processes.ts";
import type { Measured } from "./gateway/load-process.ts";
import { median, round } from "./median.ts";
import type { Answer } from "./gateway/traffic.ts";

/**
 * What the key gateway costs: `npm run bench:gateway -- [--json] [--quick]`. Ours, a plain pipe of node:http, http-proxy-3,
 * Portkey's gateway and none at all answer the same requests, interleaved in rounds. A ratio is that of one round, and what
 * is told is the median of the rounds', since on a shared machine two rounds differ by more than two gateways do. The
 * gateway's own processor time, which differs least, stands beside the rates.
 */
const { values } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" } } });
const quick = values.quick === true;
const ROUNDS = quick ? 3 : 9;
const MS = quick ? 500 : 1_000;
const WARM_MS = 250;
const STREAMS = 500;

type Cell = { readonly cell: string; readonly answer: Answer; readonly bodyBytes: number; readonly callers: number };
/** A request of a CLI's is 10 kB at a session's beginning, and grows. */
const BODY = 10_000;
const CELLS: readonly Cell[] = [
  { cell: "json, 1 caller", answer: "json", bodyBytes: BODY, callers: 1 },
  { cell: "json, 16 callers", answer: "json", bodyBytes: BODY, callers: 16 },
  { cell: "json, 64 callers", answer: "json", bodyBytes: BODY, callers: 64 },
  { cell: "json of 100 kB, 4 callers", answer: "json", bodyBytes: 100_000, callers: 4 },
  { cell: "burst of 200 events, 1 caller", answer: "burst", bodyBytes: BODY, callers: 1 },
  { cell: "burst of 200 events, 16 callers", answer: "burst", bodyBytes: BODY, callers: 16 },
  { cell: "20 events 5 ms apart, 16 callers", answer: "paced", bodyBytes: BODY, callers: 16 },
];
const LONG: Cell = { cell: `${String(STREAMS)} streams`, answer: "long", bodyBytes: 1_000, callers: STREAMS };

type Name = GatewayName | "direct";
const NAMES: readonly Name[] = [...GATEWAYS, "direct"];
type Figures = Record<Name, number[]>;
const noFigures = (): Figures => ({ ours: [], pipe: [], "http-proxy": [], portkey: [], direct: [] });

/** Each gateway's figure, and its ratio to the pipe's of the same round. */
function sum(figures: Figures): Record<Name, number> & { readonly ratio: number; readonly ratios: Record<Name, number> } {
  const each = (of: (name: Name) => number): Record<Name, number> => Object.fromEntries(NAMES.map((name) => [name, round(of(name), 2)])) as Record<Name, number>; // prettier-ignore
  const ratios = each((name) => median(figures[name].map((figure, at) => figure / (figures.pipe[at] ?? Number.NaN))));
  return { ...each((name) => median(figures[name])), ratio: ratios.ours, ratios };
}

const began = performance.now();
let upstream = await startUpstream();
const callers = startCallers();
const startMs = noFigures();
for (let times = 0; times < ROUNDS; times += 1) {
  for (const name of GATEWAYS) {
    const started = await startGatewayProcess(name, upstream.address);
    started.end();
    startMs[name].push(started.startMs);
  }
}

/** Rounds after which all are started anew: the plain pipe gives no more answers after four or five, which would end the comparison. */
const ROUNDS_A_START = 2;

type Running = ReadonlyMap<Name, Omit<Started, "startMs">>;
async function startAll(): Promise<Running> {
  const started = new Map<Name, Omit<Started, "startMs">>([
    ["direct", { address: upstream.address, pid: undefined, headers: {}, end: () => {} }],
  ]);
  for (const name of GATEWAYS) started.set(name, await startGatewayProcess(name, upstream.address));
  return started;
}
function endAll(started: Running): void {
  for (const gateway of started.values()) gateway.end();
  upstream.end();
}
let running = await startAll();

/** How often a gateway gave no answer in a whole cell, and was measured again. */
const stalls: Record<Name, number> = { ours: 0, pipe: 0, "http-proxy": 0, portkey: 0, direct: 0 };

function hasAnswers(cell: Cell, { perSecond, gapP99Ms }: Measured): boolean {
  return cell === LONG ? gapP99Ms > 0 : perSecond > 0;
}

const figures = [...CELLS, LONG].map((cell) => ({ cell, figures: noFigures(), cpu: noFigures() }));
for (let turn = 0; turn < ROUNDS; turn += 1) {
  say(`round ${String(turn + 1)} of ${String(ROUNDS)}`);
  if (turn > 0 && turn % ROUNDS_A_START === 0) {
    endAll(running);
    upstream = await startUpstream();
    running = await startAll();
  }
  for (const { cell, figures: its, cpu } of figures) {
    upstream.answer(cell.answer);
    // Each round begins with another one.
    for (const name of [...NAMES.slice(turn % NAMES.length), ...NAMES.slice(0, turn % NAMES.length)]) {
      const gateway = running.get(name);
      if (gateway === undefined) throw new Error(`${name} isn't running`);
      const { address, pid, headers } = gateway;
      const load = { ...cell, address, pid, headers, warmMs: WARM_MS, ms: cell === LONG ? 2 * MS : MS };
      let measured: Measured = await callers.measure(load);
      // Without an answer there is no rate, and a ratio to it would be none either. It may pass, as when the kernel's queue was full.
      for (let more = 0; more < 3 && !hasAnswers(cell, measured); more += 1) {
        stalls[name] += 1;
        measured = await callers.measure(load);
      }
      if (!hasAnswers(cell, measured)) throw new Error(`${name} does not answer: ${cell.cell}`);
      its[name].push(cell === LONG ? measured.gapP99Ms : measured.perSecond);
      cpu[name].push(measured.cpuMicros);
    }
  }
}
endAll(running);
callers.end();

const cells = figures
  .filter((it) => it.cell !== LONG)
  .map((it) => ({ cell: it.cell.cell, ...sum(it.figures), cpuMicros: sum(it.cpu) }));
const streams500 = sum(figures.find((it) => it.cell === LONG)?.figures ?? noFigures());
const geomean = round(Math.exp(cells.reduce((all, it) => all + Math.log(it.ratio), 0) / cells.length), 2);
const starts = Object.fromEntries(GATEWAYS.map((name) => [name, Math.round(median(startMs[name]))]));
const machine = {
  processors: availableParallelism(),
  load: loadavg().map((it) => round(it, 2)),
  seconds: Math.round((performance.now() - began) / 1_000),
};
const report = { cells, geomean, streams500, startMs: starts["ours"], starts, stalls, rounds: ROUNDS, machine };
process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${render().join("\n")}\n`);

function render(): string[] {
  const row = (label: string, of: Record<Name, number>, digits: number): string =>
    `${label.padEnd(36)}${NAMES.map((name) => of[name].toFixed(digits).padStart(11)).join("")}`;
  return [
    `${"answers a second, to the pipe's".padEnd(36)}${NAMES.map((name) => name.padStart(11)).join("")}`,
    ...cells.map((cell) => row(cell.cell, cell.ratios, 2)),
    `geometric mean of ours: ${geomean.toFixed(2)}`,
    "microseconds of processor time a call",
    ...cells.map((cell) => row(cell.cell, cell.cpuMicros, 0)),
    row("500 streams: p99 gap to the pipe's", streams500.ratios, 2),
    row("500 streams: p99 gap, ms", streams500, 0),
    `start to the first answer, ms: ${GATEWAYS.map((name) => `${name} ${String(starts[name])}`).join(", ")}`,
    ...(Object.values(stalls).some((times) => times > 0)
      ? [`cells without an answer, measured again: ${NAMES.map((name) => `${name} ${String(stalls[name])}`).join(", ")}`]
      : []),
    `${String(ROUNDS)} rounds, ${String(machine.processors)} processors, load ${machine.load.join(" ")}, ${String(machine.seconds)} s`,
  ];
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
