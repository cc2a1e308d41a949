import { readdir, readFile, readlink } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Change, EndingKind, Outcome } from "#core/wire/contract.ts";
import { costOf } from "#core/wire/cost.ts";
import { type Model, startModel } from "../model/model.ts";
import { type Case, FIRST_KEY, type Played, SECOND_KEY } from "./cases.ts";
import { PRICE, setStage, type Stage } from "../stage/stage.ts";

/** How one case went with one harness. */
export type Cell = {
  readonly harness: string;
  readonly case: string;
  /** As the Action reported it; what blocked it where it never ran. */
  readonly ending: EndingKind | `blocked: ${string}`;
  readonly expected: EndingKind;
  readonly ok: boolean;
  readonly seconds: number;
  /** Model calls that the provider saw. */
  readonly upstreamRequests: number;
  readonly costUsd: number;
  /** Why it isn't ok. */
  readonly wrong: readonly string[];
};

/** A cell that takes longer is not ok. */
const LONGEST_S = 60;

/** Plays one case: the built Action with the real CLI in the real sandbox against the scripted model. */
export async function playCell(played: Played, what: Case): Promise<Cell> {
  const { script } = what;
  await using model = await startModel({
    script: typeof script === "function" ? ({ prompt }) => script(prompt) : script,
    faults: what.faults?.(played.provider) ?? [],
    key: [FIRST_KEY, SECOND_KEY],
  });
  const started = performance.now();
  const first = await playJob(played, what, { model, key: FIRST_KEY });
  const moved = what.move === true && first.kind === "ran";
  const outcome = moved ? await playJob(played, what, { model, key: SECOND_KEY, before: first }) : first;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const upstreamRequests = model.requests().filter(({ model: asked }) => asked !== undefined).length;
  const wrong = [
    ...(moved && first.ending.kind !== "quotaExhausted" ? [`the first job ended ${first.ending.kind}`] : []),
    ...(outcome.kind === "ran"
      ? what.check({ harness: played.harness, outcome, upstreamRequests, files: filesOf(outcome.changes) })
      : [outcome.detail]),
    ...(seconds > LONGEST_S ? [`took longer than ${String(LONGEST_S)} s`] : []),
  ];
  const ending = outcome.kind === "ran" ? outcome.ending.kind : (`blocked: ${outcome.reason}` as const);
  const spent = [first, ...(moved ? [outcome] : [])].reduce((sum, { usage }) => sum + costOf(usage, PRICE), 0);
  return {
    harness: played.harness,
    case: what.name,
    ending,
    expected: what.expected,
    ok: ending === what.expected && wrong.length === 0,
    seconds,
    upstreamRequests,
    costUsd: spent / 1_000_000,
    wrong,
  };
}

type Job = { readonly model: Model; readonly key: string; readonly before?: Extract<Outcome, { kind: "ran" }> };

async function playJob({ harness, provider, model: name }: Played, what: Case, { model, key, before }: Job): Promise<Outcome> {
  await using stage = await setStage({
    modelUrl: model.url,
    key,
    files: { "a.txt": "old\n" },
    route: { tier: "standard", harness, provider, model: name, effort: "low", maxTurns: 80 },
    resume: before?.changes ?? [],
    session: before?.session,
    ...(what.verify === undefined ? {} : { verify: what.verify }),
    ...(what.microUsd === undefined ? {} : { microUsd: what.microUsd }),
    ...(what.deadlineMs === undefined ? {} : { deadlineMs: what.deadlineMs }),
  });
  const over = new AbortController();
  const killing = what.kill === true ? killHarness(stage, harness, model, over.signal) : undefined;
  const job = await stage.run();
  over.abort();
  await killing;
  const [outcome] = stage.app.outcomes;
  if (outcome === undefined) throw new Error(`${harness}, ${what.name}: no outcome was reported:\n${job.log.slice(-3_000)}`);
  return outcome;
}

/** Kills the harness in its sandbox, as the kernel would that is out of memory, once it waits for an answer that never comes. */
async function killHarness({ temp }: Stage, harness: string, model: Model, signal: AbortSignal): Promise<void> {
  const waits = () => model.requests().filter(({ status }) => status === 0).length > 0;
  while (!waits() && !signal.aborted) await sleep(100);
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const program = await readlink(`/proc/${name}/exe`).catch(() => "");
    const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
    // Of this job alone: another may run the same program.
    if (program.includes(`agent-pool/${harness}-`) && environment.includes(temp)) process.kill(Number(name), "SIGKILL");
  }
}

function filesOf(changes: readonly Change[]): Record<string, string> {
  return Object.fromEntries(
    changes.map((it) => [it.path, it.status === "deleted" ? "" : Buffer.from(it.content, "base64").toString("utf8")]),
  );
}
