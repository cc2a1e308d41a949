import type { Facts } from "../facts.ts";

/** What a fix says. Names in it were chosen by others, and it is pasted into a shell: no command is put together elsewhere. */

const PLAIN = /^[\w./@:=+,-]+$/;

/** One word of a POSIX shell, whatever stands in it. Pure. */
export function quote(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command of one line, each word as it is meant. */
export function command(...words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** GitHub's own command, on the server that was looked at: without a word, it asks github.com. */
export function gh(facts: Pick<Facts, "pages">, ...words: readonly string[]): string {
  const host = hostOf(facts);
  return `${host === "github.com" ? "" : `GH_HOST=${quote(host)} `}${command("gh", ...words)}`;
}

/** One after the other, as long as all goes well. */
export function inTurn(commands: readonly string[]): string {
  return commands.join(" && ");
}

/** How an operator's token comes to see more. */
export function logIn(facts: Pick<Facts, "pages">): string {
  const host = hostOf(facts);
  return command("gh", "auth", "login", ...(host === "github.com" ? [] : ["-h", host]), "-s", "repo,workflow,read:org");
}

/** The command that shows what is missing, asks, and makes it; what is there it leaves. */
export function initAgain({ owner }: Pick<Facts, "owner">): string {
  return command("npx", "agent-pool", "init", owner);
}

/** Takes this release's file, without what was added to it. */
export function freshWorkflow(facts: Pick<Facts, "owner">): string {
  return `${initAgain(facts)} --fresh-workflow`;
}

export function doctorAgain({ owner }: Pick<Facts, "owner">, ...words: readonly string[]): string {
  return command("npx", "agent-pool", "doctor", owner, ...words);
}

/** A page of GitHub's; each part is one name, or names with slashes between. */
export function page({ pages }: Pick<Facts, "pages">, ...parts: readonly string[]): string {
  return [pages, ...parts.flatMap((part) => part.split("/")).map(encodeURIComponent)].join("/");
}

/** Where a file is edited that stands on a branch. */
export function editPage(facts: Pick<Facts, "pages">, repository: string, branch: string, path: string, line?: number): string {
  return `${page(facts, repository, "edit", branch, path)}${line === undefined ? "" : `#L${String(line)}`}`;
}

/** How the App's own view comes to be seen. */
export const WHERE_ENV_IS = "run doctor in the folder with the app's .env, or with APP_ID and PRIVATE_KEY set";

function hostOf({ pages }: Pick<Facts, "pages">): string {
  return URL.parse(pages)?.hostname ?? pages;
}
