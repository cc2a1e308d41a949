import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { receiptMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import { ActorId } from "#core/wire/ids.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

describe("the issue for receipts on GitHub", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  beforeAll(async () => {
    stage = await makeStage();
    await stage.github.createRepository({ owner: "acme", name: ".github", private: true, files: { "README.md": "# Policy\n" } });
    github = connect(stage);
    place = await placeOf(stage, "acme/.github");
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  it("is the app's own, open or closed, and never a person's that has its marker", async () => {
    const ada = await stage.github.createPerson("ada");
    stage.github.setRole("acme/.github", "ada", "write");
    await ada.openIssue("acme/.github", { title: "agent-pool: receipts", body: `${RECEIPTS_MARKER}\nMine.` });
    const before = await github.findReceipts(place);

    const made = await github.openIssue(place, { title: "agent-pool: receipts", body: `${RECEIPTS_MARKER}\nHere.` });
    await ada.closeIssue("acme/.github", 2);

    expect(before).toEqual({ ok: true, value: undefined });
    expect(made).toEqual({ ok: true, value: 2 });
    expect(await github.findReceipts(place)).toEqual({ ok: true, value: 2 });
    expect(await github.readIssue(place, 2)).toMatchObject({ ok: true, value: { isOpen: false, isLocked: false } });
  });

  it("holds each lender's comment, found by the lender", async () => {
    const [ada, bob] = [ActorId(40), ActorId(4)];
    const made = await github.createComment(place, 2, `${receiptMarker(ada)}\nHers.`);

    expect(await github.findReceipt(place, 2, ada)).toEqual(made);
    expect(await github.findReceipt(place, 2, bob)).toEqual({ ok: true, value: undefined });
    expect(await github.findComment(place, 2)).toEqual({ ok: true, value: undefined });
  });

  it("is found and written with tokens for issues and nothing else, which can change no policy and no pull request", async () => {
    const receipt = `${receiptMarker(ActorId(5))}\n`;
    const fresh = connect(stage);
    stage.github.resetCalls();

    await fresh.findReceipts(place);
    await fresh.openIssue(place, { title: "another", body: "" });
    await fresh.findReceipt(place, 2, ActorId(5));
    const made = await fresh.createComment(place, 2, `${receipt}Said.`);
    await fresh.updateComment(place, made.ok ? made.value : 0, `${receipt}Said anew.`, "news");

    const written = stage.github.callList().filter(({ route }) => route.includes("/issues"));
    expect(written.map(({ status }) => status)).toEqual([200, 201, 200, 201, 200]);
    for (const { grant } of written) {
      const permissions = { issues: "write", metadata: "read" };
      expect(grant).toEqual({ permissions, repositoryIds: [place.repository.id] });
    }
    expect(stage.github.violations()).toEqual([]);
  });

  it("lies beside what else is said in `.github`, with tokens that can't change the policy", async () => {
    stage.github.resetCalls();

    await connect(stage).createComment(place, 2, "said");

    const [said] = stage.github.callList().filter(({ route }) => route === EFFECTS.createComment);
    expect(said?.grant?.permissions).toEqual({ issues: "write", pull_requests: "write", metadata: "read" });
  });
});
