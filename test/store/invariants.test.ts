import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { NO_USAGE } from "#core/wire/contract.ts";
import { DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { connectEmbedded, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { bindStore } from "#adapters/store/store.ts";
import { makeBrief, makePlanRow, makePolicy } from "../kit/briefs.ts";
import { checkBooks, findViolations } from "../kit/invariants.ts";

const OWNER = OwnerId(10);

/** A row of `table` once more, with some columns changed. */
const again = (table: string, where: string, changed: object) =>
  `insert into ${table} overriding system value select (jsonb_populate_record(${table}, '${JSON.stringify(changed)}')).* from ${table} where ${where};`;

describe("the check that runs after every test of the store", () => {
  let connection: Connection;
  /** One task an issue: 1 runs, 2 is judged, 3 has ended, 4 waits for a runner, 5 for its grant. */
  beforeAll(async () => {
    connection = await connectEmbedded(":memory:");
    await migrate(connection.db);
    const store = bindStore(connection);
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
      await store.settle(id, { kind: "blocked", contract: 1, reason: "internal", detail: "", usage: NO_USAGE, ms: 1 }, "h", [
        { kind: "model", amount: MicroUsd(7), detail: {} },
        { kind: "runner", amount: MicroUsd(6_000), detail: {} },
      ]);
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
  it.each<[string, string, string[]]>([
    [
      "a hold that outlived its lease",
      `insert into holds values (${SETTLED}, 10, 'owner/usd-month', 1);`,
      ["a hold without a live lease"],
    ],
    [
      "a lease that holds nothing of its credential",
      `delete from holds where lease_id = ${HELD} and window_id <> 'owner/usd-month';`,
      ["a live lease without its two holds"],
    ],
    [
      "a lease that holds another credential's money",
      `update holds set window_id = 'credential:two/usd-month' where lease_id = ${HELD} and window_id <> 'owner/usd-month';`,
      ["a live lease without its two holds"],
    ],
    [
      "an amount below zero",
      `alter table holds drop constraint holds_amount_check; update holds set amount = -1 where lease_id = ${HELD};`,
      ["a negative amount", "a negative amount"],
    ],
    [
      "a sum that is off by one",
      "update spend set amount = amount + 1 where window_id = 'owner/usd-month';",
      ["a sum that is not the ledger's"],
    ],
    ["a sum that is missing", "delete from spend where window_id <> 'owner/usd-month';", ["a sum that is not the ledger's"]],
    [
      "a sum in another month than its entry's",
      `update ledger set at = at - ${String(32 * 86_400_000)} where lease_id = ${SETTLED} and kind = 'runner';`,
      ["a sum that is not the ledger's", "a sum that is not the ledger's"],
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
