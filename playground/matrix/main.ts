import { parseArgs } from "node:util";
import { CASES, HARNESSES } from "./cases.ts";
import { type Cell, playCell } from "./cell.ts";

/**
 * `npm run harness:matrix`: every harness through every case, with the real CLIs. Exit code 1 when one ends otherwise than it
 * should, 2 when nothing was played.
 */
const HELP = `npm run harness:matrix -- [--json] [--only WORD,…]
--only plays those whose harness or case holds each word: --only "codex,429 quota"
Harnesses: ${HARNESSES.map((it) => it.harness).join(", ")}. Cases: ${CASES.map((it) => it.name).join(", ")}.`;

function refuse(why: string): never {
  say(`harness:matrix: ${why}\n${HELP}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: { help: { type: "boolean" }, json: { type: "boolean", default: false }, only: { type: "string", default: "" } },
    }).values;
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause));
  }
}

const values = readOptions();
if (values.help === true) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
const wanted = HARNESSES.flatMap((played) => CASES.map((what) => ({ played, what }))).filter(({ played, what }) =>
  values.only.split(",").every((word) => `${played.harness} ${what.name}`.includes(word)),
);
if (wanted.length === 0) refuse(`nothing is called ${values.only}`);

const cells: Cell[] = [];
for (const { played, what } of wanted) {
  const cell = await playCell(played, what);
  cells.push(cell);
  say(describe(cell));
}
if (values.json) process.stdout.write(`${JSON.stringify({ cells }, null, 2)}\n`);
const failed = cells.filter(({ ok }) => !ok).length;
say(`${String(cells.length - failed)} of ${String(cells.length)} cells are as they should be.`);
process.exitCode = failed === 0 ? 0 : 1;

function describe({ ok, harness, case: name, ending, expected, seconds, upstreamRequests, costUsd, wrong }: Cell): string {
  const figures = `${seconds.toFixed(1)} s, ${String(upstreamRequests)} requests, $${costUsd.toFixed(4)}`;
  const fault = [...(ending === expected ? [] : [`expected ${expected}`]), ...wrong].join("; ");
  return `${ok ? "ok   " : "WRONG"} ${harness.padEnd(12)} ${name.padEnd(32)} ${ending.padEnd(16)} ${figures}${ok ? "" : `  ${fault}`}`;
}

/** Beside the answer, so that it can be piped. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
