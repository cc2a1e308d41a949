import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bootstrap } from "../../bench/routing/bootstrap.ts";
import { BASELINES, meanOf, overCascadeLine, plainCascade } from "../../bench/routing/cascade.ts";
import { readData, type Data } from "../../bench/routing/data.ts";
import { evaluate } from "../../bench/routing/evaluate.ts";
import { auc, macroF1 } from "../../bench/routing/measures.ts";
import { dominated, FRONTIER, LIGHT, pairsOf } from "../../bench/routing/models.ts";
import { sizeIssues } from "../../bench/routing/sizing.ts";
import { readTrees } from "../../bench/routing/trees.ts";
import { renderEvaluation } from "../../bench/routing/table.ts";
import { gainOverMix } from "../../bench/routing/up-front.ts";
import { randomOf } from "../../bench/pool/random.ts";

const ISSUES = 40;

/** Files of the documented shape, made up: the harder an issue, the fewer models resolve it and the more each costs. */
function madeUp(): string {
  const random = randomOf(7, "made up");
  const directory = mkdtempSync(join(tmpdir(), "routing-"));
  const write = (file: string, rows: readonly object[]) => {
    writeFileSync(join(directory, file), `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`);
  };
  const models = [...LIGHT, ...FRONTIER];
  const hardness = Array.from({ length: ISSUES }, (_, at) => at / ISSUES);
  write(
    "instances.jsonl",
    hardness.map((hard, at) => ({
      instance_id: `acme__web-${String(at)}`,
      repo: "acme/web",
      difficulty: at % 5 === 4 ? null : hard < 0.5 ? "<15 min fix" : hard < 0.8 ? "15 min - 1 hour" : "1-4 hours",
      problem_statement: `Title ${String(at)}\n${hard < 0.5 ? "a typo in src/a.ts" : "rewrite the architecture of src/b.ts"}`,
      gold_files: 1,
    })),
  );
  write(
    "runs_meta.jsonl",
    models.map((model) => ({ run: `run-${model}`, model })),
  );
  write(
    "runs.jsonl",
    models.flatMap((model) =>
      hardness.map((hard, at) => ({
        run: `run-${model}`,
        instance_id: `acme__web-${String(at)}`,
        resolved: random.float() > hard - (FRONTIER.includes(model) ? 0.4 : 0),
        cost_usd: (FRONTIER.includes(model) ? 0.5 : 0.05) * (0.5 + hard),
        api_calls: 10,
      })),
    ),
  );
  return directory;
}

const DATA = readData(madeUp());
const [PAIR] = pairsOf(DATA);
const ALL = DATA.issues.map(() => 1);
const CHECKING = { noticed: 0.5, falseAlarm: 0.05 };

function pair() {
  if (PAIR === undefined) throw new Error("no pair");
  return PAIR;
}

