import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EpochMs, HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { GitHub, Place } from "#ports/github.ts";
import type { Person } from "#playground/types.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const LIST = "GET /app/hook/deliveries";

describe("what GitHub tells of what nobody heard", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  let ada: Person;
  let grace: Person;
  beforeAll(async () => {
    stage = await makeStage();
    github = connect(stage);
    place = await placeOf(stage, "acme/web");
    ada = await stage.github.createPerson("ada");
    grace = await stage.github.createPerson("grace");
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  const since = (ms: number) => EpochMs(Date.now() - ms);

  it("is each try that failed, page by page, as far back as asked for, and one is made again under the same id", async () => {
    stage.github.setWebhook({ url: "http://127.0.0.1:9/nobody", secret: "s" });
    const { number } = await ada.openIssue("acme/web", { title: "one", body: "" });
    for (let at = 0; at < 120; at += 1) await ada.comment("acme/web", number, String(at));
    await stage.github.delivered();
    stage.github.resetCalls();

    const all = await github.readFailedDeliveries(since(HOUR_MS));
    const pages = stage.github.calls()[LIST];
    const none = await github.readFailedDeliveries(since(-HOUR_MS));
    const last = all.ok ? all.value[0] : undefined;
    const again = await github.redeliver(last?.id ?? 0);
    await stage.github.delivered();

    const own = all.ok ? all.value.filter(({ event }) => event === "issue_comment") : [];
    expect(own).toHaveLength(120);
    expect(own.every(({ succeeded }) => !succeeded)).toBe(true);
    expect([pages, none]).toEqual([2, { ok: true, value: [] }]);
    expect(again).toEqual({ ok: true, value: undefined });
    expect(stage.github.deliveries().at(-1)).toMatchObject({ guid: last?.guid, redelivery: true });
    expect(stage.github.violations()).toEqual([]);
  });

  it("is refused for a try that it doesn't know", async () => {
    expect(await github.redeliver(1)).toMatchObject({ ok: false, error: { reason: "github-refused", status: 404 } });
  });

  it("is who set an open issue's label and who has changed its text, of issues changed since", async () => {
    const { number } = await grace.openIssue("acme/web", { title: "Last page", body: "One row too few.", labels: ["bug"] });
    await ada.label("acme/web", number, "Agent");
    await grace.editIssue("acme/web", number, { title: "The last page", body: "One row too many." });
    await ada.editIssue("acme/web", number, { body: "One row too many!" });
    const { number: closed } = await ada.openIssue("acme/web", { title: "done", body: "", labels: ["agent"] });
    await ada.closeIssue("acme/web", closed);

    const read = await github.readLabelled(place, ["agent"], since(MINUTE_MS));
    const later = await github.readLabelled(place, ["agent"], since(-MINUTE_MS));
    const state = await github.readIssue(place, closed);

    expect(read).toMatchObject({
      ok: true,
      value: [
        {
          number,
          title: "The last page",
          body: "One row too many!",
          author: { id: grace.id, login: "grace" },
          isByBot: false,
          labels: ["bug", "Agent"],
          labelled: [{ label: "bug" }, { label: "Agent", by: { id: ada.id, login: "ada" } }],
          // The body's, the newest first, with what was there at first; then the title's.
          edits: [{ by: "ada" }, { by: "grace" }, { by: "grace" }, { by: "grace" }],
        },
      ],
    });
    expect(later).toEqual({ ok: true, value: [] });
    expect(state).toEqual({ ok: true, value: { isOpen: false, isLocked: false, labels: ["Agent"] } });
    expect(stage.github.violations()).toEqual([]);
  });

  it("is whether an issue is an App's", async () => {
    const own = await github.openIssue(place, { title: "own", body: "" });
    await ada.label("acme/web", own.ok ? own.value : 0, "ours");

    expect(await github.readLabelled(place, ["ours"], since(MINUTE_MS))).toMatchObject({
      ok: true,
      value: [{ title: "own", author: null, isByBot: true }],
    });
  });

  it("is that a repository is not the one it was", async () => {
    const other = { ...place, repository: { ...place.repository, name: "agent-runner" } };

    expect(await github.readLabelled(other, ["agent"], since(MINUTE_MS))).toMatchObject({ ok: false });
  });
});
