import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SURE, UNCLASSIFIED, type Classified, type Sure } from "#core/plan/classified.ts";
import { mergeSize } from "#core/plan/merge.ts";
import type { SizeEstimate } from "#core/plan/size.ts";
import { sizeReason } from "#core/task/size-words.ts";
import { SIZES, type Size } from "#core/wire/contract.ts";
import { MicroUsd } from "#core/wire/units.ts";

const MODEL = "claude-haiku-5-5";
const COST = MicroUsd(450);

function rules(size: Size, confidence: number): SizeEstimate {
  return { size, confidence, reasons: [{ fact: "paths-named", count: 1 }] };
}

function answer(size: Size, sure: Sure): Classified {
  return { kind: "answer", size, sure, model: MODEL, cost: COST };
}

/** What the rules say, what the classifier says, and what comes of it. */
const ROWS: readonly [string, SizeEstimate, Classified, Size, number][] = [
  ["both agree", rules("m", 0.5), answer("m", "high"), "m", 0.8],
  ["both agree, the rules surer", rules("m", 0.6), answer("m", "low"), "m", 0.7],
  ["both agree and are sure", rules("m", 0.8), answer("m", "high"), "m", 0.85],
  ["the classifier is surer, one up", rules("s", 0.5), answer("m", "high"), "m", 0.6],
  ["the classifier is surer, one down", rules("m", 0.5), answer("s", "high"), "s", 0.6],
  ["neither is surer, one up", rules("s", 0.5), answer("m", "medium"), "m", 0.4],
  ["neither is surer, one down", rules("m", 0.5), answer("s", "medium"), "m", 0.4],
  ["the rules are surer, one up", rules("s", 0.5), answer("m", "low"), "s", 0.4],
  ["the rules are surer, one down", rules("m", 0.5), answer("s", "low"), "m", 0.4],
  ["the classifier is surer, far up", rules("xs", 0.5), answer("xl", "high"), "s", 0.3],
  ["the classifier is surer, far down", rules("l", 0.5), answer("xs", "high"), "m", 0.3],
  ["neither is surer, far up", rules("s", 0.5), answer("l", "medium"), "m", 0.3],
  ["neither is surer, far down", rules("l", 0.5), answer("s", "medium"), "l", 0.3],
  ["the rules are surer, far up", rules("s", 0.5), answer("l", "low"), "s", 0.3],
  ["the rules are surer, far down", rules("l", 0.5), answer("xs", "low"), "l", 0.3],
];

describe("the rules' size and the classifier's", () => {
  it.each(ROWS)("are one where %s", (_name, ruled, classified, size, confidence) => {
    const merged = mergeSize(ruled, classified);

    expect(merged).toMatchObject({ size, confidence });
    expect(merged.reasons).toEqual([...ruled.reasons, expect.objectContaining({ fact: "classified", rules: ruled.size })]);
  });

  it("are what a person has said, where one has, and nobody else is heard", () => {
    const said: SizeEstimate = { size: "l", confidence: 0.9, reasons: [{ fact: "label", label: "size/l" }] };

    expect(mergeSize(said, answer("xs", "high"))).toEqual(said);
    expect(mergeSize(said, { kind: "none", why: "late", cost: null })).toEqual(said);
  });

  it.each(UNCLASSIFIED)("are the rules' alone where there is no answer: %s", (why) => {
    const merged = mergeSize(rules("m", 0.5), { kind: "none", why, cost: COST });

    expect(merged).toMatchObject({ size: "m", confidence: 0.5 });
    expect(merged.reasons.at(-1)).toEqual({ fact: "rules-alone", why, cost: COST });
  });

  it("are a step apart at most from what the rules say, and no surer than a person, whatever the answer", () => {
    const share = fc.double({ min: 0, max: 0.9, noNaN: true });
    const sizes = fc.constantFrom(...SIZES);

    fc.assert(
      fc.property(sizes, share, sizes, fc.constantFrom(...SURE), (size, confidence, said, sure) => {
        const merged = mergeSize(rules(size, confidence), answer(said, sure));

        const steps = SIZES.indexOf(merged.size) - SIZES.indexOf(size);
        expect(Math.abs(steps)).toBeLessThanOrEqual(1);
        if (steps !== 0) expect(Math.sign(steps)).toBe(Math.sign(SIZES.indexOf(said) - SIZES.indexOf(size)));
        expect(merged.confidence).toBeGreaterThanOrEqual(-0.1);
        expect(merged.confidence).toBeLessThanOrEqual(0.9);
      }),
    );
  });

  it("grow with what the classifier says, never against it", () => {
    for (const sure of SURE) {
      for (const size of SIZES) {
        const merged = SIZES.map((said) => SIZES.indexOf(mergeSize(rules(size, 0.5), answer(said, sure)).size));

        expect(merged).toEqual(merged.toSorted((a, b) => a - b));
      }
    }
  });
});

describe("the classifier's part in the comment", () => {
  it.each([
    [
      { fact: "classified", rules: "s", size: "m", sure: "high", model: MODEL, cost: COST } as const,
      "the rules say s; the classifier (claude-haiku-5-5, $0.0004) says m, with high confidence",
    ],
    [{ fact: "rules-alone", why: "not-configured", cost: null } as const, "the rules alone decide: no classifier is configured"],
    [{ fact: "rules-alone", why: "late", cost: null } as const, "the rules alone decide: the classifier did not answer in time"],
    [
      { fact: "rules-alone", why: "out-of-schema", cost: COST } as const,
      "the rules alone decide: the classifier's answer was not one of a size ($0.0004)",
    ],
  ])("is one line", (reason, line) => {
    expect(sizeReason(reason)).toBe(line);
  });
});
