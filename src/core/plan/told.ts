import type { ActorId } from "../wire/ids.ts";
import { describe } from "../wire/failure.ts";
import type { EpochMs } from "../wire/units.ts";
import { relevantPart, withoutColours } from "../wire/failing-log.ts";
import { redact } from "../wire/redact.ts";
import { cut, cutFront, storable, stripInvisible } from "../wire/text.ts";
import type { BaseUpdate } from "./base-update.ts";
import { cleanText, type Follows, type Requester } from "../request/brief.ts";

/** Something said in a review. `by` null: a bot, an App, or an account that is gone. `at`: when it last changed, by GitHub's clock. */
export type Said = { readonly by: Requester | null; readonly body: string; readonly at: EpochMs };

/** A review thread that nobody has resolved. `id`: of its first comment; `line` null: of the whole file, or of lines that are gone. */
export type Thread = { readonly id: number; readonly path: string; readonly line: number | null; readonly said: readonly Said[] };

/** What stands open on a pull request: its threads, and the reviews that request changes. */
export type Discussion = { readonly threads: readonly Thread[]; readonly reviews: readonly Said[] };

/** A check of the head's that failed. `log` null: it can't be read. */
export type FailedCheckRun = { readonly name: string; readonly conclusion: string; readonly log: string | null };

type Words = { readonly login: string; readonly text: string };

/** What a follow-up is told, frozen with its plan. Cleaned and cut; data all the same. `more`: threads that are left out. */
export type Told = {
  readonly words: Words | null;
  readonly reviews: readonly Words[];
  readonly threads: readonly (Pick<Thread, "id" | "path" | "line"> & { readonly said: readonly Words[] })[];
  readonly more: number;
  readonly checks: readonly FailedCheckRun[];
};

/** At most so many of each, and characters: of what one says, of all threads, of a log. */
export const TOLD = { threads: 20, comments: 6, reviews: 5, checks: 5, characters: 2_000, inThreads: 40_000, log: 4_000 };
/** What is looked at of one text: cleaning takes time, and a thread may hold a hundred of the longest. */
const LOOKED_AT = { said: 4 * TOLD.characters, log: 200_000 };

/**
 * What of a discussion and of failed checks a follow-up is told. `trusted`: the people whose words count, by id; `until`: when it was
 * asked for: what was written or changed later, nobody has asked for. Pure.
 */
export function toTell(
  { words, by }: { readonly words: Follows["words"]; readonly by: Requester },
  { threads, reviews }: Discussion,
  checks: readonly FailedCheckRun[],
  { trusted, until }: { readonly trusted: ReadonlySet<ActorId>; readonly until: EpochMs },
): Told {
  const counts = ({ by: author, at }: Said) => author !== null && trusted.has(author.id) && at <= until;
  const heard = (said: readonly Said[], most: number): Words[] =>
    said
      .filter(counts)
      .slice(-most)
      .flatMap(({ by: author, body }) => {
        const text = clean(body);
        return author === null || text === "" ? [] : [{ login: author.login, text }];
      });
  const open = threads.filter(({ said }) => said.some(counts));
  let room = TOLD.inThreads;
  const told = open.slice(0, TOLD.threads).flatMap(({ id, path, line, said }) => {
    if (room <= 0) return [];
    const kept = heard(said, TOLD.comments);
    room -= kept.reduce((sum, { text }) => sum + text.length, 0);
    return [{ id, path, line, said: kept }];
  });
  const asked = clean(words ?? "");
  return {
    words: asked === "" ? null : { login: by.login, text: asked },
    reviews: heard(reviews, TOLD.reviews),
    threads: told.filter(({ said }) => said.length > 0),
    more: open.length - told.length,
    checks: checks.slice(0, TOLD.checks).map(({ name, conclusion, log }) => ({
      name: checkName(name),
      conclusion: onOneLine(conclusion, 40),
      log: log === null ? null : relevantPart(shown(cutFront(log, LOOKED_AT.log)), TOLD.log),
    })),
  };
}

/** Whether there is anything to go by. Pure. */
export function isTold({ words, reviews, threads, checks }: Told): boolean {
  return words !== null || reviews.length + threads.length + checks.length > 0;
}

/** What it goes by, for people: one sentence, Markdown. Pure. */
export function summarizeTold({ words, reviews, threads, more, checks }: Told): string {
  const counted = (count: number, noun: string) => (count === 0 ? [] : [`${String(count)} ${noun}${count === 1 ? "" : "s"}`]);
  const parts = [
    ...(words === null ? [] : [`what ${words.login} asked for`]),
    ...counted(reviews.length, "review"),
    ...counted(threads.length, "review thread"),
    ...counted(checks.length, "failed check"),
  ];
  const left = more === 0 ? "" : ` ${String(more)} more threads wait for another follow-up.`;
  return `It goes by ${parts.join(", ").replace(/, (?=[^,]*$)/, " and ")}, as they stood when it was planned.${left}`;
}

/** What came of a base that had moved on, for people: Markdown. Pure. */
export function describeUpdate(update: BaseUpdate): string {
  if ("reason" in update) return describe(update);
  const { branch, merge } = update;
  return `\`${branch.replaceAll("`", "'")}\` had moved on, and was merged into the branch first, with commit ${merge}.`;
}

/** Plain text for the harness, at most some 110,000 characters; what others wrote is indented. Pure. */
export function describeTold({ words, reviews, threads, more, checks }: Told, pull: number): string {
  const parts = [
    ...(words === null ? [] : [`Asked for by ${words.login}:\n${indented(words.text)}`]),
    ...reviews.map(({ login, text }) => `The review of ${login}, who requests changes:\n${indented(text)}`),
    ...threads.map(({ path, line: at, said }, index) => {
      const where = `${JSON.stringify(path)}${at === null ? "" : `, line ${String(at)}`}`;
      return `Thread ${String(index + 1)}, on ${where}:\n${said.map(({ login, text }) => `  ${login}:\n${indented(text)}`).join("\n")}`;
    }),
    ...(more === 0 ? [] : [`Of further threads, ${String(more)} in number, nothing is told.`]),
    ...checks.map(({ name, conclusion, log }) =>
      log === null
        ? `The check ${JSON.stringify(name)} of CI ended as ${conclusion}. Its log can't be read from here.`
        : `The check ${JSON.stringify(name)} of CI ended as ${conclusion}. What matters of its log:\n${indented(log)}`,
    ),
  ];
  return [`Pull request #${String(pull)}, whose head is in the checkout.`, ...parts].join("\n\n");
}

function clean(text: string): string {
  return cut(redact(cleanText(cut(text, LOOKED_AT.said))).trim(), TOLD.characters);
}

/** A check's name as a follow-up is told it. Pure. */
export function checkName(name: string): string {
  return onOneLine(name, 120);
}

function onOneLine(text: string, max: number): string {
  return cut(shown(text).replace(/\s+/g, " ").trim(), max);
}

/** As a reader sees it, without colours. Only then without secrets: what shows nothing may stand in the middle of one. */
function shown(text: string): string {
  return redact(stripInvisible(withoutColours(storable(text))));
}

function indented(text: string): string {
  return text.replace(/^.*$/gm, (each) => `    ${each}`.trimEnd());
}
