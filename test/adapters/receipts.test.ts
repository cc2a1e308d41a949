import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { receiptMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import { ActorId } from "#core/wire/ids.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const MINT = "POST /app/installations/{installation_id}/access_tokens";

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

  it("is written in with tokens that can't change the policy", async () => {
    const asked: unknown[] = [];
    const stop = stage.github.onCall(MINT, ({ phase, request: { body } }) => void (phase === "before" && asked.push(body)), "always"); // prettier-ignore
    const fresh = connect(stage);

    await fresh.findReceipts(place);
    await fresh.openIssue(place, { title: "another", body: "" });
    await fresh.createComment(place, 2, "said");
    stop();

    expect(stage.github.calls()[EFFECTS.openIssue]).toBeGreaterThan(0);
    expect(asked).toContainEqual(expect.objectContaining({ permissions: { issues: "write", pull_requests: "write", metadata: "read" } }));
    expect(JSON.stringify(asked)).not.toContain('"contents":"write"');
    expect(stage.github.violations()).toEqual([]);
  });
}); // prettier-ignore
