import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { bindStore } from "#adapters/store/store.ts";
import { blocked } from "../kit/outcomes.ts";
import { makeBrief, makePlanRow, makePolicy, settlementOf } from "../kit/briefs.ts";
import { checkBooks, findViolations } from "../kit/invariants.ts";
import { connectFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);

/** A row of `table` once more, with some columns changed. */
const again = (table: string, where: string, changed: object) =>
  `insert into ${table} overriding system value select (jsonb_populate_record(${table}, '${JSON.stringify(changed)}')).* from ${table} where ${where};`;

describe("the check that runs after every test of the store", () => {
  let connection: Connection;
  /** One task an issue: 1 runs, 2 is judged, 3 has ended, 4 waits for a runner, 5 for its grant. */
  beforeAll(async () => {
    connection = await connectFresh();
    await migrate(connection.db);
    const store = bindStore(connection);
    await sql`
      insert into allowances (owner_id, upstream, name, model, share, observed_at, published)
      values (10, 'credential:one', 'week', '', 0.1, 1, 1000000000)`.execute(connection.db);
    await sql`insert into cooldowns values (10, 'credential:two', '', 1, 2)`.execute(connection.db);
    for (let issue = 1; issue <= 5; issue += 1) {
      await store.openTask(TaskId(randomUUID()), makeBrief(issue), DeliveryId(randomUUID()));
      await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
      if (issue === 5) break;
      await store.admit(OWNER, makePolicy(["one"]), pick);
      const task = (await store.claimTask())!;
      const { id } = (await store.readLeases(task.id))[0]!;
      await store.advance(task, "dispatch", { dueInMs: null });
      if (issue === 4) continue;
      await store.claimLease(id, RunId(issue), "check", "hash");
      if (issue === 1) continue;
      await store.settle(id, blocked(), "h", settlementOf(7, 6_000));
      const judged = (await store.claimTask())!;
      if (issue === 2) await store.rest(judged, null);
      else await store.advance(judged, "reject", {}, { lease: id, verdict: { verdict: "failed", why: null } });
    }
  });
  afterAll(() => connection.close());

  it("finds nothing in a store in which a task stands at each step", async () => {
    const states = await connection.db.selectFrom("tasks").select("state").orderBy("issue_number").execute();

    expect(states.map(({ state }) => state)).toEqual(["running", "judging", "unsolved", "awaiting", "queued"]);
    expect(await findViolations(connection.db)).toEqual([]);
  });

  const HELD = "(select id from leases where state = 'held' and fence = 1)";
  const SETTLED = "(select min(id) from leases where state = 'settled')";
  const NO_PLACE = "a task without what belongs to its state";
  const NOT_HELD = "a live lease that does not hold what it may spend";
  const WRONG_SUM = "a sum that is not the ledger's";
  const BELOW = "a negative amount";
  it.each<[string, string, string[]]>([
    [
      "a hold that outlived its lease",
      `insert into holds values (${SETTLED}, 10, 'usd:owner', 1);`,
      ["a hold without a live lease"],
    ],
    ...["owner", "team:everyone", "repository:20", "person:30", "credential:one"].map((subject): [string, string, string[]] => [
      `a lease that holds nothing of ${subject}`,
      `delete from holds where lease_id = ${HELD} and window_id = 'usd:${subject}';`,
      [NOT_HELD],
    ]),
    [
      "a lease that holds another credential's money",
      `update holds set window_id = 'usd:credential:two' where lease_id = ${HELD} and window_id = 'usd:credential:one';`,
      [NOT_HELD, NOT_HELD],
    ],
    [
      "a lease that holds another owner's money",
      `update holds set owner_id = 11 where lease_id = ${HELD} and window_id = 'usd:owner';`,
      [NOT_HELD, NOT_HELD],
    ],
    [
      "a lease that holds less than it may spend",
      `update holds set amount = amount - 1 where lease_id = ${HELD} and window_id = 'usd:owner';`,
      [NOT_HELD],
    ],
    [
      "a subscription's lease that holds its credential's money",
      `update leases set billed = false where id = ${HELD};`,
      // Its runner alone is reserved of what four others may spend.
      Array.from({ length: 5 }, () => NOT_HELD),
    ],
    [
      "a hold of another model's window",
      `update holds set window_id = 'window:week-model:claude-opus-5-5' where lease_id = ${HELD} and window_id = 'window:week';`,
      ["a hold of no window that is known"],
    ],
    [
      "a hold below zero",
      `alter table holds drop constraint holds_amount_check; update holds set amount = -1 where lease_id = ${HELD} and window_id = 'window:week';`,
      [BELOW],
    ],
    [
      "use below zero",
      `alter table leases drop constraint leases_used_check; update leases set used = -1 where id = ${HELD};`,
      [BELOW],
    ],
    ["a rest that ended before it began", "update cooldowns set until = 0;", [BELOW]],
    [
      "a window's use below zero",
      "alter table allowances drop constraint allowances_since_check; update allowances set since = -1;",
      [BELOW],
    ],
    ["a window's share below zero", "update allowances set share = -0.1;", [BELOW]],
    [
      "an upstream's use below zero",
      `alter table uses drop constraint uses_amount_check; update uses set amount = -1 where ctid = (select min(ctid) from uses);`,
      [BELOW],
    ],
    ["a team that was charged less than nothing", "update teams set pass = -1;", [BELOW]],
    ["a sum that is off by one", "update spend set amount = amount + 1 where subject = 'owner';", [WRONG_SUM]],
    ...["owner", "team:everyone", "repository:20", "person:30", "credential:one"].map((subject): [string, string, string[]] => [
      `a missing sum of ${subject}`,
      `delete from spend where subject = '${subject}';`,
      [WRONG_SUM],
    ]),
    ["a sum of nobody", "insert into spend values (10, 'person:31', 0, 0);", [WRONG_SUM]],
    [
      "a sum on another day than its entry's",
      `update ledger set at = at - 86400000 where lease_id = ${SETTLED} and kind = 'model';`,
      // The day before has an entry and no sum, the day itself a sum too large: of each of the five.
      Array.from({ length: 10 }, () => WRONG_SUM),
    ],
    [
      "an entry of another credential than its lease's",
      `update ledger set credential = 'two' where lease_id = ${SETTLED} and kind = 'runner';`,
      ["a ledger entry that is not its lease's"],
    ],
    [
      "money spent on what a subscription has paid",
      `update leases set billed = false where id = ${SETTLED};`,
      ["a ledger entry that is not its lease's"],
    ],
    [
      "a grant that its team was not charged with",
      "delete from teams;",
      Array.from({ length: 4 }, () => "a lease that was granted under no team or credential"),
    ],
    ["a running task whose lease is only offered", `update leases set state = 'offered' where id = ${HELD};`, [NO_PLACE]],
    ["a running task that has no lease", "update tasks set state = 'running' where state = 'judging';", [NO_PLACE]],
    ["a queued task that has a lease", "update tasks set state = 'judging' where state = 'awaiting';", [NO_PLACE]],
    [
      "a task with two live leases",
      again("leases", "state = 'held'", { id: "x", fence: 2, run_id: null }) +
        again("holds", `lease_id = ${HELD}`, { lease_id: "x" }) +
        again("decisions", `lease_id = ${HELD}`, { lease_id: "x", id: 99 }),
      [NO_PLACE],
    ],
    [
      "a queued task that pick would never see",
      "update tasks set queued_at = null where state = 'queued';",
      ["a queued task without a plan or its time"],
    ],
    [
      "two live tasks on one issue",
      `drop index tasks_live;${again("tasks", "state = 'queued'", { id: "x", delivery_id: "x" })}`,
      ["a live task that is not its comment's", "an issue with two live tasks"],
    ],
    [
      "two comments on one issue",
      `alter table comments drop constraint comments_repository_id_issue_number_key;${again("comments", "issue_number = 1", { id: "x" })}`,
      ["an issue with two comments"],
    ],
    [
      "a comment that shows an older task",
      "update comments set task_id = null where issue_number = 1;",
      ["a live task that is not its comment's"],
    ],
    ["a grant that nobody can explain", `delete from decisions where lease_id = ${HELD};`, ["a grant without its one decision"]],
    [
      "a grant that was decided twice",
      again("decisions", `lease_id = ${HELD}`, { id: 99 }),
      ["a grant without its one decision"],
    ],
    [
      "a task with two attempts at once",
      again("attempts", "task_id = (select id from tasks where state = 'running')", { id: "x", number: 2 }),
      ["a task with two open attempts"],
    ],
    [
      "an ended task whose attempt nobody judged",
      "update attempts set state = 'open' where task_id = (select id from tasks where state = 'unsolved');",
      ["an ended task with an open attempt"],
    ],
  ])("finds %s", async (_name, planted, broken) => {
    const tx = await connection.db.startTransaction().execute();
    try {
      for (const statement of planted.split(";").filter((text) => text !== "")) await sql.raw(statement).execute(tx);

      const found = await findViolations(tx);

      expect(found.map((violation) => violation.broken).toSorted()).toEqual(broken);
      await expect(checkBooks(tx)).rejects.toThrow(broken[0]!);
    } finally {
      await tx.rollback().execute();
    }
    await expect(checkBooks(connection.db)).resolves.toBeUndefined();
  });
});
