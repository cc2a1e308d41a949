import { MicroUsd } from "#core/wire/units.ts";
import type { Failure } from "#core/wire/failure.ts";
import { taskBudget } from "#core/config/policy.ts";
import { sizeOf } from "#core/plan/size.ts";
import { onlyStep, stillServed } from "#core/trial/route.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { TrialPart } from "#ports/trial.ts";
import type { Deps, Next } from "./deps.ts";
import { knownOf, readLedger } from "./known.ts";
import { configure, guardsOf } from "./plan.ts";
import { minutePrice, unholdable } from "./policy.ts";
import { askerOf } from "./trial.ts";

/**
 * planning → queued of a trial's task: the configuration as it stands, the parent of the merge, the route and the moves that were
 * offered, and no more for the model. Nobody's role is asked: who may use the app's machine has started it.
 */
export async function planTrial(deps: Deps, task: ClaimedTask, { id, pull, route: word }: TrialPart): Promise<Next> {
  const { brief } = task;
  const { store, github } = deps;
  const [kept, found] = [await store.readTrialPull(id, pull), await store.readTrial(id)];
  const offer = found?.trial.offer;
  const offered = offer?.routes.find((each) => each.word === word);
  if (kept === undefined || found === undefined || offer == null || offered === undefined)
    throw new Error(`task ${task.id} is of a trial that was never offered`);
  if (found.trial.state !== "running") return refuse({ reason: "trial-over", why: "stopped" });
  const readAt = await store.now();
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(brief, setUp.value);
  if (!configured.ok) return refuse(configured.error);
  const { read, settings } = configured.value;
  const { policy, text, commit } = read;
  await store.recordPolicy(brief.owner.id, { text, commit, readAt });
  const served = stillServed(policy, offered.route);
  if (!served.ok) return refuse(served.error);
  const { route, price } = served.value;
  const budget = MicroUsd(Math.min(taskBudget(policy), offer.atMost.model));
  const tooSmall = unholdable(policy, route.provider, budget);
  if (tooSmall !== undefined) return refuse(tooSmall);
  const estimate = sizeOf(brief);
  const ledger = await readLedger(store, task, policy);
  const { ladder, first } = onlyStep(served.value, estimate, budget, knownOf(ledger, brief.repository.id, policy));
  const { repository, workflow } = policy.runner;
  const { verify } = settings;
  return {
    go: "plan",
    patch: {
      plan: {
        size: estimate.size,
        confidence: estimate.confidence,
        sizeReasons: estimate.reasons,
        route,
        routeReasons: [],
        chance: first.chance,
        expected: first.expected,
        budget,
        ladder,
        isDefaultBudget: policy.task.budget === undefined,
        moves: offer.atMost.moves,
        price,
        base: kept.base,
        runner: { repository, workflow, minute: minutePrice(policy) },
        policyCommit: commit,
        asker: askerOf(brief),
        // CI judges drafts, of which a trial makes none.
        commands: { setup: settings.setup, verify: verify === undefined || verify === "ci" ? "detect" : verify },
        // A repair is shown the tests that it must not see.
        repairs: 0,
        guards: guardsOf(settings, policy),
        draft: true,
        ci: "approved",
      },
    },
  };
}

function refuse(failure: Failure): Next {
  return { go: "refuse", patch: { failure } };
}
