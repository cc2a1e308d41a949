import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { DeliveryId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import type { Outcome } from "#core/wire/contract.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Notice } from "#core/task/notice.ts";
import { migrate } from "#adapters/store/migrations.ts";
import type { Schema } from "#adapters/store/schema.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { Deps } from "#app/deps.ts";
import { report } from "#app/outcome.ts";
import { workOnce } from "#app/worker.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import type { GitHub } from "#ports/github.ts";
import type { LeaseRow, Store, TaskRow } from "#ports/store.ts";
import { makeBrief } from "./briefs.ts";
import { fakeGitHub } from "./fake-github.ts";
import { makeRuntime } from "./runtime.ts";
import { connectFresh } from "./stores.ts";

/** The app without processes: its worker, on a store in memory, before whatever GitHub a test hands it. All is of issue 1 in acme/web. */
export type Desk = {
  readonly db: Kysely<Schema>;
  readonly store: Store;
  depsOf(github: GitHub): Deps;
  /** Works until nothing is due. */
  settle(github: GitHub): Promise<void>;
  /** Everything that waits for a time becomes due; leases are as much older. */
  passTime(ms?: number): Promise<void>;
  /** Told by GitHub and worked off; the note it was finished with, null while it waits. */
  hear(github: GitHub, event: DeliveryEvent): Promise<string | null>;
  /** The label (null) or a comment, by whom `brief` says. */
  say(github: GitHub, comment: string | null, brief?: Partial<Brief>): Promise<string | null>;
  newest(): Promise<TaskRow | undefined>;
  /** Of the newest task. */
  leases(): Promise<readonly LeaseRow[]>;
  /** The newest task's last run claims its lease, and reports. */
  work(outcome: Outcome): Promise<void>;
  /** What the issue's comment says beside a task. */
  notice(): Promise<Notice | null>;
  /** As new. */
  clear(): Promise<void>;
  close(): Promise<void>;
};

const TABLES = ["decisions", "credentials", "consents", "receipt_comments", "receipts", "cooldowns", "allowances", "uses", "teams", "seen", "spend", "ledger", "holds", "leases", "attempts", "comments", "tasks", "owners", "deliveries"]; // prettier-ignore

export async function openDesk(): Promise<Desk> {
  const connection = await connectFresh();
  const { db } = connection;
  await migrate(db);
  const store = bindStore(connection);
  const desk: Desk = {
    db,
    store,
    depsOf: (github) => ({
      store,
      github,
      runtime: makeRuntime(),
    }),
    async settle(github) {
      for (let rounds = 0; rounds < 200; rounds += 1) if (!(await workOnce(desk.depsOf(github)))) return;
      throw new Error("the worker never comes to rest");
    },
    async passTime(ms = 0) {
      await sql`
        update leases set created_at = created_at - ${ms}, deadline_at = deadline_at - ${ms}, heard_at = heard_at - ${ms}`.execute(
        db,
      );
      await sql`update cooldowns set since = since - ${ms}, until = until - ${ms}`.execute(db);
      for (const table of ["tasks", "comments", "owners", "deliveries"])
        await sql`update ${sql.table(table)} set due_at = 0 where due_at is not null`.execute(db);
    },
    async hear(github, event) {
      const id = DeliveryId(randomUUID());
      await store.recordDelivery({ id, owner: OwnerId(10), event });
      await desk.settle(github);
      return (await db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow()).note;
    },
    say: (github, comment, brief = {}) =>
      desk.hear(github, {
        kind: "request",
        brief: { ...makeBrief(1), ...brief, comment },
        ...(comment === null ? {} : { comment: 400 }),
      }),
    newest: () => store.findNewest({ owner: OwnerId(10), repository: RepositoryId(20), issue: 1 }),
    async leases() {
      const task = await desk.newest();
      return task === undefined ? [] : store.readLeases(task.id);
    },
    async work(outcome) {
      const lease = (await desk.leases()).at(-1);
      if (lease?.run == null) throw new Error("there is no run to report");
      await store.claimLease(lease.id, lease.run, "check", "hash");
      const claimed = await store.readLease(lease.id);
      if (claimed !== undefined) await report(desk.depsOf(fakeGitHub()), claimed, outcome);
    },
    async notice() {
      const row = await db.selectFrom("comments").select("notice").where("issue_number", "=", 1).executeTakeFirst();
      return row?.notice ?? null;
    },
    async clear() {
      for (const table of TABLES) await sql`delete from ${sql.table(table)}`.execute(db);
    },
    close: () => store.close(),
  };
  return desk;
}

/** A GitHub whose owner has this policy. */
export function underPolicy(policy: string, answers: Partial<GitHub> = {}): ReturnType<typeof fakeGitHub> {
  return fakeGitHub({
    readSetUp: () =>
      Promise.resolve({
        ok: true,
        value: {
          base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
          settings: "missing" as const,
          policy: { commit: "c".repeat(40), file: { text: policy } },
        },
      }),
    ...answers,
  });
}
