import { code, listed, type Row } from "./changes.ts";
import type { Credential } from "./credential.ts";
import { costs, money, percent, spending, was, type View } from "./policy-view.ts";

function only(kind: "teams" | "repositories" | "tiers" | "models" | "harnesses"): Row<View> {
  return {
    at: `pool.*.only.${kind}`,
    say(before, after, [name = ""]) {
      const [were, are] = [before.pool[name]?.only?.[kind], after.pool[name]?.only?.[kind]];
      return are === undefined
        ? `${code(name)} is no longer kept to ${kind}${was(were, listed)}.`
        : `${code(name)} serves only the ${kind} ${listed(are)}${was(were, listed)}.`;
    },
  };
}

function seatServes({ serves, owner }: Credential): string {
  return serves === "everyone" ? "everyone, once its owner has agreed by `/agent lend`" : `its owner ${code(owner ?? "")} alone`;
}

/** What the pool draws on, and where it is used. */
export const POOL_ROWS: readonly Row<View>[] = [
  {
    at: "pool.*",
    say(before, after, [name = ""]) {
      const entry = after.pool[name];
      if (entry === undefined) return `${code(name)} leaves the pool: no new work draws on it.`;
      if (before.pool[name] !== undefined) return undefined;
      const budget = entry.budget === undefined ? "" : `, for ${spending(entry.budget)} at most`;
      const seat = entry.kind === "seat" ? `; it serves ${seatServes(entry)}` : "";
      const kept = Object.entries(entry.only ?? {}).map(([kind, values]) => `${kind} ${listed(values ?? [])}`);
      return `${code(name)} joins the pool (${entry.kind} of ${entry.provider}${budget})${seat}${kept.length === 0 ? "" : `, kept to ${kept.join(", ")}`}.`;
    },
    warns: (before, after, [name = ""]) => before.pool[name] === undefined && after.pool[name]?.serves === "everyone",
  },
  {
    at: "pool.*.provider",
    say: (before, after, [name = ""]) =>
      `${code(name)} opens the models of ${after.pool[name]?.provider ?? ""}${was(before.pool[name]?.provider, String)}.`,
  },
  {
    at: "pool.*.budget",
    say: (before, after, [name = ""]) =>
      costs(`What is done on ${code(name)}`, before.pool[name]?.budget, after.pool[name]?.budget),
  },
  {
    at: "pool.*.jobs",
    say: (before, after, [name = ""]) =>
      `${code(name)} does ${after.pool[name]?.jobs === undefined ? "as many jobs at once as its kind does by default" : `up to ${String(after.pool[name].jobs)} jobs at once`}${was(before.pool[name]?.jobs, String)}.`,
  },
  {
    at: "pool.*.owner",
    say: (before, after, [name = ""]) =>
      `The seat ${code(name)} is of ${code(after.pool[name]?.owner ?? "nobody")}${was(before.pool[name]?.owner, code)}.`,
    warns: () => true,
  },
  {
    at: "pool.*.keep-for-owner",
    say: (before, after, [name = ""]) =>
      `${percent(after.pool[name]?.["keep-for-owner"] ?? 0)} of each window of ${code(name)} is kept for its owner; it was ${percent(before.pool[name]?.["keep-for-owner"] ?? 0)}.`,
  },
  {
    at: "pool.*.serves",
    say: (before, after, [name = ""]) => {
      const [were, are] = [before.pool[name], after.pool[name]];
      if (are === undefined || are.kind !== "seat") return undefined;
      return `The seat ${code(name)} serves ${seatServes(are)}${was(were, seatServes)}.`;
    },
    warns: (_before, after, [name = ""]) => after.pool[name]?.serves === "everyone",
  },
  only("teams"),
  only("repositories"),
  only("tiers"),
  only("models"),
  only("harnesses"),
  {
    at: "runner",
    say: (before, after) =>
      before.runner === undefined && after.runner !== undefined
        ? `Jobs run by ${code(after.runner.workflow)} in ${code(after.runner.repository)}, whose environments hold the keys.`
        : undefined,
  },
  {
    at: "runner.repository",
    say: (before, after) =>
      `Jobs run in ${code(after.runner?.repository ?? "")}, and the keys of its environments are used${was(before.runner?.repository, code)}.`,
    warns: () => true,
  },
  {
    at: "runner.workflow",
    say: (before, after) =>
      `Jobs are started by the workflow ${code(after.runner?.workflow ?? "")}${was(before.runner?.workflow, code)}. Whoever writes it sees the keys.`,
    warns: () => true,
  },
  {
    at: "runner.runs-on",
    say: (before, after) =>
      `A minute of a runner is priced as one of ${code(after.runner?.["runs-on"] ?? "")}${was(before.runner?.["runs-on"], code)}.`,
  },
  {
    at: "runner.minute",
    say: (before, after) =>
      `A minute of a runner counts as ${after.runner?.minute === undefined ? "GitHub's price list says" : money(after.runner.minute)}${was(before.runner?.minute, money)}.`,
  },
];
