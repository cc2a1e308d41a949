import { describe, expect, it } from "vitest";
import { codeReviewers, describeInvited, toInvite } from "#core/task/reviewers.ts";
import { makeBrief } from "../kit/briefs.ts";

const { owner, requester } = makeBrief(1);

describe("who owns the changed files", () => {
  it.each<[string, string, object]>([
    ["people and teams, each where they stand", "* @ada @acme/web\n", { people: ["ada"], teams: ["web"] }],
    ["the owner's teams, in whatever capitals the owner is written", "* @ACME/web.app\n", { people: [], teams: ["web.app"] }],
    ["no team of another owner", "* @rival/web @ada\n", { people: ["ada"], teams: [] }],
    ["nobody by an e-mail address", "* ada@example.com\n", { people: [], teams: [] }],
    ["nobody by what is no name", "* @ada/ @/web @a/b/c @[x](https://evil.example) ada\n", { people: [], teams: [] }],
    ["nobody without a file", "", { people: [], teams: [] }],
  ])("are %s", (_name, codeOwners, reviewers) => {
    expect(codeReviewers(codeOwners, ["src/a.ts"], owner)).toEqual(reviewers);
  });
});

describe("who is asked for a review", () => {
  it("is asked once, however often and in whatever capitals they are named", () => {
    expect(toInvite({ people: ["ada", "Ada", "bo"], teams: ["web", "web"] }, requester)).toEqual({
      people: ["Ada", "bo"],
      teams: ["web"],
    });
  });

  it("is not who has asked for the work", () => {
    const { login } = requester;

    expect(toInvite({ people: [login, login.toUpperCase(), "ada"], teams: [] }, requester)).toEqual({
      people: ["ada"],
      teams: [],
    });
  });

  it("is no crowd: fifteen, people first", () => {
    const people = Array.from({ length: 14 }, (_, at) => `p${String(at)}`);
    const teams = ["a", "b", "c"];

    expect(toInvite({ people, teams }, requester)).toEqual({ people, teams: ["a"] });
    expect(toInvite({ people: [...people, "x", "y"], teams }, requester)).toEqual({ people: [...people, "x"], teams: [] });
  });

  it("is named without being called, and so is who could not be", () => {
    expect(describeInvited({ asked: ["ada", "acme/web"], leftOut: ["`@bo`"] })).toEqual([
      "Asked to review it: `ada`, `acme/web`.",
      "Not asked, since GitHub didn't let the app ask them (who can't read the repository can't be): `'@bo'`.",
    ]);
    expect(describeInvited({ asked: [], leftOut: [] })).toEqual([]);
  });
});
