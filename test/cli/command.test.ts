import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Policy } from "#core/config/policy.ts";
import type { PoolSnapshot } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { routingReport } from "#core/plan/routing-report.ts";
import { reportOf } from "#core/pool/report.ts";
import { CredentialName, DeliveryId, LeaseId, OwnerId, TaskId } from "#core/wire/ids.ts";
import { err, ok } from "#core/wire/result.ts";
import { EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { readCommand, render } from "#cli/command.ts";
import { ask, askRunning, serveLocal } from "#cli/local.ts";
import { bar, span } from "#cli/text.ts";
import { createLog } from "#adapters/runtime/log.ts";
import { attempted, many, mergedAfter } from "../core/attempted.ts";
import { credential, snapshot, task } from "../core/pool-kit.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { openFresh } from "../kit/stores.ts";
import { openStore } from "#adapters/store/store.ts";

const NOW = EpochMs(Date.UTC(2026, 10, 25, 12));

/** One seat that is half used, one that rests, one of which nothing is known. */
function pool(): PoolSnapshot {
  const five = {
    name: "five-hour" as const,
    model: null,
    capacity: { value: 10_000_000, error: 0.1, hiddenPerMs: 0 },
    observed: { share: 0.5, at: EpochMs(NOW - 3 * MINUTE_MS) },
    resetsAt: EpochMs(NOW + 2 * HOUR_MS),
    own: 4_000_000,
    since: 0,
    held: 1_000_000,
  };
  return snapshot({
    now: NOW,
    queue: [task("t1", { estimate: { mean: 500_000, p90: 900_000, ms: MINUTE_MS, tokensPerMinute: 0 } })],
    credentials: [
      credential("ada-max", { upstream: "a", budgets: [], keepForOwner: 0.18, maxLive: 1 }),
      credential("bea-max", {
        upstream: "b",
        budgets: [],
        maxLive: 1,
        cooldowns: [{ model: null, until: EpochMs(NOW + HOUR_MS) }],
      }),
      credential("platform-api", { upstream: "c", quarantined: true }),
    ],
    upstreams: [{ id: "a", windows: [five] }],
    budgets: [
      {
        subject: { kind: "owner" },
        period: "month",
        capacity: MicroUsd(200_000_000),
        used: MicroUsd(50_000_000),
        held: MicroUsd(10_000_000),
        resetsAt: EpochMs(NOW + 5 * 24 * HOUR_MS),
      },
    ],
  });
}

const POOL = Policy.parse({
  version: 1,
  runner: "acme/agent-runner",
  budget: "$200/month",
  pool: [
    { name: "ada-max", provider: "anthropic", kind: "seat", owner: "ada" },
    { name: "bea-max", provider: "anthropic", kind: "seat", owner: "bea" },
    { name: "platform-api", provider: "anthropic" },
  ],
}).pool;
const MONTHS = new Map([
  ["ada-max", { spent: MicroUsd(0), listed: MicroUsd(12_300_000), standby: MicroUsd(2_500_000) }],
  ["platform-api", { spent: MicroUsd(4_500_000), listed: MicroUsd(4_500_000), standby: MicroUsd(0) }],
]);

describe("the command line", () => {
  it.each([
    [["pool"], ok({ what: "pool", of: undefined, json: false })],
    [["pool", "acme", "--json"], ok({ what: "pool", of: "acme", json: true })],
    [["why", "acme/web#7"], ok({ what: "why", of: "acme/web#7", json: false })],
    [["report", "routing"], ok({ what: "report", of: undefined, json: false })],
    [["report", "routing", "acme", "--json"], ok({ what: "report", of: "acme", json: true })],
    [["clear", "acme/ada-max"], ok({ what: "clear", of: "acme/ada-max", json: false })],
    [[], ok("help")],
    [["--help"], ok("help")],
  ])("reads %j", (args, asked) => {
    expect(readCommand(args)).toEqual(asked);
  });

  it.each([
    [["why"], /needs a task/],
    [["clear"], /needs a credential/],
    [["doctor"], /no command `doctor`.*--help/],
    [["pool", "a", "b"], /a word too many, `b`/],
    [["report"], /`report routing`/],
    [["report", "acme"], /`report routing`/],
    [["report", "routing", "a", "b"], /a word too many, `b`/],
    [["pool", "--jsn"], /'--jsn'.*--help/],
  ])("says in one line what is wrong with %j", (args, said) => {
    const read = readCommand(args);

    expect(read.ok ? "" : read.error).toMatch(said);
    expect(read.ok ? "" : read.error).not.toContain("\n");
  });
});

describe("agent-pool pool", () => {
  it("shows each credential with its windows, headroom, holds and rest, and each budget", () => {
    const asked = { what: "pool" as const, of: undefined, json: false };
    const text = render(asked, [{ owner: "acme", pool: reportOf(pool(), POOL, MONTHS) }]);

    expect(text).toMatch(
      /ada-max +0 of 1 jobs +headroom 28% +ada's seat, serves everyone +never drawn on, ≈ \$12\.30 at list price this month/,
    );
    expect(text).toMatch(
      /standby +saved ≈ \$2\.50 at list price(, \d+% of a week's window)? +which would have expired this month/,
    );
    expect(text.match(/saved ≈/g)).toHaveLength(1);
    expect(text).toMatch(
      /five-hour +█{10}▓{2}░{6}▒{2} +50% used, 10% held +observed 50% 3 min ago +≈ \$10\.00 ± 10%, resets in 2 h 0 min/,
    );
    expect(text).toMatch(/bea-max +cooling for 1 h 0 min/);
    expect(text).toMatch(/platform-api +key refused: replace it.*serves everyone.*\$4\.50 this month/);
    expect(text).toMatch(/owner\/month +█{5}▓░+ +\$50\.00 used, \$10\.00 held of \$200\.00 +resets in 5 days/);
  });

  it("gives no headroom to an account whose window of unknown size is beyond half, and the short window first", () => {
    const unsized = { model: null, capacity: null, own: 0, since: 0, held: 0, resetsAt: EpochMs(NOW + HOUR_MS) };
    const windows = [
      { ...unsized, name: "week" as const, observed: { share: 0.2, at: NOW } },
      { ...unsized, name: "five-hour" as const, observed: { share: 0.7, at: NOW } },
    ];
    const state = snapshot({ now: NOW, credentials: [credential("a")], upstreams: [{ id: "a", windows }], queue: [] });

    const [first] = reportOf(state, [], new Map()).credentials;

    expect(first?.headroom).toBe(0);
    expect(first?.windows.map(({ window }) => window)).toEqual(["five-hour", "week"]);
  });

  it("says of an owner's broken policy what is wrong with it", () => {
    const refused = { reason: "too-big" as const };
    const text = render({ what: "pool", of: undefined, json: false }, [{ owner: "acme", pool: { refused } }]);

    expect(text).toContain("too big");
  });
});

describe("agent-pool clear", () => {
  const asked = { what: "clear" as const, of: "ada-max", json: false };

  it.each([
    [{ refusals: 2, rests: 0, windows: 0 }, "ended the doubt about its key (refused 2 times)"],
    [{ refusals: 0, rests: 1, windows: 0 }, "ended its account's rest"],
    [{ refusals: 0, rests: 1, windows: 2 }, "ended its account's rest, what was known of 2 full windows"],
    [{ refusals: 0, rests: 0, windows: 0 }, "it neither rested nor had its key refused"],
  ])("says of %j what it ended", (cleared, said) => {
    const text = render(asked, { ...cleared, owner: "acme", credential: "ada-max" });

    expect(text).toBe(`acme/ada-max: ${said}; tasks that wait are looked at again.\n`);
  });

  it("asks whose it is where two owners have a credential of that name", async () => {
    const { store } = await openFresh("PGlite");
    for (const [id, login] of [
      [10, "acme"],
      [11, "other"],
    ] as const) {
      await store.openTask(TaskId(`t${String(id)}`), makeBrief(id, { owner: { id: OwnerId(id), login } }), DeliveryId(login));
      const text = `version: 1\npool: [{ name: key, provider: anthropic }]\nrunner: ${login}/agent-runner\nbudget: $200/month\n`;
      await store.recordPolicy(OwnerId(id), { text, commit: "c".repeat(40), readAt: EpochMs(1) });
    }

    expect(await ask(store, "clear", "key")).toEqual(err("several owners have a credential key: say which, as in acme/key"));
    expect(await ask(store, "clear", "other/key")).toEqual(
      ok({ owner: "other", credential: "key", refusals: 0, rests: 0, windows: 0 }),
    );
    expect(await ask(store, "clear", "acme/none")).toEqual(
      err("no policy that could be read names a credential acme/none; `agent-pool pool` shows what there is"),
    );
    await store.close();
  });
});

describe("agent-pool report routing", () => {
  const asked = { what: "report" as const, of: undefined, json: false };

  it("shows each route's record, how well chances were predicted, and what might have been", () => {
    const pull = { fate: mergedAfter(2, 1), reverted: false, followUps: MicroUsd(0) };
    const light = many(10, (at) => attempted("light", { chance: 0.75, worth: MicroUsd(5_000_000), verified: at < 8, pull }), "a");
    const frontier = attempted("frontier", { repository: "api", pull: { fate: null, reverted: true, followUps: MicroUsd(0) } });

    const text = render(asked, [{ owner: "acme", routing: routingReport([...light, frontier]) }]);

    expect(text).toContain("acme\n11 tasks and 11 attempts of the last 180 days");
    expect(text).toMatch(
      /web {2}claude-code claude-haiku-5-5 +8 of 10 +10 merged of 10 +\$1\.00 \(10\) +1\.0 \(10\) +2 h 0 min \(10\)/,
    );
    expect(text).toMatch(/api {2}claude-code claude-opus-5-5 +1 of 1 +0 merged, 1 reverted of 1 +too few \(0\)/);
    expect(text).toMatch(/Brier score 0\.163 \(10\); always saying the mean would score 0\.160 \(10\)/);
    expect(text).toMatch(/predicted 75% +came 80% +10 attempts/);
    expect(text).toMatch(/what was done +82% \(11\) +\$1\.00 \(11\)\n/);
    expect(text).toMatch(/always light +≈ 80% \(10\) +≈ \$1\.00 \(10\) +≈ −\$0\.0909 \(10\)/);
    expect(text).toMatch(/always frontier +too few \(1\)/);
  });

  it("says that nothing has ended yet, and of whom nothing is known", async () => {
    const { store } = await openFresh("PGlite");
    await store.recordPolicy(OwnerId(10), { text: "", commit: "c".repeat(40), readAt: EpochMs(1) });
    await store.openTask(TaskId("t1"), makeBrief(7), DeliveryId("d"));

    const answer = await ask(store, "report", "acme");

    expect(answer.ok ? render(asked, answer.value) : "").toBe("acme\nNo attempt has ended in the last 180 days.\n");
    expect(await ask(store, "report", "acmee")).toEqual(err("there is no owner acmee here; there is acme"));
    await store.close();
  });
});

describe("agent-pool why", () => {
  it("shows every candidate of a decision with its score, or why not", () => {
    const decision = pick(pool());
    const kept = { lease: LeaseId("l"), credential: CredentialName("ada-max"), at: NOW, record: decision.record };
    const explained = { task: TaskId("t1"), state: "running", failure: null, waiting: null, decisions: [kept] };
    const text = render({ what: "why", of: "t1", json: false }, explained);

    expect(decision).toMatchObject({ kind: "grant", credential: "ada-max" });
    expect(text).toMatch(
      /2026-11-25T12:00:00.000Z {2}ada-max, by paced, policy at c{7}, 1 waiting; the lowest score is drawn on/,
    );
    expect(text).toMatch(/ada-max +can serve, score -?\d\.\d{4}/);
    expect(text).toMatch(/bea-max +resting after a provider's limit, for 1 h 0 min/);
    expect(text).toMatch(/platform-api +set aside, the key was refused/);
  });
});

describe("agent-pool why, of a task that waits or has ended", () => {
  it("shows what stands in its way by now, and why it was refused", async () => {
    const { store } = await openFresh("PGlite");
    const text =
      "version: 1\npool: [{ name: ada-max, provider: anthropic, kind: seat, owner: ada }, { name: key, provider: anthropic, budget: $1/month }]\nrunner: acme/agent-runner\nbudget: $200/month\n";
    await store.recordPolicy(OwnerId(10), { text, commit: "c".repeat(40), readAt: EpochMs(1) });
    await store.openTask(TaskId("t1"), makeBrief(7), DeliveryId("d"));
    await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });

    const waits = await ask(store, "why", "acme/web#7");
    await store.refuseQueued(OwnerId(10), { reason: "never-fits", why: "too-large" });
    const ended = await ask(store, "why", "t1");

    const asked = { what: "why" as const, of: "t1", json: false };
    const said = waits.ok ? render(asked, waits.value) : "";
    expect(said).toMatch(/task t1, queued\n\nwaiting, number 1 in the queue\n/);
    expect(said).toMatch(/ada-max +another person's seat/);
    expect(said).toMatch(/key +without room in a budget \(credential:key\/month\), for \d+/);
    expect(ended.ok ? render(asked, ended.value) : "").toContain(
      "expected to use more than any credential's window or budget holds",
    );
    await store.close();
  });

  it("names the owners that there are where it knows none of that name", async () => {
    const { store } = await openFresh("PGlite");
    expect(await ask(store, "pool", "acme")).toEqual(err("there is no owner acme here; none is known yet: label an issue first"));
    await store.recordPolicy(OwnerId(10), { text: "", commit: "c".repeat(40), readAt: EpochMs(1) });
    await store.openTask(TaskId("t1"), makeBrief(7), DeliveryId("d"));

    expect(await ask(store, "pool", "acmee")).toEqual(err("there is no owner acmee here; there is acme"));
    await store.close();
  });
});

describe("the command and the store", () => {
  it("is answered by the process that has the embedded store open, to its own user alone", async () => {
    const directory = mkdtempSync(join(tmpdir(), "agent-pool-cli-"));
    const store = await openStore({ directory });
    const serving = await serveLocal(store, createLog("silent"), directory);

    const pools = await askRunning(directory, "pool", undefined);
    const unknown = await askRunning(directory, "why", "nothing#1");
    const nobody = await askRunning(directory, "clear", "ada-max");
    const nonsense = await askRunning(directory, "drop", "tables");
    const malformed = await askRunning(directory, "/", undefined);

    expect(pools).toEqual(ok([]));
    expect(unknown).toEqual(err("there is no task nothing#1; give its id, or owner/repository#issue"));
    expect(nobody).toEqual(err("no policy that could be read names a credential ada-max; `agent-pool pool` shows what there is"));
    expect(malformed).toEqual(err("the app could not answer; its log says why"));
    expect(nonsense).toEqual(err("unknown question"));
    expect(statSync(join(directory, "command.sock")).mode & 0o777).toBe(0o600);
    await serving[Symbol.asyncDispose]();
    await store.close();
    expect(await askRunning(directory, "pool", undefined)).toBeUndefined();
  });

  it("knows an owner's pool by the policy that was read last", async () => {
    const { store } = await openFresh("PGlite");
    const text =
      "version: 1\npool: [{ name: platform-api, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n";
    await store.recordPolicy(OwnerId(10), { text, commit: "c".repeat(40), readAt: EpochMs(1) });

    expect(await ask(store, "pool", undefined)).toMatchObject({ ok: true, value: [] });
    await store.close();
  });
});

describe("what is printed", () => {
  it("draws unknown as neither empty nor full", () => {
    expect(bar(null, null, 0)).toBe("····················");
    expect(bar(0, 0, 0)).toBe("░░░░░░░░░░░░░░░░░░░░");
    expect(bar(1.2, 0.5, 0.5)).toBe("████████████████████");
  });

  it.each([
    [30_000, "30 s"],
    [90_000, "2 min"],
    [5 * HOUR_MS - 1, "5 h 0 min"],
    [3 * HOUR_MS + 20 * MINUTE_MS, "3 h 20 min"],
    [72 * HOUR_MS, "3 days"],
  ])("says %i ms as %s", (ms, text) => {
    expect(span(ms)).toBe(text);
  });
});
