import { EFFECTS } from "#core/task/effects.ts";
import { isRecord } from "../github/answers.ts";
import type { WorldEvent } from "../types.ts";

const CALLS: Readonly<Record<string, string>> = {
  [EFFECTS.createComment]: "the app comments on the issue",
  [EFFECTS.updateComment]: "the app brings its comment up to date",
  [EFFECTS.dispatchRun]: "the app starts the workflow in the runner repository",
  [EFFECTS.createCommit]: "the app commits the change through GitHub's Git Data API",
  [EFFECTS.createBranch]: "the app creates the branch",
  [EFFECTS.openPullRequest]: "the app opens the pull request",
  [EFFECTS.requestReview]: "the app asks whoever wanted it for a review",
};

type Fields = Readonly<Record<string, unknown>>;

/** What the app's log lines mean, by their message. */
const LOGGED: Readonly<Record<string, (fields: Fields) => string>> = {
  "task planned": ({ size, tier, harness, model }) =>
    `the app plans: size ${String(size)}, so ${String(tier)}: ${String(harness)} with ${String(model)}`,
  "lease offered": ({ credential }) => `the app leases the credential ${String(credential)}, what it may cost reserved in full`,
  "lease claimed": () => "the job has proved by its OIDC token that it is the dispatched run, and holds the lease",
  "lease settled": () => "the app settles: usage in the ledger, lease released",
  "task moves on": ({ credential, ending }) =>
    `a limit has struck ${String(credential)} (${String(ending)}): it rests, and the task moves to another credential`,
  "task judged": ({ verdict }) => `the app judges the outcome: ${String(verdict)}`,
};

const RUNNER: Readonly<Record<string, string>> = {
  runStarted: "a runner takes the run",
  jobStarted: "the job begins, with its environment's secret and no other",
  runCompleted: "the run has ended",
};

/** An event as a step of the story; undefined for what only matters to who looks for a fault. Pure. */
export function narrate({ from, text }: WorldEvent): string | undefined {
  switch (from) {
    case "github":
      return CALLS[text.replace(/ → 20\d$/, "")];
    case "app":
      return narrateLog(text);
    case "runner": {
      // The Action's own lines begin with its clock; errors are GitHub's annotations. The rest is the runner's mark-up.
      const said = /^\s*[\d.]+ s {2}(.+)$/.exec(text)?.[1] ?? /^##\[error\](.+)$/.exec(text)?.[1];
      return RUNNER[text] ?? (said === undefined ? undefined : `  job: ${said}`);
    }
    case "model":
      return `  model: ${text}`;
    default:
      return undefined;
  }
}

function narrateLog(text: string): string | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isRecord(record) ? LOGGED[String(record["msg"])]?.(record) : undefined;
}
