import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { heartbeat } from "#app/outcome.ts";
import { OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { GitHub } from "#ports/github.ts";
import { makeBrief } from "../kit/briefs.ts";
import { openDesk, underPolicy, type Desk } from "../kit/desk.ts";
import { beat, ran } from "../kit/outcomes.ts";

const POLICY = `version: 1
pool:
  - { name: ada-max, provider: anthropic, kind: seat, owner: maintainer }
runner: acme/agent-runner
budget: $200/month
`;
const KEYS = "version: 1\npool: [{ name: key, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n";
const STOPPED = ran({ ending: { kind: "crashed", detail: "The job was stopped from outside.", turns: 3, finalMessage: null } });

describe("work on standby", () => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await openDesk();
  });
  beforeEach(() => desk.clear());
  afterAll(() => desk.close());

  /** All that the issue's comment has said. */
  function gitHub(policy = POLICY, answers: Partial<GitHub> = {}) {
    const said: string[] = [];
    const github = underPolicy(policy, {
      createComment: (_place, _issue, body) => {
        said.push(body);
        return Promise.resolve({ ok: true, value: 70 });
      },
      updateComment: (_place, _id, body) => {
        said.push(body);
        return Promise.resolve({ ok: true, value: undefined });
      },
      ...answers,
    });
    return { github, said };
  }

  /** Hardly anything of the seat's windows is used, which end in four hours and in a day. */
  async function seen() {
    for (const [name, size, lastsMs] of [
      ["five-hour", 20e6, 4 * HOUR_MS],
      ["week", 200e6, DAY_MS],
    ] as const)
      await sql`
        insert into allowances (owner_id, upstream, name, model, share, observed_at, resets_at, published)
        select 10, 'credential:ada-max', ${name}, '', 0.1, now_ms, now_ms + ${lastsMs}::bigint, ${size}
        from (select (extract(epoch from now()) * 1000)::bigint as now_ms) as clock`.execute(desk.db);
  }

  const ask = (github: GitHub, issue: number, standby: boolean) => {
    const labels = [standby ? "agent:whenever" : "agent"];
    const brief = makeBrief(issue);
    return desk.say(github, null, { issue: { ...brief.issue, labels }, ...(standby ? { standby: true } : {}) });
  };
  const taskOf = (issue: number) => desk.store.findNewest({ owner: OwnerId(10), repository: RepositoryId(20), issue });
  const stateOf = async (issue: number) => (await taskOf(issue))?.state;
  /** Everything that waits for a time is looked at again. */
  async function goOn(github: GitHub) {
    await desk.passTime();
    await desk.settle(github);
  }

  it("waits and says why, until something is forecast to be lost", async () => {
    const { github, said } = gitHub();

    await ask(github, 1, true);
    const waiting = said.at(-1);
    await seen();
    await goOn(github);

    expect(waiting).toContain("**agent-pool** · on standby; it starts by itself");
    expect(waiting).toContain("after all other work");
    expect(waiting).toContain("1 forecast to lose nothing unused");
    expect(await stateOf(1)).toBe("awaiting");
  });

  it("names the end of the next window, and how to have it done at once", async () => {
    const { github, said } = gitHub();
    await seen();
    await sql`update allowances set share = 0.979`.execute(desk.db);

    await ask(github, 1, true);

    expect(said.at(-1)).toMatch(/The next window ends at \d{4}-\d\d-\d\d \d\d:\d\d UTC\./);
    await sql`update allowances set share = 0.5 where name = 'five-hour'`.execute(desk.db);
    expect(await desk.say(github, "/agent use light")).toBe("its task is planned anew");
    expect((await desk.newest())?.plan?.asker.standby).toBeUndefined();
  });

  it("starts nothing where no seat could serve it", async () => {
    const { github, said } = gitHub(KEYS);

    await ask(github, 1, true);

    expect((await desk.newest())?.failure).toEqual({ reason: "never-fits", why: "no-seat" });
    expect(said.at(-1)).toContain("set the label `agent`");
  });

  it("stops for other work, goes back to the queue with what it had, and ends when there is room again", async () => {
    const { github } = gitHub();
    await seen();
    await ask(github, 1, true);
    const first = (await desk.leases()).at(-1)!;
    await desk.store.claimLease(first.id, first.run!, "check", "hash");
    const beats = async () => {
      const lease = await desk.store.readLease(first.id);
      return heartbeat(desk.depsOf(github), lease!, beat());
    };

    expect(await beats()).toEqual({ ok: true, value: { stop: false } });
    await ask(github, 2, false);
    expect(await beats()).toEqual({ ok: true, value: { stop: true } });
    expect(github.asked).not.toContain("cancelRun");
    await desk.work(STOPPED);
    await goOn(github);

    expect([await stateOf(1), await stateOf(2)]).toEqual(["queued", "awaiting"]);
    expect((await desk.leases()).map(({ attempt }) => attempt.verdict)).toEqual([null]);
    const other = (await desk.store.readLeases((await taskOf(2))!.id)).at(-1)!;
    await desk.store.withdrawLease(other.id);
    await sql`update tasks set state = 'cancelled', due_at = null where issue_number = 2`.execute(desk.db);
    await sql`update leases set state = 'lost' where id = ${other.id}`.execute(desk.db);
    await sql`update owners set due_at = 0`.execute(desk.db);
    await goOn(github);
    const [before, then] = await desk.leases();
    expect([before?.attempt.number, then?.attempt.number, then?.fence]).toEqual([1, 1, 2]);
    expect(await stateOf(1)).toBe("awaiting");
  });

  it("goes back to the queue as well where it was to stop, and its run ends unheard", async () => {
    const { github } = gitHub(POLICY, {
      readRun: (_installation, _runner, run) => {
        const ended = { id: run, url: "https://github.test/runs/1", status: "completed", conclusion: "cancelled" } as const;
        return Promise.resolve({ ok: true, value: ended });
      },
    });
    await seen();
    await ask(github, 1, true);
    const lease = (await desk.leases()).at(-1)!;
    await desk.store.claimLease(lease.id, lease.run!, "check", "hash");
    await desk.store.noteLease(lease.id, { why: "gave-way" });

    await desk.passTime(10 * MINUTE_MS);
    await desk.settle(github);

    const runs = await desk.leases();
    expect(runs.map(({ state, attempt }) => [state, attempt.number, attempt.verdict])).toEqual([
      ["lost", 1, null],
      ["offered", 1, null],
    ]);
    expect(await stateOf(1)).toBe("awaiting");
  });

  it("gives way as often as it must: that uses none of its moves", async () => {
    const { github } = gitHub(`${POLICY}task: { moves: 0 }\n`);
    await seen();
    await ask(github, 1, true);
    for (const round of [1, 2]) {
      const lease = (await desk.leases()).at(-1)!;
      await desk.store.claimLease(lease.id, lease.run!, "check", "hash");
      await desk.store.noteLease(lease.id, { why: "gave-way" });
      await desk.work(STOPPED);
      await goOn(github);
      expect([round, await stateOf(1)]).toEqual([round, "awaiting"]);
    }
  });

  it("ends as it would have where it had come to its end by itself", async () => {
    const { github } = gitHub();
    await seen();
    await ask(github, 1, true);
    const lease = (await desk.leases()).at(-1)!;
    await desk.store.claimLease(lease.id, lease.run!, "check", "hash");
    await desk.store.noteLease(lease.id, { why: "gave-way" });

    await desk.work(ran({ changes: [{ status: "deleted", path: "a.txt" }] }));
    await goOn(github);

    expect(await stateOf(1)).toBe("solved");
  });

  it("takes its offer back where no runner has taken it, and cancels that run", async () => {
    const { github, said } = gitHub();
    await seen();
    await ask(github, 1, true);

    await ask(github, 2, false);
    await goOn(github);

    expect(github.asked).toContain("cancelRun");
    expect([await stateOf(1), await stateOf(2)]).toEqual(["queued", "awaiting"]);
    expect(said.join("\n")).toContain("gave way to other work");
  });

  it("is taken back by taking its label off, and not by another one", async () => {
    const { github } = gitHub();
    await seen();
    await ask(github, 1, true);
    const off = (standby: boolean) =>
      desk.hear(github, { kind: "unlabeled", brief: makeBrief(1, standby ? { standby: true } : {}) });

    expect(await off(false)).toBe("its task was asked for by another label");
    expect(await off(true)).toBe("its task ends");
    await desk.passTime(MINUTE_MS);
    await desk.settle(github);
    expect(await stateOf(1)).toBe("cancelled");
  });

  it("is on standby again after `/agent retry`", async () => {
    const { github } = gitHub(KEYS);
    await ask(github, 1, true);

    await desk.say(github, "/agent retry");

    expect((await desk.newest())?.brief.standby).toBe(true);
  });
});
