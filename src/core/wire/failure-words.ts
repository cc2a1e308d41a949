/** Of failures that come in several kinds, what is said of each (failure.ts). */

export const CANCELLED = {
  asked: (who: string) => `Cancelled by ${who}.`,
  label: (who: string) => `Cancelled: ${who} took the label off.`,
  "pull-closed": (who: string) => `Cancelled: ${who} closed or merged the pull request.`,
  closed: (who: string) => `Cancelled: ${who} closed the issue.`,
  transferred: (who: string) => `Cancelled: ${who} moved the issue to another repository.`,
  deleted: (who: string) => `Cancelled: ${who} deleted the issue.`,
  archived: (who: string) => `Cancelled: ${who} archived the repository.`,
  gone: (who: string) => `Cancelled: ${who} deleted the repository or moved it to another owner.`,
  uninstalled: (who: string) => `Cancelled: ${who} suspended the App or took it off this repository.`,
  run: (who: string) => `Cancelled: ${who} cancelled its run on GitHub's page.`,
} as const;

export const UNFIT = {
  missing: "is not there, or is no text,",
  empty: "says nothing that a reader sees",
  "too-long": "has more than 20,000 characters",
} as const;

export const TRIAL_OVER = {
  stopped: "Its trial was stopped before this began. Begin another with `agent-pool trial`.",
  budget: "Its trial's budget could not hold this as well. Begin another with a larger `--budget`.",
  "proves-nothing": "The tests of its merge pass without its change, so no route can be judged by them. Nothing is to be done.",
} as const;

export const NOT_MERGED = {
  workflows: (base: string) =>
    `${base} has moved on, and the app didn't merge it in: that would bring changes of workflows or their actions (below \`.github\`), or of more files than can be told, and the App has no right over workflows. Merge ${base} into this branch (*Update branch*, where GitHub shows it), once you have read what it brings: CI starts by itself on what a person brings in. The follow-up goes by the branch as it stood.`,
  conflicts: (base: string) =>
    `${base} has moved on, and conflicts with this branch. Merge ${base} into it by hand, or resolve the conflicts on the pull request's page; the follow-up goes by the branch as it stood.`,
  refused: (base: string) =>
    `${base} has moved on, and GitHub didn't let the app merge it in: a rule on this branch may stand against that. Merge ${base} into it (*Update branch*, where GitHub shows it); the follow-up goes by the branch as it stood.`,
} as const;

export const USED_UP = {
  head: (most: number) =>
    `${most === 1 ? "One follow-up has" : `${String(most)} follow-ups have`} started by itself on this commit, and no other does. Comment \`/agent fix\` to go on, or change it by hand.`,
  automatic: (most: number) =>
    `${String(most)} follow-ups have started by themselves on this pull request, and no other does. Comment \`/agent fix\` to go on, or change it by hand.`,
  all: (most: number) =>
    `This pull request has had ${String(most)} follow-ups, which is as many as one may have. Change it by hand, or close it and comment \`/agent retry fresh\` on the issue.`,
} as const;
