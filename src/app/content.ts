import { TURN_OF, EFFECTS, type Effect } from "#core/task/effects.ts";
import type { Turn } from "#core/task/content-budget.ts";
import type { InstallationId } from "#core/wire/ids.ts";
import { err } from "#core/wire/result.ts";
import type { Answer, GitHub, Place } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";

/**
 * GitHub behind its one door for effects: each takes its turn of the installation's budget before it is made, and one that has
 * no room is not made: its step rests until there is some. An effect without a line here doesn't compile.
 */
export function withinBudget(github: GitHub, store: Pick<Store, "takeTurn" | "restContent">): GitHub {
  /** `of`: what tells this call from the others of its kind, the same on every try. */
  async function take<T>(
    effect: Effect,
    installation: InstallationId,
    of: readonly (string | number)[],
    call: () => Answer<T>,
    turn: Turn | null = TURN_OF[effect],
  ): Answer<T> {
    const waitMs = turn === null ? 0 : await store.takeTurn(installation, [effect, ...of].join(" "), turn);
    if (waitMs > 0) {
      const message = `no room in the installation's budget for ${String(waitMs)} ms`;
      return err({
        reason: "github-unavailable",
        route: EFFECTS[effect],
        message,
        retryAfterMs: waitMs,
        tokenRefused: false,
        made: false,
      });
    }
    const answered = await call();
    // GitHub's guide to its limits: who goes on asking meanwhile may be banned. So the whole installation waits.
    if (!answered.ok && answered.error.reason === "github-unavailable" && !answered.error.tokenRefused) {
      const { retryAfterMs } = answered.error;
      if (retryAfterMs !== null) await store.restContent(installation, retryAfterMs);
    }
    return answered;
  }
  const id = ({ repository }: Place) => repository.id;
  const effects = {
    openIssue: (place, issue) =>
      take("openIssue", place.installation, [id(place), issue.title], () => github.openIssue(place, issue)),
    createComment: (place, issue, body) =>
      take("createComment", place.installation, [id(place), issue], () => github.createComment(place, issue, body)),
    updateComment: (place, comment, body, turn) =>
      take("updateComment", place.installation, [comment], () => github.updateComment(place, comment, body, turn), turn),
    createReply: (place, issue, body) =>
      take("createReply", place.installation, [id(place), issue], () => github.createReply(place, issue, body)),
    answerThread: (place, pull, thread, body) =>
      take("answerThread", place.installation, [id(place), thread], () => github.answerThread(place, pull, thread, body)),
    react: (place, comment, reaction) =>
      take("react", place.installation, [comment], () => github.react(place, comment, reaction)),
    dispatchRun: (installation, runner, workflow, inputs) =>
      take("dispatchRun", installation, [inputs.attempt], () => github.dispatchRun(installation, runner, workflow, inputs)),
    cancelRun: (installation, runner, run) =>
      take("cancelRun", installation, [run], () => github.cancelRun(installation, runner, run)),
    createCommit: (place, commit) =>
      take("createCommit", place.installation, [id(place), commit.message], () => github.createCommit(place, commit)),
    createBranch: (place, branch, commit) =>
      take("createBranch", place.installation, [id(place), branch], () => github.createBranch(place, branch, commit)),
    openPullRequest: (place, pull) =>
      take("openPullRequest", place.installation, [id(place), pull.head], () => github.openPullRequest(place, pull)),
    createCheckRun: (place, run) =>
      take("createCheckRun", place.installation, [id(place), run.name, run.commit], () => github.createCheckRun(place, run)),
    updateCheckRun: (place, run, output) =>
      take("updateCheckRun", place.installation, [id(place), run], () => github.updateCheckRun(place, run, output)),
    requestReview: (place, pull, reviewers) =>
      take("requestReview", place.installation, [id(place), pull, ...reviewers.people, ...reviewers.teams], () =>
        github.requestReview(place, pull, reviewers),
      ),
    updateBranch: (place, branch, commit) =>
      take("updateBranch", place.installation, [id(place), branch, commit], () => github.updateBranch(place, branch, commit)),
    mergeBase: (place, branch, merge) =>
      take("mergeBase", place.installation, [id(place), branch, merge.commit], () => github.mergeBase(place, branch, merge)),
    // Asked for by the App, of no installation.
    redeliver: (id) => github.redeliver(id),
  } satisfies Pick<GitHub, Effect>;
  return { ...github, ...effects };
}
