import { findModel } from "#core/config/catalog.ts";
import { ANSWER_AT_MOST, DAY_AT_MOST, type Classified, type Unclassified } from "#core/plan/classified.ts";
import { isSaid } from "#core/plan/merge.ts";
import type { Plan } from "#core/plan/plan.ts";
import { periodOf } from "#core/pool/windows.ts";
import { costOf } from "#core/wire/cost.ts";
import type { MicroUsd } from "#core/wire/units.ts";
import type { Answered } from "#ports/classifier.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { Deps } from "./deps.ts";

/**
 * What a model makes of the issue's size, where the operator has given a key for one. Each call is recorded with what it
 * cost, whatever came of it; of what nobody told the cost, the most it can be. Nothing that goes wrong here stops a task.
 *
 * null: not asked, since a person has said the size. A task that is planned anew keeps the answer that it has.
 */
export async function classify(
  { store, classifier, runtime }: Deps,
  task: ClaimedTask,
  ruled: Pick<Plan, "sizeReasons">,
): Promise<Classified | null> {
  if (isSaid({ reasons: ruled.sizeReasons })) return null;
  if (classifier === undefined) return none("not-configured");
  const before = task.plan?.sizeReasons.find(({ fact }) => fact === "classified");
  if (before?.fact === "classified") {
    const { size, sure, model, cost } = before;
    return { kind: "answer", size, sure, model, cost };
  }
  const today = periodOf("day", await store.now()).start;
  // Some at once may go past it by a call each.
  if ((await store.sumClassified(task.brief.owner.id, today)) >= DAY_AT_MOST) return none("day-used-up");
  const { model } = classifier;
  const price = findModel(model)?.price;
  if (price === undefined) throw new Error(`a classifier by ${model}, which has no price`);
  const asked = await classifier.classify(task.brief.issue);
  const cost = asked.usage === null ? null : costOf(asked.usage, price);
  const came = toClassified(asked, model, cost);
  const why = came.kind === "answer" ? "answer" : came.why;
  await store.recordClassified(task, { model, usage: asked.usage, amount: cost ?? ANSWER_AT_MOST, came: why });
  const detail = asked.kind === "none" ? asked.detail : undefined;
  runtime.log.info({ task: task.id, model, cost, came: why, detail }, "the classifier was asked");
  return came;
}

function toClassified(asked: Answered, model: string, cost: MicroUsd | null): Classified {
  if (asked.kind === "none") return { kind: "none", why: asked.why, cost };
  if (cost === null || cost > ANSWER_AT_MOST) return { kind: "none", why: "too-dear", cost };
  return { kind: "answer", size: asked.size, sure: asked.sure, model, cost };
}

function none(why: Unclassified): Classified {
  return { kind: "none", why, cost: null };
}
