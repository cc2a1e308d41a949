import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeSecondPerson, secondPersonWords, type ReviewedPull } from "#core/task/second-person.ts";
import { ActorId } from "#core/wire/ids.ts";

const [HEAD, OLD] = ["d".repeat(40), "e".repeat(40)];
const [ASKER, PUSHER, OTHER] = [ActorId(1), ActorId(2), ActorId(3)];
const review = (by: ActorId, approves = true, commit = HEAD) => ({ by, approves, commit });
const PULL: ReviewedPull = { isOpen: true, head: HEAD, needsReview: true, reviews: [], hands: [ASKER] };

type Case = readonly [name: string, pull: Partial<ReviewedPull>, setting: boolean | undefined, said: boolean, is: string];
const CASES: readonly Case[] = [
  ["nobody has approved it", {}, undefined, false, "no-approval"],
  ["somebody else has", { reviews: [review(OTHER)] }, undefined, false, "found"],
  ["who asked for it has", { reviews: [review(ASKER)] }, undefined, false, "own-approval"],
  ["who pushed to it has", { reviews: [review(PUSHER)] }, undefined, false, "own-approval"],
  ["whom a commit names has", { reviews: [review(OTHER)], hands: [OTHER] }, undefined, false, "own-approval"],
  ["who asked and somebody else have", { reviews: [review(ASKER), review(OTHER)] }, undefined, false, "found"],
  ["somebody else has, of an older commit", { reviews: [review(OTHER, true, OLD)] }, undefined, false, "no-approval"],
  ["somebody else asks for changes", { reviews: [review(OTHER, false)] }, undefined, false, "no-approval"],
  ["it has too many commits", { reviews: [review(OTHER)], hands: null }, undefined, false, "too-many-commits"],
  ["the branch needs no review", { needsReview: false }, undefined, false, "none"],
  ["the branch needs no review any more", { needsReview: false }, undefined, true, "no-approval"],
  ["the branch needs no review, and the settings say always", { needsReview: false }, true, false, "no-approval"],
  ["the settings say never", {}, false, false, "none"],
  ["it is closed", { isOpen: false, reviews: [review(OTHER)] }, true, true, "none"],
];

describe("a pull request's second person", () => {
  it.each(CASES)("where %s", (_name, pull, setting, said, is) => {
    const judged = judgeSecondPerson({ ...PULL, ...pull }, { setting, said, own: [ASKER, PUSHER] });

    expect(judged.is === "missing" ? judged.why : judged.is).toBe(is);
  });

  it("is never one who asked, pushed, or is named by a commit, in whatever order reviews come", () => {
    const Someone = fc.integer({ min: 1, max: 5 }).map(ActorId);
    const Reviews = fc.array(fc.record({ by: Someone, approves: fc.boolean(), commit: fc.constantFrom(HEAD, OLD) }));
    fc.assert(
      fc.property(Reviews, fc.array(Someone), fc.array(Someone), (reviews, own, hands) => {
        const judge = (those: typeof reviews) =>
          judgeSecondPerson({ ...PULL, reviews: those, hands }, { setting: true, said: false, own });

        const judged = judge(reviews);

        expect(judge(reviews.toReversed())).toEqual(judged);
        const counts = reviews.filter(({ by }) => !own.includes(by) && !hands.includes(by));
        expect(judged.is).toBe(counts.some(({ approves, commit }) => approves && commit === HEAD) ? "found" : "missing");
      }),
    );
  });

  it("is told of in words that say what to do", () => {
    const waits = secondPersonWords({ is: "missing", why: "own-approval" });

    expect(waits).toMatchObject({ conclusion: "action_required", title: "Waits for a second person's approval" });
    expect(waits.summary).toContain("only by people who asked for the work or pushed to its branch");
    expect(waits.summary).toContain("`second-person: false`");
    expect(secondPersonWords({ is: "found" }).conclusion).toBe("success");
  });
});
