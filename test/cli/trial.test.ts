import { describe, expect, it } from "vitest";
import type { TrialReport } from "#app/trial-report.ts";
import { tableOf, type TrialOffer, type TrialRun } from "#core/trial/report.ts";
import { TaskId, TrialId } from "#core/wire/ids.ts";
import { err, ok } from "#core/wire/result.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { ask } from "#cli/local.ts";
import { renderOffer, renderTrial, runTrial, type TrialTools } from "#cli/trial.ts";
import { readTrialOptions, type TrialOptions } from "#cli/trial-options.ts";
import { openFresh } from "../kit/stores.ts";

const ID = "trial-0a1b2c3d";
const ASKED = { repository: "acme/web", last: 20, routes: ["light", "codex"], budget: null };

describe("the words after `trial`", () => {
  it.each<[string, Partial<TrialOptions>]>([
    ["acme/web --routes light,codex", { trial: ASKED, yes: false, json: false, stop: false }],
    ["acme/web --routes light,light --last 100 --budget $40.50 --yes", { trial: { ...ASKED, routes: ["light"], last: 100, budget: MicroUsd(40_500_000) }, yes: true }],
    ["acme/web --routes light --budget 5", { trial: { ...ASKED, routes: ["light"], budget: MicroUsd(5_000_000) } }],
    [`${ID} --json`, { trial: { id: ID }, json: true }],
    [`${ID} --stop`, { trial: { id: ID }, stop: true }],
  ])("%s", (line, options) => {
    expect(readTrialOptions(line.split(" "))).toEqual(ok(expect.objectContaining(options)));
  }); // prettier-ignore

  it.each([
    ["", /needs a repository/],
    ["acme --routes light", /needs a repository/],
    ["acme/web", /--routes should name at least one/],
    ["acme/web --routes ,", /--routes should name at least one/],
    ["acme/web --routes light --last 0", /--last should be a number/],
    ["acme/web --routes light --last 101", /--last should be a number/],
    ["acme/web --routes light --budget much", /--budget should be an amount in dollars/],
    ["acme/web --routes light --stop", /--stop needs a trial's id/],
    ["acme/web acme/api --routes light", /takes one word/],
    [`${ID} --routes light`, /has its routes and its budget/],
    ["acme/web --rotes light", /--rotes.*see agent-pool trial --help/],
  ])("%s is refused in one line", (line, said) => {
    const read = readTrialOptions(line.split(" ").filter(Boolean));

    expect(read.ok ? "" : read.error).toMatch(said);
  });
});

const route = {
  tier: "light",
  harness: "claude-code",
  provider: "anthropic",
  model: "claude-haiku-5-5",
  effort: null,
  maxTurns: 40,
} as const;
const OFFER: TrialOffer = {
  routes: [
    { word: "light", route, expected: MicroUsd(1_500_000) },
    { word: "codex", route: { ...route, harness: "codex", model: "gpt-6.1-sol", effort: "low" }, expected: MicroUsd(2_500_000) },
  ],
  pulls: [
    { pull: 3, issue: 2, title: "The last page is missing when it is not full, and so is the one before it" },
    { pull: 5, issue: 4, title: "Ta\u001b[31mbs\n" },
  ],
  leftOut: [
    { pull: 6, why: "no-tests" },
    { pull: 7, why: "no-tests" },
  ],
  atMost: { run: MicroUsd(6_800_000), model: MicroUsd(5_000_000), moves: 3 },
  budget: MicroUsd(8_000_000),
}; // prettier-ignore
const RUNS: TrialRun[] = [
  { task: TaskId("a"), pull: 3, route: "light", mark: "resolved", model: MicroUsd(100_000), runner: MicroUsd(6_000), ms: 90_000 },
  { task: TaskId("b"), pull: 3, route: "codex", mark: "failed", model: MicroUsd(300_000), runner: MicroUsd(6_000), ms: 150_000 },
  { task: TaskId("c"), pull: 5, route: "light", mark: "provesNothing", model: MicroUsd(0), runner: MicroUsd(6_000), ms: 9_000 },
  { task: TaskId("d"), pull: 5, route: "codex", mark: "notRun", model: MicroUsd(0), runner: MicroUsd(0), ms: 0 },
]; // prettier-ignore
function reportOf(overrides: Partial<TrialReport> = {}): TrialReport {
  const table = tableOf(["light", "codex"], RUNS);
  return { trial: TrialId(ID), repository: "acme/web", state: "ended", over: true, failure: null, offer: OFFER, runs: RUNS, table, ...overrides };
} // prettier-ignore

describe("what is printed of a trial", () => {
  it("says before it is begun what would be done, what it is expected to cost, and what it can't exceed", () => {
    const text = renderOffer(reportOf(), OFFER);

    expect(text).toContain("2 pull requests of acme/web, each by 2 routes");
    expect(text).toContain("#3, which closed #2: The last page is missing when it is not full, and…\n");
    expect(text).toContain("left out, added or changed no tests: #6, #7");
    expect(text).toMatch(/ {2}codex +codex with gpt-6.1-sol, effort low +≈ \$2\.50/);
    expect(text).toContain(
      "≈ $4.00 in all at list price, runners included, by what such jobs have cost; one may cost up to $6.80.",
    );
    expect(text).toContain("No more than $8.00 is spent");
    expect(text).not.toContain("\u001b");
  });

  it("has a row for each route, and a mark for each pull request and route", () => {
    const text = renderTrial(reportOf());

    expect(text).toContain(`${ID} of acme/web, ended\n`);
    expect(text).toMatch(/\nlight +1 of 1 +0 +\$0\.10 +\$0\.006 +\$0\.106 +1\.5 min\n/);
    expect(text).toMatch(/\ncodex +0 of 1 +0 +\$0\.30 +\$0\.006 +- +2\.5 min\n/);
    expect(text).toMatch(/\n#3 \(issue #2\) +✓ +✗ +The last page/);
    expect(text).toMatch(/\n#5 \(issue #4\) +=/);
    expect(text).toContain("  = the tests pass without a change: left out of the figures\n");
    expect(text).not.toContain("under way");
  });
});

describe("`agent-pool trial`, at a terminal or without one", () => {
  /** Answers like the app: chosen at the second look, over at the second after its start. */
  function play(given: Partial<TrialOptions> & { interactive?: boolean; answer?: boolean; failure?: string } = {}) {
    const asked: string[] = [];
    const out: string[] = [];
    let started = false;
    let looks = 0;
    const tools: TrialTools = {
      ask(what, of) {
        asked.push(what);
        if (what === "trial-ask") return Promise.resolve(ok(JSON.stringify(JSON.parse(of)) === JSON.stringify(ASKED) ? ID : "?"));
        if (of !== ID) return Promise.resolve(err(`there is no trial ${of}`));
        if (what === "trial-start") started = true;
        if (what !== "trial") return Promise.resolve(ok(of));
        looks += 1;
        const failure = given.failure ?? null;
        const state = failure !== null ? "failed" : looks < 2 ? "choosing" : !started ? "offered" : looks < 4 ? "running" : "ended";
        return Promise.resolve(ok(reportOf({ state, over: state === "ended", failure })));
      },
      terminal: { interactive: given.interactive ?? false, confirm: () => Promise.resolve(given.answer ?? false) },
      print: (text) => void out.push(text),
      tell: () => undefined,
    };
    const options = { trial: ASKED, yes: false, json: false, stop: false, ...given };
    return runTrial(options, tools).then((done) => ({ done, asked: asked.filter((what) => what !== "trial"), out: out.join("") }));
  } // prettier-ignore

  it("begins without asking where it was told to, and prints the table", async () => {
    const { done, asked, out } = await play({ yes: true });

    expect(done).toEqual(ok(undefined));
    expect(asked).toEqual(["trial-ask", "trial-start"]);
    expect(out).toContain("No more than $8.00 is spent");
    expect(out).toContain("It can be begun for 7 days");
    expect(out).toContain("1 of 1");
  });

  it("prints nothing but JSON where that is asked for", async () => {
    const { out } = await play({ yes: true, json: true });

    expect(JSON.parse(out)).toMatchObject({ trial: ID, state: "ended", runs: [{ pull: 3, mark: "resolved" }, {}, {}, {}] });
  });

  it("asks a person first, and begins nothing that they don't want", async () => {
    expect((await play({ interactive: true, answer: true })).asked).toEqual(["trial-ask", "trial-start"]);
    expect(await play({ interactive: true, answer: false })).toMatchObject({ done: ok(undefined), asked: ["trial-ask"] });
  });

  it("begins nothing where nobody can be asked, and says how it is begun", async () => {
    const { done, asked } = await play();

    expect(done).toEqual(err(`nothing was begun; \`agent-pool trial ${ID} --yes\` begins it`));
    expect(asked).toEqual(["trial-ask"]);
  });

  it("goes on with one by its id, stops it, and says why one has failed", async () => {
    expect((await play({ trial: { id: ID }, yes: true })).asked).toEqual(["trial-start"]);
    expect((await play({ trial: { id: ID }, stop: true })).asked).toEqual(["trial-stop"]);
    expect((await play({ yes: true, failure: "the App is not installed on acme/web" })).done).toEqual(
      err("the App is not installed on acme/web"),
    );
    expect((await play({ trial: { id: "trial-ffffffff" } })).done).toEqual(err("there is no trial trial-ffffffff"));
  });
});

describe("the store, asked of trials", () => {
  it("takes what is well-formed alone, and knows none that never was", async () => {
    const { store } = await openFresh("PGlite");

    const made = await ask(store, "trial-ask", JSON.stringify(ASKED));
    const read = await ask(store, "trial", made.ok ? String(made.value) : "");

    expect(made).toEqual(ok(expect.stringMatching(/^trial-[0-9a-f]{8}$/)));
    expect(read).toMatchObject(ok({ repository: "acme/web", state: "choosing", over: false, runs: [] }));
    for (const wrong of [{}, { ...ASKED, last: 1_000 }, { ...ASKED, repository: "../web" }, { ...ASKED, routes: [] }, { ...ASKED, more: 1 }])
      expect(await ask(store, "trial-ask", JSON.stringify(wrong))).toMatchObject({ ok: false });
    expect(await ask(store, "trial", "trial-ffffffff")).toEqual(err("there is no trial trial-ffffffff"));
    expect(await ask(store, "trial-start", "trial-ffffffff")).toEqual(err("trial-ffffffff is not one that waits to be begun"));
    expect(await ask(store, "trial-drop", "trial-ffffffff")).toEqual(err("unknown question"));
    await store.close();
  }); // prettier-ignore
});
