import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRecord, textOf } from "#core/wire/json.ts";
import { readClaude } from "../action/src/harness/claude-code.ts";
import { readCodex } from "../action/src/harness/codex.ts";
import { readOpencode } from "../action/src/harness/opencode.ts";
import type { Left, Reading } from "../action/src/harness/reading.ts";

/**
 * `npm run -s judge -- CLI DIR`: how a captured run ended, as JSON. DIR holds `stdout.jsonl`, `stderr.txt`, `meta.json`
 * (exitCode, signal, killedByRunner), and of Codex `rollout.jsonl`.
 */
const READERS: Readonly<Record<string, (left: Left) => Reading>> = {
  claude: readClaude,
  "claude-code": readClaude,
  codex: readCodex,
  opencode: readOpencode,
};

const [cli = "", directory = ""] = process.argv.slice(2);
const read = READERS[cli];
const meta = parseRecord(readIfThere("meta.json"));
const fault =
  read === undefined
    ? `give one of ${Object.keys(READERS).join(", ")}, not "${cli}"`
    : !existsSync(directory)
      ? `there is no folder "${directory}"`
      : meta === undefined
        ? `${join(directory, "meta.json")} is missing, or is no JSON object of exitCode, signal and killedByRunner`
        : existsSync(join(directory, "stdout.jsonl"))
          ? undefined
          : `${join(directory, "stdout.jsonl")} is missing`;
if (read === undefined || meta === undefined || fault !== undefined) {
  process.stderr.write(`judge: ${fault ?? ""}. npm run -s judge -- CLI FOLDER reads a captured run.\n`);
  process.exitCode = 2;
} else {
  const signal = textOf(meta["signal"]);
  const left: Left = {
    stdout: Buffer.from(readIfThere("stdout.jsonl")),
    stderr: readIfThere("stderr.txt"),
    exitCode: typeof meta["exitCode"] === "number" ? meta["exitCode"] : null,
    signal: signal === "" ? null : (signal as NodeJS.Signals),
    killed: meta["killedByRunner"] === true,
    rollout: readIfThere("rollout.jsonl"),
  };
  process.stdout.write(`${JSON.stringify(read(left), null, 2)}\n`);
}

function readIfThere(name: string): string {
  const path = join(directory, name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
