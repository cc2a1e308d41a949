import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Attack, fillIn, loadCorpus, PLACES } from "#attack/corpus.ts";
import { HARNESSES } from "#attack/harnesses.ts";
import { leaksOf, type Seen } from "#attack/judge.ts";
import { applyPatches, loadDefences, patching } from "#attack/mutant.ts";
import { type Cell, groupsOf, isProven, playsOf, runAttacks, toReport } from "#attack/run.ts";
import { bundleAction } from "#playground/action-bundle.ts";
import { ROOT } from "#playground/world.ts";

const CORPUS = loadCorpus(join(ROOT, "attack/corpus"));
const FILE = join(ROOT, "attack/defences.yml");
const DEFENCES = loadDefences(FILE);
const [HARNESS] = HARNESSES;
if (HARNESS === undefined) throw new Error("there is no harness");

const named = (...names: readonly string[]): Attack[] => CORPUS.filter(({ name }) => names.includes(name));
const alone = (attacks: readonly Attack[]) => attacks.map((attack) => ({ harness: HARNESS, attack }));

describe("the corpus", () => {
  it("holds at least 60 attacks, each against a defence that is known, and no defence without an attack", () => {
    const used = new Set(CORPUS.map(({ defence }) => defence));

    expect(CORPUS.length).toBeGreaterThanOrEqual(60);
    expect(used).toEqual(new Set(DEFENCES.keys()));
  });

  it("is played in full on one harness, and what is marked on each", () => {
    const plays = playsOf(CORPUS);

    for (const { name } of HARNESSES) {
      const played = plays.filter(({ harness }) => harness.name === name).map(({ attack }) => attack);
      expect(played.length, name).toBeGreaterThan(20);
      expect(
        played.filter(({ on }) => on !== undefined && on !== name),
        name,
      ).toEqual([]);
    }
    expect(new Set(plays.map(({ attack }) => attack.name)).size).toBe(CORPUS.length);
  });

  it("looks into every place that is listened to", () => {
    expect(new Set(CORPUS.flatMap(({ leak }) => leak.map((each) => each.in)))).toEqual(new Set(PLACES));
  });

  it("names what is wrong with a file, and the file", () => {
    const folder = mkdtempSync(join(tmpdir(), "agent-pool-corpus-"));
    try {
      writeFileSync(join(folder, "odd.yml"), "about: x\nsource: y\ndefence: sandbox\nleak: []\nscripts: []\n");

      expect(() => loadCorpus(folder)).toThrow(/odd\.yml:[^]*scripts[^]*leak/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("has no word that nobody fills in", () => {
    expect(() => fillIn({ run: ["curl {{nowhere}}"] }, { canary: "c" })).toThrow("there is no {{nowhere}}; known are canary");
    expect(fillIn({ run: ["curl {{canary}}"] }, { canary: "c" })).toEqual({ run: ["curl c"] });
  });
});

describe("a control", () => {
  it("is the Action as it is checked in, but for the lines of its defence", async () => {
    const dist = readFileSync(join(ROOT, "action/dist/main.mjs"), "utf8");

    const [plain] = await bundleAction([patching([])]);
    const [changed] = await bundleAction([patching(DEFENCES.get("sandbox")?.patches ?? [])]);

    expect(plain?.text === dist).toBe(true);
    expect(changed?.text === dist).toBe(false);
  });

  it.each([
    ["isn't there", "find me", "no such text"],
    ["is there twice", "find me, find me", "find me"],
  ])("is refused where what it replaces %s", (_name, source, find) => {
    expect(() => applyPatches(source, [{ file: "a.ts", find, replace: "" }])).toThrow("a.ts has");
  });

  it("names the defence that no longer fits the sources", () => {
    const folder = mkdtempSync(join(tmpdir(), "agent-pool-defences-"));
    try {
      const path = join(folder, "defences.yml");
      writeFileSync(
        path,
        readFileSync(FILE, "utf8").replace("violations.push(...findCollisions(", "violations.push(...seekCollisions("),
      );

      expect(() => loadDefences(path)).toThrow(/defence duplicates: src\/core\/change\/guards\.ts has 0 times, not once/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

const QUIET: Seen = {
  places: Object.fromEntries(PLACES.map((place) => [place, ""])) as Seen["places"],
  secrets: { key: "sk-ant-api03-0123456789abcdef", runToken: "", fetchToken: "" },
  canary: "canary00",
  unproven: undefined,
};

describe("the judge", () => {
  it("is silent where nothing was seen", () => {
    expect(leaksOf(QUIET, [{ in: "log", pattern: "^x" }])).toEqual([]);
  });

  it.each<[string, Partial<Seen["places"]>]>([
    [
      "a key in base64 in a place that the attack doesn't name",
      { commit: Buffer.from("a sk-ant-api03-0123456789abcdef").toString("base64") },
    ],
    ["a connection that said nothing of itself", { tcp: "GET / HTTP/1.1" }],
    ["a file outside with the attack's word", { outside: "made x: canary00" }],
    ["what the attack names", { log: "one\nXtwo" }],
  ])("sees %s", (_name, places) => {
    expect(leaksOf({ ...QUIET, places: { ...QUIET.places, ...places } }, [{ in: "log", pattern: "^x" }])).toHaveLength(1);
  });

  it("plays alone whatever could be mistaken for another's doing", () => {
    const groups = groupsOf(alone(CORPUS)).map((group) => group.map(({ attack }) => attack));

    expect(groups.flat().toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(CORPUS);
    for (const group of groups.filter(({ length }) => length > 1))
      for (const { name, leak, files } of group) {
        expect(
          leak.map((each) => each.in),
          name,
        ).not.toContain("tree");
        expect(files, name).toEqual({});
      }
  });

  const cell = (change: Partial<Cell>): Cell => ({
    attack: "a",
    harness: "h",
    result: "blocked",
    control: "leaked",
    why: "",
    ...change,
  });
  it.each<[string, readonly Cell[], boolean]>([
    ["every attack was blocked and every control leaked", [cell({}), cell({})], true],
    ["nothing was played", [], false],
    ["one leaked", [cell({}), cell({ result: "leaked" })], false],
    ["one was not tried", [cell({}), cell({ result: "error" })], false],
    ["one's control held", [cell({}), cell({ control: "held" })], false],
    ["one's control was not tried", [cell({}), cell({ control: "error" })], false],
  ])("says of a run in which %s whether it proves anything", (_name, cells, proven) => {
    expect(isProven(toReport(cells))).toBe(proven);
  });
});

describe("attacks on the real thing", () => {
  // One of each kind: a command in the sandbox, a call at the gateway, a change, a text.
  const attacks = named("http-foreign-host", "web-search", "who-must-review", "image-in-summary");

  it("are blocked, and leak with their defence off", { timeout: 300_000 }, async () => {
    const told: string[] = [];

    const report = await runAttacks(alone(attacks), DEFENCES, (line) => told.push(line));

    expect(attacks).toHaveLength(4);
    expect(report, told.join("\n")).toMatchObject({ tried: 4, blocked: 4, leaked: 0, controls: 4 });
    expect(told).toHaveLength(8);
  });

  it("count for nothing where their script doesn't run", { timeout: 120_000 }, async () => {
    const [attack] = named("web-search");
    if (attack === undefined) throw new Error("it is gone");

    const report = await runAttacks(alone([{ ...attack, script: [{ run: "kill -9 $$" }] }]), DEFENCES, () => undefined);

    expect(report.cells).toMatchObject([{ result: "error", control: "error", why: "step 1 left no sign that it ran" }]);
    expect(isProven(report)).toBe(false);
  });
});
