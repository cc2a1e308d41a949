import type { Kysely } from "kysely";
import { TaskId, type OwnerId, type RepositoryId } from "#core/wire/ids.ts";
import { endOf, hear, type PullEnd } from "#core/plan/fate.ts";
import { branchName } from "#core/task/markers.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import { wakeReview } from "./reviews.ts";
import type { Schema } from "./schema.ts";

export async function hearPull(
  db: Kysely<Schema>,
  owner: OwnerId,
  { repository, number, branch, openedAt, news }: Extract<DeliveryEvent, { kind: "pull-news" }>,
): Promise<PullEnd | "opening" | "unknown"> {
  return db.transaction().execute(async (tx) => {
    // One look at both: between two a task would have opened it.
    const tasks = await tx
      .selectFrom("tasks")
      .select(["id", "issue_number", "pull_number", "fate"])
      .where("owner_id", "=", owner)
      .where("repository_id", "=", repository)
      // What comes of a pull request is kept with the task that opened it.
      .where("follows", "is", null)
      .where((is) => is.or([is("pull_number", "=", number), is("state", "=", "opening")]))
      .forUpdate()
      .execute();
    const task = tasks.find(({ pull_number }) => pull_number === number);
    if (task === undefined)
      return tasks.some(({ id, issue_number }) => branchName(issue_number, TaskId(id)) === branch) ? "opening" : "unknown";
    // Whatever is told of it may be news of its review.
    await wakeReview(tx, task.id, news.what === "pushed" ? news.by : null);
    if (news.what === "pushed" || news.what === "reviewed") return task.fate === null ? "open" : endOf(task.fate);
    const fate = hear(task.fate, openedAt, news);
    await tx
      .updateTable("tasks")
      .set({ fate: JSON.stringify(fate) })
      .where("id", "=", task.id)
      .execute();
    return endOf(fate);
  });
}

export async function hearReverts(
  db: Kysely<Schema>,
  owner: OwnerId,
  repository: RepositoryId,
  reverted: readonly string[],
): Promise<void> {
  await db
    .insertInto("reverts")
    .values(reverted.map((each) => ({ owner_id: owner, repository_id: repository, reverted: each })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
