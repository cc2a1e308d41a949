import { inlineCode } from "../change/inline-code.ts";
import { DAY_MS, formatUsd, type EpochMs } from "../wire/units.ts";
import type { LendingState, Receipt, SeatReceipt, WeekReceipt, WindowReceipt } from "./receipt.ts";

/** The issue in the policy repository in which every lender has their comment. */
export const RECEIPTS_ISSUE = {
  title: "agent-pool: receipts",
  body: [
    "Each owner of a seat that is lent has one comment here: what it was used for in the last full week and in the one under way. It is brought up to date once a day at most, and notifies nobody.",
    "This issue is the app's own, and no request: no label and no command starts work on it. Close it, and no receipts are written until it is open again; lock it, and they wait until it isn't. `receipts: false` in the policy ends them.",
  ].join("\n\n"),
} as const;

/** Named; the others are counted. */
const MAX_PEOPLE = 20;
/** A comment holds 65,536 characters; a seat takes 5,000 at most. */
const MAX_SEATS = 10;

/**
 * One lender's receipt as Markdown: names no repository, and mentions nobody. Where everyone reads it (`isPublic`), those who were
 * served are counted and not named. Pure.
 */
export function renderReceipt({ login, seats }: Receipt, isPublic: boolean): string {
  const shown = seats.slice(0, MAX_SEATS);
  const rest = seats.length - shown.length;
  return [
    `**agent-pool** · what the seats of ${inlineCode(login, 80)} were lent for`,
    ...shown.map((seat) => renderSeat(seat, isPublic)),
    ...(rest > 0 ? [`${String(rest)} more seats don't fit here; \`npx agent-pool pool\` shows them.`] : []),
    howToStop(seats),
  ].join("\n\n");
}

const STATES: Readonly<Record<LendingState, string>> = {
  lent: "lent",
  lapsed: "not lent any more: the notice that you agreed to has changed since",
  "not-serving": "lent by you; the policy does not say that it serves everyone",
  "taken-back": "taken back: it serves nobody else",
};

function renderSeat({ name, state, keepForOwner, weeks }: SeatReceipt, isPublic: boolean): string {
  const [last, current] = weeks;
  const row = (what: string, of: (week: WeekReceipt) => string) => `| ${what} | ${of(last)} | ${of(current)} |`;
  return [
    `### ${inlineCode(name, 80)} · ${STATES[state]}`,
    "",
    `| | ${daysOf(last)} | ${daysOf(current)}, under way |`,
    "| --- | --- | --- |",
    row("tasks served", tasksOf),
    row("for whom", ({ people }) => whomFor(people, isPublic)),
    ...last.windows.map(({ window }, at) => row(`most used of one ${windowOf(window)}`, (week) => usedOf(week.windows[at]))),
    row("would have expired unused", expiredOf),
    row(keptLabel(keepForOwner), reservesOf),
  ].join("\n");
}

function keptLabel(keepForOwner: number | null): string {
  if (keepForOwner === null) return "kept for you";
  return keepForOwner === 0
    ? "kept for you: nothing (`keep-for-owner`)"
    : `kept for you: ${percent(keepForOwner)} of each window`;
}

function tasksOf({ tasks, repositories }: WeekReceipt): string {
  return tasks === 0 ? "none" : `${String(tasks)}, in ${counted(repositories, "repository", "repositories")}`;
}

function whomFor(people: WeekReceipt["people"], isPublic: boolean): string {
  if (people.length === 0) return "nobody";
  const isNamed = ({ isLender, login }: (typeof people)[number], at: number) =>
    isLender || login === null || (!isPublic && at < MAX_PEOPLE);
  const shown = people.filter(isNamed).map(({ login, isLender, tasks }) => {
    const who = isLender ? "yourself" : login === null ? "trials" : cell(login);
    return `${who} ${String(tasks)}`;
  });
  const others = people.filter((each, at) => !isNamed(each, at));
  const theirs = others.reduce((sum, { tasks }) => sum + tasks, 0);
  const counts = `${counted(others.length, "other", "others")} ${String(theirs)}`;
  return [...shown, ...(others.length > 0 ? [counts] : [])].join(", ");
}

function windowOf(key: string): string {
  const [name = "", model] = key.split(/:(.*)/s);
  const what = name === "week-model" ? "week" : `${name}${name === "five-hour" ? " window" : ""}`;
  return model === undefined ? what : `${what} of ${cell(model)}`;
}

function usedOf(window: WindowReceipt | undefined): string {
  if (window === undefined) return "not known";
  const { pool, whole } = window;
  if (pool === 0 && whole === null) return "by the pool nothing";
  const seen = whole === null ? "in all not known" : `in all ${percent(whole)} seen`;
  return `by the pool ${pool === null ? "not known" : pool === 0 ? "nothing" : `≈ ${percent(pool)}`}, ${seen}`;
}

function expiredOf({ listed, standby, standbyOfWeek }: WeekReceipt): string {
  if (listed === 0) return "nothing was drawn";
  const drawn = `of ${formatUsd(listed)} drawn at list price`;
  if (standby === 0) return `nothing ${drawn}`;
  const week = standbyOfWeek === null ? "" : `, ≈ ${percent(standbyOfWeek)} of a week`;
  return `${percent(standby / listed)} ${drawn}${week}`;
}

function reservesOf({ windows }: WeekReceipt): string {
  const of = (wanted: WindowReceipt["reserve"]) => windows.filter(({ reserve }) => reserve === wanted);
  const names = (found: readonly WindowReceipt[]) => found.map(({ window }) => windowOf(window)).join(", ");
  const [touched, unknown] = [of("touched"), of("unknown")];
  if (of("none-kept").length > 0) return "–";
  const parts = [
    ...(touched.length === 0 ? [] : [`**touched**: ${names(touched)}`]),
    ...(unknown.length === 0 ? [] : [`not known: ${names(unknown)}`]),
  ];
  return parts.length === 0 ? "untouched" : parts.join("; ");
}

function howToStop(seats: readonly SeatReceipt[]): string {
  const lent = seats.filter(({ state }) => state === "lent" || state === "not-serving");
  if (lent.length === 0)
    return "Nothing of yours is lent now, and this is the last receipt until you lend again: `/agent lend NAME`, on any open issue.";
  const commands = lent.slice(0, MAX_SEATS).map(({ name }) => inlineCode(`/agent unlend ${name}`));
  return [
    `**To stop**, comment ${commands.join(" or ")} on any open issue where the App is installed, this one too. It needs no role and counts at once; what runs by then finishes.`,
    "**To pause**, an operator comments `/agent pause`, which holds the whole pool until `/agent resume`. **To lend less**, raise `keep-for-owner` of the seat in the policy.",
    "Shares marked ≈ go by the window's size as it is learned; what was seen is what the provider told runs of the pool. Weeks begin on Monday, 00:00 UTC.",
  ].join("\n\n");
}

/** Inline code that doesn't end a table's cell. */
function cell(text: string): string {
  return inlineCode(text, 80).replaceAll("|", "\\|");
}

function counted(count: number, one: string, many: string): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

function daysOf({ start, end }: WeekReceipt): string {
  const day = (at: EpochMs | number) => new Date(at).toISOString().slice(0, 10);
  return `${day(start)} to ${day(end - DAY_MS)}`;
}

/** A share that isn't nothing never shows as nothing. */
function percent(share: number): string {
  const hundredths = Math.round(100 * share);
  return share > 0 && hundredths === 0 ? "<1%" : `${String(hundredths)}%`;
}
