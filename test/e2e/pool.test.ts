import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { demo, inputFile, ROOT, type Ended } from "../kit/demo.ts";

const SAMPLE = readFileSync(join(ROOT, "playground/sample-pool.yml"), "utf8");

type Decision = { readonly credential: string; readonly strategy: string; readonly candidates: readonly Candidate[] };
type Candidate = {
  readonly credential: string;
  readonly score: number | null;
  readonly whyNot: { readonly why: string; readonly of?: string; readonly until: number | null } | null;
};

/** A decision as its golden file has it: instants are of the day it was made. */
function toGolden(decisions: unknown): string {
  const timeless = (decisions as Decision[]).map(({ candidates, ...decision }) => ({
    ...decision,
    candidates: candidates.map(({ credential, score, whyNot }) => ({
      credential,
      score: score === null ? null : Number(score.toFixed(4)),
      whyNot: whyNot === null ? null : `${whyNot.why}${whyNot.of === undefined ? "" : ` ${whyNot.of}`}`,
    })),
  }));
  return `${JSON.stringify(timeless, null, 2)}\n`;
}

function leases({ json }: Ended): unknown {
  return (json["attempts"] as { number: number; credential: string; verdict: string | null }[]).map(({ number, credential }) => [
    number,
    credential,
  ]);
}

describe("npm run demo -- --pool, with twelve seats lent by their owners", { timeout: 180_000 }, () => {
  it("draws on the one that is least used, and records every candidate with its terms", async () => {
    const ended = await demo(["--pool", inputFile("pool.yml", SAMPLE), "--json"]);

    expect(ended.stderr + ended.lines.slice(-30).join("\n")).not.toContain("PROBLEM");
    expect(ended.code).toBe(0);
    expect(leases(ended)).toEqual([[1, "bea-max"]]);
    await expect(toGolden(ended.json["decisions"])).toMatchFileSnapshot("golden/decision-least-used.json");
    expect(ended.json).toMatchObject({ comments: 1, contractViolations: 0 });
  });

  it("goes on with the next after a 429 in mid-run, from where that one stopped, to one pull request", async () => {
    const limited = SAMPLE.replace("week: 0.22 }", "week: 0.22, calls-left: 1 }");
    const ended = await demo(["--pool", inputFile("pool.yml", limited), "--json"]);

    expect(ended.code).toBe(0);
    expect(leases(ended)).toEqual([
      [1, "bea-max"],
      [1, "cyd-max"],
    ]);
    expect(ended.lines.join("\n")).toContain("goes on from an interrupted run's work  files=1");
    await expect(toGolden(ended.json["decisions"])).toMatchFileSnapshot("golden/decision-move.json");
    expect(ended.json).toMatchObject({ comments: 1, contractViolations: 0, pullRequest: { draft: true } });
  });

  it.each([
    ["a file that isn't YAML", "seats: [", /^demo: --pool: line 1/],
    ["a share beyond 1", "seats: { a: { owner: a, week: 2 } }", /seats\.a\.week: found `2`/],
    ["a strategy that there isn't", "strategy: greedy\nseats: {}", /strategy: found `"greedy"`/],
  ])("says in one line what is wrong with %s", async (_name, text, said) => {
    const ended = await demo(["--pool", inputFile("pool.yml", text)]);

    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(said);
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  });
});
