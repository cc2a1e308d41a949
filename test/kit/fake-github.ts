import { OwnerId, RepositoryId, RunId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import { err, ok } from "#core/wire/result.ts";
import type { GitHub, GitHubFailure, Place, RunnerRepository } from "#ports/github.ts";

export const RUNNER_REPOSITORY: RunnerRepository = {
  id: RepositoryId(21),
  owner: { id: OwnerId(10), login: "acme" },
  name: "agent-runner",
  private: true,
  defaultBranch: "main",
};

const SIX_LINES =
  "version: 1\npool:\n  - name: platform-api\n    provider: anthropic\nrunner: acme/agent-runner\nbudget: $200/month\n";

/** GitHub's run ids are never used again. */
let runs = 900;

/** A GitHub in which everything is in order; a test puts its own answers in the place of some. Tells what it was asked to do. */
export function fakeGitHub(answers: Partial<GitHub> = {}): GitHub & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  const told = <A>(what: string, answer: A): A => {
    asked.push(what);
    return answer;
  };
  const all: GitHub = {
    readRole: () => Promise.resolve(ok({ permission: "write", name: "write", userId: 30 })),
    readTeams: () => Promise.resolve(told("readTeams", ok([]))),
    readSetUp: () =>
      Promise.resolve(
        ok({
          base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
          settings: "missing" as const,
          policy: { commit: "c".repeat(40), file: { text: SIX_LINES } },
        }),
      ),
    readTree: () => Promise.resolve(ok({ files: [], isCut: false })),
    readAround: () => Promise.resolve(ok({ codeOwners: "", links: { subIssues: 0, pullsOpen: 0, pullsClosed: 0 }, edit: null })),
    readText: () => Promise.resolve(told("readText", ok("missing" as const))),
    readRunner: () => Promise.resolve(ok(RUNNER_REPOSITORY)),
    readDeploymentBranches: () => Promise.resolve(ok(["branch:main"])),
    mintFetchToken: () => Promise.resolve(ok("ghs_fetch")),
    cloneUrl: () => "https://github.com/acme/web.git",
    readBot: () => Promise.resolve(ok({ id: 1, login: "agent-pool[bot]" })),
    readApp: () => Promise.resolve(ok({ slug: "agent-pool" })),
    readPlaces: () => Promise.resolve(told("readPlaces", ok({ places: [], refused: [] }))),
    readOwnComments: () => Promise.resolve(told("readOwnComments", ok([]))),
    readFailedDeliveries: () => Promise.resolve(told("readFailedDeliveries", ok([]))),
    redeliver: () => Promise.resolve(told("redeliver", ok(undefined))),
    readLabelled: () => Promise.resolve(told("readLabelled", ok([]))),
    readIssue: () => Promise.resolve(told("readIssue", ok({ isOpen: true, isLocked: false, labels: ["agent"] }))),
    findReceipts: () => Promise.resolve(told("findReceipts", ok(undefined))),
    openIssue: () => Promise.resolve(told("openIssue", ok(3))),
    findReceipt: () => Promise.resolve(told("findReceipt", ok(undefined))),
    findComment: () => Promise.resolve(told("findComment", ok(undefined))),
    createComment: () => Promise.resolve(told("createComment", ok(70))),
    updateComment: () => Promise.resolve(told("updateComment", ok(undefined))),
    react: () => Promise.resolve(told("react", ok(undefined))),
    commentUrl: (_place, issue, comment) => `https://github.com/acme/web/issues/${String(issue)}#issuecomment-${String(comment)}`,
    createReply: () => Promise.resolve(told("createReply", ok(71))),
    findReply: () => Promise.resolve(told("findReply", ok(undefined))),
    findUnanswered: () => Promise.resolve(told("findUnanswered", ok([70]))),
    answerThread: () => Promise.resolve(told("answerThread", ok(undefined))),
    findRun: () => Promise.resolve(told("findRun", ok(undefined))),
    readRun: (_installation, _runner, run) =>
      Promise.resolve(ok({ id: run, url: "https://x/run", status: "in_progress", conclusion: null })),
    countJobs: () => Promise.resolve(told("countJobs", ok(1))),
    dispatchRun: () => Promise.resolve(told("dispatchRun", ok({ id: RunId((runs += 1)), url: "https://x/run" }))),
    cancelRun: () => Promise.resolve(told("cancelRun", ok(undefined))),
    readArtifactFile: () => Promise.resolve(told("readArtifactFile", ok(undefined))),
    createCommit: () => Promise.resolve(told("createCommit", ok("d".repeat(40)))),
    findBranch: () => Promise.resolve(told("findBranch", ok(undefined))),
    createBranch: () => Promise.resolve(told("createBranch", ok(undefined))),
    readConfigFile: () => Promise.resolve(told("readConfigFile", ok({ before: "missing" as const, after: "missing" as const }))),
    readReviews: () => Promise.resolve(ok({ isOpen: true, head: "d".repeat(40), needsReview: false, reviews: [], hands: [] })),
    findOwnCheckRun: () => Promise.resolve(told("findOwnCheckRun", ok(undefined))),
    createCheckRun: () => Promise.resolve(told("createCheckRun", ok(80))),
    updateCheckRun: () => Promise.resolve(told("updateCheckRun", ok(undefined))),
    readHead: () =>
      Promise.resolve(ok({ branch: "agent-pool/issue-1-1f0c2a9b", commit: "d".repeat(40), isOpen: true, isOwn: true })),
    readDiscussion: () => Promise.resolve(told("readDiscussion", ok({ threads: [], reviews: [] }))),
    readCommit: () => Promise.resolve(ok({ tree: "b".repeat(40), parents: ["a".repeat(40)], at: EpochMs(0) })),
    updateBranch: () => Promise.resolve(told("updateBranch", ok(undefined))),
    readBehind: () => Promise.resolve(ok({ branch: "main", commit: "a".repeat(40), brings: [], touches: [] })),
    mergeBase: () => Promise.resolve(told("mergeBase", ok({ commit: "9".repeat(40), tree: "8".repeat(40) }))),
    readCheckRuns: () => Promise.resolve(told("readCheckRuns", ok([]))),
    readFailedChecks: () => Promise.resolve(told("readFailedChecks", ok([]))),
    findPullRequest: () => Promise.resolve(told("findPullRequest", ok(undefined))),
    readMerged: () => Promise.resolve(told("readMerged", ok({ pulls: [], next: null }))),
    readFiles: () => Promise.resolve(told("readFiles", ok(new Map()))),
    readBlob: () => Promise.resolve(told("readBlob", ok(""))),
    openPullRequest: (_place, pull) => Promise.resolve(told("openPullRequest", ok({ number: 2, draft: pull.draft }))),
    requestReview: () => Promise.resolve(told("requestReview", ok(undefined))),
  };
  return { ...all, ...answers, asked };
}

/** The App is installed on these. */
export function placesOf(...all: readonly Place[]): GitHub["readPlaces"] {
  return (isWanted) => Promise.resolve(ok({ places: all.filter(({ owner }) => isWanted(owner)), refused: [] }));
}

export function refused(status: number, message = "no", route = "X /x"): ReturnType<typeof err<GitHubFailure>> {
  return err({ reason: "github-refused", route, status, message });
}

export function unavailable(retryAfterMs: number | null = null): ReturnType<typeof err<GitHubFailure>> {
  return err({ reason: "github-unavailable", route: "X /x", message: "busy", retryAfterMs, tokenRefused: false });
}
