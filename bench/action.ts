import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readSurroundings } from "#action/runner/inputs.ts";
import { TOOLS } from "#action/tools.ts";
import { setStage } from "#playground/stage/stage.ts";
import { median, round } from "./median.ts";

/**
 * How long a job takes until its harness runs: `npm run bench:action -- [--json] [--quick]`. From the start of `node` with
 * the built Action until the kernel shows the harness's own binary, inside its sandbox; then until that binary's first
 * request at the model. With the tools in the cache, and with an empty one, which npm fills from its registry.
 */
const { values } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" } } });
const quick = values.quick === true;
const ROUNDS = { warm: quick ? 3 : 7, empty: quick ? 0 : 3 } as const;
const TARGET_MS = { warm: 1_500, empty: 60_000 } as const;
const POLL_MS = 4;

const MODELS = {
  "claude-code": { provider: "anthropic", model: "claude-sonnet-5-5" },
  codex: { provider: "openai", model: "gpt-6-luna" },
  opencode: { provider: "anthropic", model: "claude-sonnet-5-5" },
} as const;
type Harness = keyof typeof MODELS;
const HARNESSES = Object.keys(MODELS) as Harness[];

type Run = {
  readonly spawnMs: number;
  readonly firstRequestMs: number;
  /** When the job's log told of each phase, by the Action's own clock, which starts once its code is loaded. */
  readonly phases: Readonly<Record<string, number>>;
};

async function runJob(harness: Harness, toolCache: string | undefined): Promise<Run> {
  let asked = Number.NaN;
  // Nothing to wait for: the CLI gives up, and the job ends.
  const model = createServer((request, response) => {
    if (Number.isNaN(asked) && request.method === "POST") asked = performance.now();
    request.resume().once("end", () => response.writeHead(401, { "content-type": "application/json" }).end('{"error":{"type":"authentication_error","message":"scripted"}}')); // prettier-ignore
  }).listen(0, "127.0.0.1");
  await once(model, "listening");
  const route = { tier: "standard", harness, ...MODELS[harness], effort: "low", maxTurns: 10 } as const;
  const modelUrl = `http://127.0.0.1:${String((model.address() as AddressInfo).port)}`;
  await using stage = await setStage({ modelUrl, key: "sk-ant-api03-of-the-bench", files: { "a.txt": "old\n" }, route });
  const { network } = readSurroundings(process.env, []);
  const env = { ...network, ...(toolCache !== undefined && { RUNNER_TOOL_CACHE: toolCache }) };
  let began = Number.NaN;
  let spawned = Number.NaN;
  const executable = `/${TOOLS[harness].executable}`;
  let watch: NodeJS.Timeout | undefined;
  const job = await stage.run(env, (pid) => {
    began = performance.now();
    watch = setInterval(() => {
      if (Number.isNaN(spawned) && runs(executable, pid)) spawned = performance.now();
    }, POLL_MS);
  });
  clearInterval(watch);
  model.closeAllConnections();
  model.close();
  if (Number.isNaN(spawned)) throw new Error(`${harness} was never started: ${job.log}`);
  const lines = job.log.matchAll(/^ *(?<seconds>[\d.]+) s {2}(?<phase>[^=\n]+?)(?: {2}.*)?$/gm);
  const phases = Object.fromEntries([...lines].map(({ groups }) => [groups?.["phase"] ?? "", Number(groups?.["seconds"])]));
  return { spawnMs: spawned - began, firstRequestMs: asked - began, phases };
}

/** Whether a process below `job` runs this file; others of the same machine may, too. */
function runs(executable: string, job: number): boolean {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readlinkSync(join("/proc", name, "exe")).endsWith(executable) && isBelow(Number(name), job);
    } catch {
      return false; // it has ended, or isn't ours
    }
  });
}

function isBelow(pid: number, ancestor: number): boolean {
  const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"))?.[1] ?? 0);
  return parent === ancestor || (parent > 1 && isBelow(parent, ancestor));
}

type Kind = keyof typeof ROUNDS;
const found: { readonly kind: Kind; readonly harness: Harness; readonly run: Run }[] = [];
const began = performance.now();
for (const harness of HARNESSES) await runJob(harness, undefined); // fills the cache, if need be
for (const kind of ["warm", "empty"] as const) {
  for (let turn = 0; turn < ROUNDS[kind]; turn += 1) {
    for (const harness of HARNESSES) {
      const empty = kind === "empty" ? await mkdtemp(join(tmpdir(), "tools-")) : undefined;
      const run = await runJob(harness, empty);
      if (empty !== undefined) await rm(empty, { recursive: true, force: true });
      found.push({ kind, harness, run });
      process.stderr.write(`${kind} ${harness} ${String(Math.round(run.spawnMs))} ms\n`);
    }
  }
}

const rows = (["warm", "empty"] as const)
  .filter((kind) => ROUNDS[kind] > 0)
  .flatMap((kind) =>
    HARNESSES.map((harness) => {
      const runs = found.filter((it) => it.kind === kind && it.harness === harness).map((it) => it.run);
      const names = Object.keys(runs[0]?.phases ?? {});
      return {
        toolCache: kind,
        harness,
        spawnMs: Math.round(median(runs.map((it) => it.spawnMs))),
        firstRequestMs: Math.round(median(runs.map((it) => it.firstRequestMs))),
        targetMs: TARGET_MS[kind],
        runs: runs.length,
        phases: Object.fromEntries(
          names.map((name) => [name, round(median(runs.map((it) => it.phases[name] ?? Number.NaN)), 1)]),
        ),
      };
    }),
  );
const machine = {
  processors: availableParallelism(),
  load: loadavg().map((it) => round(it, 2)),
  seconds: Math.round((performance.now() - began) / 1_000),
};
process.stdout.write(values.json === true ? `${JSON.stringify({ rows, machine }, null, 2)}\n` : render());

function render(): string {
  const lines = rows.map(
    ({ toolCache, harness, spawnMs, firstRequestMs, targetMs, phases }) =>
      `${toolCache.padEnd(7)}${harness.padEnd(13)}started after ${String(spawnMs).padStart(6)} ms (aim ${String(targetMs)}), asked after ${String(firstRequestMs).padStart(6)} ms; seconds: ${Object.entries(
        phases,
      )
        .map(([name, seconds]) => `${name} ${String(seconds)}`)
        .join(", ")}`,
  );
  return `${lines.join("\n")}\n${String(machine.processors)} processors, load ${machine.load.join(" ")}, ${String(machine.seconds)} s\n`;
}
