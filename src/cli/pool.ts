import { describe } from "#core/wire/failure.ts";
import type { CredentialReport, PoolReport, WindowReport } from "#core/pool/report.ts";
import type { ClearedCredential } from "#app/clear.ts";
import type { OwnerPool } from "#app/pool-report.ts";
import { bar, percent, span, table, usd } from "./text.ts";

/** `agent-pool pool`, for people. */
export function renderPools(pools: readonly OwnerPool[]): string {
  if (pools.length === 0) return "No owner's policy has been read yet: label an issue first.\n";
  return `${pools.map(({ owner, pool }) => `${owner}\n${"refused" in pool ? describe(pool.refused) : renderPool(pool)}`).join("\n\n")}\n`;
}

/** `agent-pool clear`, for people. */
export function renderCleared({ owner, credential, refusals, rests, windows }: ClearedCredential): string {
  const ended = [
    ...(refusals === 0 ? [] : [`the doubt about its key (refused ${String(refusals)} times)`]),
    ...(rests === 0 ? [] : ["its account's rest"]),
    ...(windows === 0 ? [] : [`what was known of ${String(windows)} full window${windows === 1 ? "" : "s"}`]),
  ];
  const what = ended.length === 0 ? "it neither rested nor had its key refused" : `ended ${ended.join(", ")}`;
  return `${owner}/${credential}: ${what}; tasks that wait are looked at again.\n`;
}

function renderPool(pool: PoolReport): string {
  const { now, strategy, policyCommit, waiting } = pool;
  const head = `${strategy}, policy at ${policyCommit.slice(0, 7)}, ${String(waiting)} waiting`;
  const rows = pool.credentials.flatMap((credential) => credentialRows(credential, now));
  const budgets = pool.budgets.map(({ budget, capacity, used, held, resetsAt }) => [
    budget,
    bar(used / Math.max(1, capacity), held / Math.max(1, capacity), 0),
    `${usd(used)} used, ${usd(held)} held of ${usd(capacity)}`,
    `resets in ${span(resetsAt - now)}`,
  ]);
  return [head, table(rows), ...(budgets.length === 0 ? [] : ["", table(budgets)])].join("\n");
}

function credentialRows(credential: CredentialReport, now: number): string[][] {
  const { name, serves, jobs, headroom, lastGrantAt, rests, quarantined, windows, owner, month } = credential;
  const resting = rests.map(({ model, until }) => `${model === null ? "" : `${model} `}cooling for ${span(until - now)}`);
  const state = quarantined
    ? "key refused: replace it, then `agent-pool clear`"
    : [
        ...(rests.some(({ model }) => model === null) ? [] : [`${String(jobs.live)} of ${String(jobs.atOnce)} jobs`]),
        ...resting,
      ].join(", ");
  const seen = lastGrantAt === null ? "never drawn on" : `drawn on ${span(now - lastGrantAt)} ago`;
  const first = [
    name,
    state,
    headroom === null ? "headroom unknown" : `headroom ${percent(headroom)}`,
    owner === null ? `serves ${SERVES[serves]}` : `${owner}'s seat, serves ${SERVES[serves]}`,
    `${seen}, ${owner === null ? usd(month.spent) : `≈ ${usd(month.listed)} at list price`} this month`,
  ];
  const saved = credential.saved.listed === 0 ? [] : [savedRow(credential.saved)];
  return [first, ...saved, ...windows.map((window) => windowRow(window, now))];
}

const SERVES: Record<CredentialReport["serves"], string> = {
  everyone: "everyone",
  owner: "its owner",
  "not-lent": "its owner until it is lent",
};

/** What standby has drawn of it this month, and nobody would have. */
function savedRow({ listed, weeks }: CredentialReport["saved"]): string[] {
  const share = weeks === null ? "" : `, ${percent(weeks)} of a week's window`;
  return ["  standby", "", "", `saved ≈ ${usd(listed)} at list price${share}`, "which would have expired this month"];
}

function windowRow({ window, used, held, kept, observed, capacity, resetsAt }: WindowReport, now: number): string[] {
  const size = (value: number) =>
    window.startsWith("tokens-minute") ? `${value.toLocaleString("en")} tokens a minute` : `≈ ${usd(value)}`;
  return [
    `  ${window}`,
    bar(used, held, kept),
    `${percent(used)} used, ${percent(held)} held`,
    observed === null ? "never observed" : `observed ${percent(observed.share)} ${span(observed.ageMs)} ago`,
    [
      capacity === null
        ? "size unknown"
        : `${size(capacity.value)}${capacity.error === 0 ? "" : ` ± ${percent(capacity.error)}`}`,
      resetsAt === null || resetsAt <= now ? "" : `resets in ${span(resetsAt - now)}`,
    ]
      .filter(Boolean)
      .join(", "),
  ];
}
