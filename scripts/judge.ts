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
if (read === undefined || !existsSync(join(directory, "meta.json"))) {
  process.stderr.write(`judge: give one of ${Object.keys(READERS).join(", ")}, and a folder with meta.json and stdout.jsonl\n`);
  process.exitCode = 2;
} else {
  const text = (name: string) => (existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : "");
  const meta = parseRecord(text("meta.json")) ?? {};
  const signal = textOf(meta["signal"]);
  const left: Left = {
    stdout: Buffer.from(text("stdout.jsonl")),
    stderr: text("stderr.txt"),
    exitCode: typeof meta["exitCode"] === "number" ? meta["exitCode"] : null,
    signal: signal === "" ? null : (signal as NodeJS.Signals),
    killed: meta["killedByRunner"] === true,
    rollout: text("rollout.jsonl"),
  };
  process.stdout.write(`${JSON.stringify(read(left), null, 2)}\n`);
}