describe("the evaluation of routing", () => {
  it("ranks: every pair right is 1, none 0, level a half", () => {
    const ranked = (scores: readonly number[]) => auc(scores.map((score, at) => ({ score, positive: at >= 2 })));

    expect([ranked([1, 2, 3, 4]), ranked([3, 4, 1, 2]), ranked([1, 1, 1, 1]), ranked([1, 3, 2, 4])]).toEqual([1, 0, 0.5, 0.75]);
  });

  it("weighs each class of sizes alike", () => {
    const f1 = macroF1([
      { is: "<15 min fix", said: "<15 min fix" },
      { is: "<15 min fix", said: "1-4 hours" },
      { is: "1-4 hours", said: "1-4 hours" },
    ]);

    expect(f1).toBeCloseTo(2 / 3, 10);
  });

  it("gains nothing up front by no order, and most by the true one", () => {
    const order = (score: (id: string) => number) =>
      gainOverMix(
        pair(),
        DATA.issues,
        DATA.issues.map(({ id }) => score(id)),
        ALL,
      );
    const truth = (id: string) => Number(pair().frontier.runs.get(id)?.resolved) - Number(pair().light.runs.get(id)?.resolved);

    expect(order(() => 0)).toBeCloseTo(0, 10);
    expect(order(truth)).toBeGreaterThan(5);
    expect(order((id) => -truth(id))).toBeLessThan(-5);
  });

  it("puts the cascade, and any share of its escalations skipped, onto its own line", () => {
    const light = BASELINES[0]?.of(pair(), DATA.issues) ?? { resolved: [], usd: [] };
    const cascade = plainCascade(pair(), DATA.issues, CHECKING);
    const between = (share: number) => {
      const mixed = (key: "resolved" | "usd") =>
        cascade[key].map((value, at) => share * value + (1 - share) * (light[key][at] ?? 0));
      return { resolved: mixed("resolved"), usd: mixed("usd") };
    };

    for (const share of [0, 0.3, 1]) expect(overCascadeLine(between(share), light, cascade, ALL)).toBeCloseTo(0, 10);
    const better = { ...cascade, usd: cascade.usd.map((usd, at) => (usd + (light.usd[at] ?? 0)) / 2) };
    expect(overCascadeLine(better, light, cascade, ALL)).toBeGreaterThan(0);
  });

  it("takes checks that see everything and nothing else to the oracle's results, and blind ones to all-light's", () => {
    const resolved = (noticed: number) => meanOf(plainCascade(pair(), DATA.issues, { noticed, falseAlarm: 0 }), ALL).resolved;
    const baseline = (name: string) =>
      meanOf(BASELINES.find(({ policy }) => policy === name)?.of(pair(), DATA.issues) ?? { resolved: [], usd: [] }, ALL).resolved;

    expect(resolved(1)).toBeCloseTo(baseline("oracle"), 10);
    expect(resolved(0)).toBeCloseTo(baseline("all-light"), 10);
  });

  it("gives an interval that holds its figure, the same each time", () => {
    const figure = (weights: readonly number[]) => weights.slice(0, 20).reduce((sum, weight) => sum + weight, 0);
    const [one, again] = [bootstrap(40, figure), bootstrap(40, figure)];

    expect(one).toEqual(again);
    expect(one.low).toBeLessThan(20);
    expect(one.high).toBeGreaterThan(20);
  });

  it("names a tier that another beats", () => {
    const runs = (resolved: number, usd: number) =>
      new Map(Array.from({ length: 4 }, (_, at) => [String(at), { resolved: at < resolved, usd }]));
    const data: Data = {
      issues: [],
      runs: new Map([
        ["dear", runs(2, 2)],
        ["cheap", runs(2, 1)],
        ["best", runs(4, 3)],
      ]),
    };

    expect(dominated(data)).toEqual([{ tier: "dear", dominatedBy: "cheap" }]);
  });

  it("sizes by the code where a clone is at hand, and by the text where none is", () => {
    const clones = mkdtempSync(join(tmpdir(), "clones-"));
    const clone = join(clones, "acme__web");
    mkdirSync(join(clone, "src"), { recursive: true });
    writeFileSync(join(clone, "src", "a.ts"), "x".repeat(50_000));
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", clone, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args]);
    git("init", "--quiet");
    git("add", "--all");
    git("commit", "--quiet", "--message=all");
    const issue = (repository: string) => ({ id: repository, repository, difficulty: null, text: "Wrong\nsee src/a.ts" });
    const issues = [issue("acme/web"), issue("acme/other")];

    const sized = sizeIssues(issues, readTrees(clones, ["acme/web", "acme/other"]));

    expect([sized.get("acme/web")?.points, sized.get("acme/other")?.points]).toEqual([0.5, 0]);
  });

  it("fills every row, and claims nothing where an interval holds 0", { timeout: 120_000 }, () => {
    const evaluation = evaluate(DATA, (issues) => sizeIssues(issues));

    expect(evaluation.issues).toBe(ISSUES);
    expect(evaluation.A.auc15m).toBeGreaterThan(0.6);
    expect(new Set(evaluation.C.map(({ verifier }) => verifier))).toEqual(new Set(["0.3/0.1", "0.5/0.05", "0.8/0.05"]));
    expect(evaluation.C.filter(({ policy }) => policy === "default")).toHaveLength(3);
    const numbers = evaluation.C.flatMap((row) => [row.resolved, row.usdPerIssue, row.overCascadeLine, row.low, row.high]);
    expect(numbers.every(Number.isFinite)).toBe(true);
    const table = renderEvaluation(evaluation);
    for (const { policy, low, high } of evaluation.C) {
      if (policy !== "plain cascade" && low <= 0 && high >= 0)
        expect(table).toMatch(new RegExp(`${policy} .*(?:coin toss|nothing is claimed)`));
    }
  });

  it.each([
    ["a run nobody knows", "runs.jsonl", { run: "x", instance_id: "a", resolved: true, cost_usd: 1 }, /doesn't know the run x/],
    ["a row of another shape", "instances.jsonl", { instance_id: 1 }, /instances\.jsonl, line 1: instance_id/],
  ])("refuses %s, saying where", (_name, file, row, message) => {
    const directory = madeUp();
    writeFileSync(join(directory, file), JSON.stringify(row));

    expect(() => readData(directory)).toThrow(message);
  });
});
