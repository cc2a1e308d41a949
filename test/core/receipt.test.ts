import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  receiptOf,
  sinceOfReceipt,
  type Draw,
  type LentSeat,
  type Receipt,
  type ReceiptFacts,
  type Reserve,
} from "#core/pool/receipt.ts";
import { RECEIPTS_ISSUE, renderReceipt } from "#core/pool/receipt-words.ts";
import { parseCommentMarker, receiptMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import { ActorId, CredentialName, RepositoryId, TaskId } from "#core/wire/ids.ts";
import type { WindowReading } from "#core/wire/observation.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd } from "#core/wire/units.ts";
import { golden } from "../kit/golden.ts";

/** `UPDATE_GOLDEN=1 npx vitest run test/core/receipt.test.ts` writes the files; read them before they are committed. */
const GOLDEN = join(import.meta.dirname, "golden-receipts");

/** A Wednesday; the week under way began on 30 November. */
const NOW = EpochMs(Date.UTC(2026, 11, 2, 12));
const MONDAY = Date.UTC(2026, 10, 30);
const ADA = { id: ActorId(40), login: "ada" };
const BOB = { id: ActorId(41), login: "bob" };
const CY = { id: ActorId(42), login: "cy" };

const sized = (value: number, error = 0.05) => ({ value, error, hiddenPerMs: 0 });
/** A five-hour window is worth $20, a week $200. */
const WINDOWS = [
  { name: "five-hour", model: null, capacity: sized(20e6) },
  { name: "week", model: null, capacity: sized(200e6) },
] as const;

function seat(overrides: Partial<LentSeat> = {}): LentSeat {
  return {
    name: CredentialName("ada-max"),
    state: "lent",
    keepForOwner: 0.4,
    account: "credential:ada-max",
    windows: WINDOWS,
    ...overrides,
  };
}

let tasks = 0;
function draw(at: number, usd: number, overrides: Partial<Draw> = {}): Draw {
  return {
    credential: CredentialName("ada-max"),
    task: TaskId(`task-${String((tasks += 1))}`),
    by: BOB,
    repository: RepositoryId(20),
    model: "claude-haiku-5-5",
    at: EpochMs(at),
    listed: MicroUsd(usd * 1e6),
    standby: false,
    seen: null,
    ...overrides,
  };
}

function reading(window: WindowReading["window"], share: number, resetsInMs: number, model: string | null = null): WindowReading {
  return { window, model, share, limit: null, resetsInMs, rejected: false };
}
const seen = (...readings: WindowReading[]) => ({ ageMs: 1_000, readings });

function facts(overrides: Partial<ReceiptFacts> = {}): ReceiptFacts {
  return { now: NOW, lender: ADA, seats: [seat()], draws: [], ...overrides };
}

const LAST_TUESDAY = MONDAY - 6 * DAY_MS + 10 * HOUR_MS;
const BUSY = [
  draw(LAST_TUESDAY, 3, { seen: seen(reading("five-hour", 0.2, 3 * HOUR_MS), reading("week", 0.1, 5 * DAY_MS)) }),
  draw(LAST_TUESDAY + HOUR_MS, 4, { repository: RepositoryId(21), seen: seen(reading("five-hour", 0.41, 2 * HOUR_MS), reading("week", 0.13, 5 * DAY_MS)) }),
  draw(LAST_TUESDAY + DAY_MS, 2, { by: ADA, seen: seen(reading("five-hour", 0.3, 4 * HOUR_MS), reading("week", 0.3, 4 * DAY_MS)) }),
  draw(LAST_TUESDAY + 2 * DAY_MS, 6, { by: CY, standby: true, seen: seen(reading("week", 0.34, 3 * DAY_MS)) }),
  draw(LAST_TUESDAY + 2 * DAY_MS, 1, { by: null, seen: seen(reading("week", 0.35, 3 * DAY_MS), reading("week-model", 0.5, 3 * DAY_MS, "claude-haiku-5-5")) }),
  draw(MONDAY + HOUR_MS, 0.004, { seen: seen(reading("five-hour", 0.01, 5 * HOUR_MS)) }),
]; // prettier-ignore

/** $13 of a five-hour window whose other 40% are kept. */
const TOUCHED = [
  draw(LAST_TUESDAY, 8, { seen: seen(reading("five-hour", 0.45, 3 * HOUR_MS), reading("week", 0.1, 5 * DAY_MS)) }),
  draw(LAST_TUESDAY + HOUR_MS, 5, { seen: seen(reading("five-hour", 0.7, 2 * HOUR_MS), reading("week", 0.12, 5 * DAY_MS)) }),
];
const RTL = "\u202Eeve\u202C";
const ZERO_WIDTH = "e\u200Bve\u2060";

const CASES: Readonly<Record<string, ReceiptFacts>> = {
  "nothing-used": facts(),
  "busy-week": facts({ draws: BUSY }),
  "in-public": facts({ draws: BUSY }),
  "reserve-touched": facts({ draws: TOUCHED }),
  "windows-unknown": facts({
    seats: [seat({ windows: [] })],
    draws: [draw(LAST_TUESDAY, 3), draw(MONDAY + HOUR_MS, 2, { standby: true })],
  }),
  "two-seats": facts({
    seats: [seat({ name: CredentialName("ada-work"), keepForOwner: 0, account: "credential:ada-work" }), seat()],
    draws: [draw(LAST_TUESDAY, 3), draw(LAST_TUESDAY, 5, { credential: CredentialName("ada-work") })],
  }),
  "taken-back": facts({ seats: [seat({ state: "taken-back" })], draws: BUSY }),
  "not-serving": facts({ seats: [seat({ state: "not-serving", keepForOwner: null })] }),
  "hostile-names": facts({
    lender: { id: ADA.id, login: "`@acme/all` <b>|" },
    seats: [seat({ name: CredentialName("`](https://evil.example) | @ada\n## no") })],
    draws: [RTL, ZERO_WIDTH, "@maintainer", "a|b", "`<img src=x>`\n# x", "ghp_0123456789abcdefghijABCDEFGHIJ012345"].map(
      (login, at) =>
        draw(LAST_TUESDAY, 1, { credential: CredentialName("`](https://evil.example) | @ada\n## no"), by: { id: ActorId(90 + at), login } }),
    ),
  }),
}; // prettier-ignore

describe("the receipt for who lends a seat", () => {
  it.each(Object.entries(CASES))("%s: is what the golden file holds", (name, given) => {
    const rendered = `${renderReceipt(receiptOf(given), name === "in-public")}\n`;

    expect(rendered).toBe(golden(join(GOLDEN, `${name}.md`), rendered));
  });

  it("has no golden file that no case makes", () => {
    const files = readdirSync(GOLDEN).map((file) => file.replace(/\.md$/, ""));

    expect(files.toSorted()).toEqual(Object.keys(CASES).toSorted());
  });

  it("mentions nobody, links nowhere and keeps no secret, whatever people and seats are called", () => {
    const rendered = renderReceipt(receiptOf(CASES["hostile-names"]!), false);
    // GitHub mentions nobody within code.
    const outside = rendered.replace(/`[^`\n]*`/g, "");

    expect(outside).not.toMatch(/@|https?:|[<>]b|img/);
    expect(rendered).not.toMatch(/[\u200B\u202C\u202E\u2060]|ghp_/);
    for (const line of rendered.split("\n").filter((each) => each.startsWith("|")))
      expect(line.match(/(?<!\\)\|/g)).toHaveLength(4);
  });

  it("counts a task once that several runs have worked on, and people by their id", () => {
    const task = TaskId("one");
    const renamed = { id: BOB.id, login: "bob-new" };
    const { weeks } = receiptOf(
      facts({ draws: [draw(LAST_TUESDAY, 1, { task }), draw(LAST_TUESDAY + 1, 1, { task, by: renamed })] }),
    ).seats[0]!;

    expect(weeks[0]).toMatchObject({ tasks: 1, people: [{ login: "bob-new", tasks: 1 }], listed: 2e6 });
  });

  it("tells the two weeks of Monday apart to the millisecond", () => {
    const { weeks } = receiptOf(facts({ draws: [draw(MONDAY - 1, 1), draw(MONDAY, 2)] })).seats[0]!;

    expect(weeks.map(({ listed }) => listed)).toEqual([1e6, 2e6]);
  });

  it("shows a seat that was taken back beside another only while its weeks are told of", () => {
    const other = seat({ name: CredentialName("ada-work"), state: "taken-back" });
    const names = (given: ReceiptFacts) => receiptOf(given).seats.map(({ name }) => name);
    const was = draw(LAST_TUESDAY, 1, { credential: CredentialName("ada-work") });

    expect(names(facts({ seats: [seat(), other], draws: [was] }))).toEqual(["ada-max", "ada-work"]);
    expect(names(facts({ seats: [seat(), other] }))).toEqual(["ada-max"]);
    expect(names(facts({ seats: [other] }))).toEqual(["ada-work"]);
  });
});

describe("what is kept for the owner", () => {
  const reserveOf = (given: ReceiptFacts): Reserve | undefined =>
    receiptOf(given).seats[0]?.weeks[0].windows.find(({ window }) => window === "five-hour")?.reserve;
  const five = (share: number, resetsInMs = 3 * HOUR_MS) => seen(reading("five-hour", share, resetsInMs));
  const unsized = seat({ windows: [] });

  it.each<[string, ReceiptFacts, Reserve]>([
    ["nobody was served", facts(), "untouched"],
    ["the window never came so far, whatever its size", facts({ seats: [unsized], draws: [draw(LAST_TUESDAY, 8, { seen: five(0.6) })] }), "untouched"],
    ["it came further, and no size is known", facts({ seats: [unsized], draws: [draw(LAST_TUESDAY, 8, { seen: five(0.61) })] }), "unknown"],
    ["it came further by the owner's use: others took less than is theirs", facts({ draws: [draw(LAST_TUESDAY, 8, { seen: five(0.95) })] }), "untouched"],
    ["others took more than is theirs", facts({ draws: [draw(LAST_TUESDAY, 13, { seen: five(0.95) })] }), "touched"],
    ["they did so, of a size that is hardly known", facts({ seats: [seat({ windows: [{ name: "five-hour", model: null, capacity: sized(20e6, 0.9) }] })], draws: [draw(LAST_TUESDAY, 13, { seen: five(0.95) })] }), "unknown"],
    ["a run saw nothing, and no size is known", facts({ seats: [unsized], draws: [draw(LAST_TUESDAY, 1, { seen: five(0.1) }), draw(LAST_TUESDAY + 1, 1)] }), "unknown"],
    ["a run saw nothing, and the size says that it was little", facts({ draws: [draw(LAST_TUESDAY, 1)] }), "untouched"],
    ["they took as much in two windows", facts({ draws: [draw(LAST_TUESDAY, 8, { seen: five(0.9, HOUR_MS) }), draw(LAST_TUESDAY + 2 * HOUR_MS, 8, { seen: five(0.9) })] }), "untouched"],
    ["the owner's own task took it", facts({ draws: [draw(LAST_TUESDAY, 19, { by: ADA, seen: five(0.95) })] }), "untouched"],
    ["the owner's own task on standby took it", facts({ draws: [draw(LAST_TUESDAY, 19, { by: ADA, standby: true, seen: five(0.95) })] }), "touched"],
    ["another seat of the account took it", facts({ seats: [seat(), seat({ name: CredentialName("ada-two") })], draws: [draw(LAST_TUESDAY, 7, { seen: five(0.7) }), draw(LAST_TUESDAY + 1, 7, { credential: CredentialName("ada-two"), seen: five(0.8) })] }), "touched"],
    ["nothing is kept", facts({ seats: [seat({ keepForOwner: 0 })], draws: [draw(LAST_TUESDAY, 19, { seen: five(1) })] }), "none-kept"],
    ["the policy has no such seat any more", facts({ seats: [seat({ keepForOwner: null })], draws: [draw(LAST_TUESDAY, 1, { seen: five(0.1) })] }), "unknown"],
  ])("where %s", (_when, given, expected) => {
    expect(reserveOf(given)).toBe(expected);
  }); // prettier-ignore
});

describe("its figures", () => {
  const anyDraw = fc
    .record({
      at: fc.integer({ min: sinceOfReceipt(NOW), max: NOW }),
      listed: fc.integer({ min: 0, max: 30e6 }),
      credential: fc.constantFrom("ada-max", "ada-work"),
      task: fc.integer({ min: 0, max: 20 }),
      by: fc.constantFrom(ADA, BOB, CY, null),
      standby: fc.boolean(),
      share: fc.option(fc.double({ min: 0, max: 1.2, noNaN: true })),
      resetsInMs: fc.option(fc.integer({ min: 0, max: 5 * HOUR_MS })),
    })
    .map(({ at, listed, credential, task, share, resetsInMs, ...rest }) =>
      draw(at, listed / 1e6, {
        ...rest,
        credential: CredentialName(credential),
        task: TaskId(`t${String(task)}`),
        seen: share === null ? null : { ageMs: 0, readings: [{ ...reading("five-hour", share, 0), resetsInMs }] },
      }),
    );
  const anyReceipt = fc.array(anyDraw, { maxLength: 40 }).map((draws) => {
    const seats = [seat(), seat({ name: CredentialName("ada-work"), keepForOwner: 0.1 })];
    return { draws, receipt: receiptOf(facts({ seats, draws })) };
  });
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const weeksOf = (receipt: Receipt) => receipt.seats.flatMap(({ weeks }) => weeks);

  it("sum up to the ledger of the two weeks, standby to what of it was on standby", () => {
    fc.assert(
      fc.property(anyReceipt, ({ draws, receipt }) => {
        const told = draws.filter(({ at }) => at >= MONDAY - 7 * DAY_MS);
        expect(sum(weeksOf(receipt).map(({ listed }) => listed))).toBe(sum(told.map(({ listed }) => listed)));
        const standby = told.filter((each) => each.standby);
        expect(sum(weeksOf(receipt).map((week) => week.standby))).toBe(sum(standby.map(({ listed }) => listed)));
      }),
    );
  });

  it("never say that less was used than a week's tasks have, nor that a window was touched that nobody else used", () => {
    fc.assert(
      fc.property(anyReceipt, ({ draws, receipt }) => {
        for (const week of weeksOf(receipt)) {
          expect(sum(week.people.map(({ tasks: count }) => count))).toBeGreaterThanOrEqual(week.tasks);
          expect(week.standby).toBeLessThanOrEqual(week.listed);
          const others = draws.some((each) => (each.by !== ADA || each.standby) && each.at >= week.start && each.at < week.end);
          if (!others) expect(week.windows.map(({ reserve }) => reserve)).not.toContain("touched");
        }
      }),
    );
  });

  it("come out the same in whatever order the ledger is read", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyDraw, { selector: ({ at }) => at, maxLength: 15 }), (draws) => {
        const seats = [seat(), seat({ name: CredentialName("ada-work") })];
        const told = renderReceipt(receiptOf(facts({ seats, draws })), false);
        expect(renderReceipt(receiptOf(facts({ seats, draws: draws.toReversed() })), false)).toBe(told);
      }),
    );
  });
});

describe("the issue for receipts", () => {
  it("is found again by its marker, and is none of the comments that show a task", () => {
    for (const marker of [RECEIPTS_MARKER, receiptMarker(ADA.id)]) expect(parseCommentMarker(marker)).toBeUndefined();
    expect(receiptMarker(ActorId(4)).startsWith(receiptMarker(ADA.id))).toBe(false);
    expect(`${receiptMarker(ADA.id)}\nx`.startsWith(receiptMarker(ActorId(4)))).toBe(false);
    expect(RECEIPTS_ISSUE.body).toContain("no label and no command starts work on it");
  });
});
