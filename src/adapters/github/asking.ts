import type { Octokit } from "@octokit/rest";
import type { Endpoints } from "@octokit/types";
import { ok, type Result } from "#core/wire/result.ts";
import type { Answer, GitHubFailure } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

type Data<R extends keyof Endpoints> = Endpoints[R]["response"]["data"];

/** Calls by their route, as GitHub's documentation names it, with the answer's data. */
export type Asking = {
  readonly ask: <R extends keyof Endpoints>(route: R, parameters: Endpoints[R]["parameters"]) => Answer<Data<R>>;
  /** Where 404 is an answer. */
  readonly find: <R extends keyof Endpoints>(route: R, parameters: Endpoints[R]["parameters"]) => Answer<Data<R> | undefined>;
  /** What is to be gone may be gone already. */
  readonly remove: <R extends keyof Endpoints>(route: R, parameters: Endpoints[R]["parameters"]) => Answer<void>;
};

export function createAsking(octokit: Octokit): Asking {
  const ask: Asking["ask"] = async (route, parameters) => {
    const answered = await answer(route, () => octokit.request(route as string, { ...parameters, request: timeout() }));
    return answered.ok ? ok(answered.value.data as Data<typeof route>) : answered;
  };
  const find: Asking["find"] = async (route, parameters) => {
    const answered = await ask(route, parameters);
    return isMissing(answered) ? ok(undefined) : answered;
  };
  return { ask, find, remove: async (route, parameters) => done(await find(route, parameters)) };
}

/** As many as GitHub lists on a page. */
export const PAGE = 100;

/** A list in full, page after page; of one that is longer than `most` pages, so much. */
export async function everyPage<T>(
  read: (paging: { readonly per_page: number; readonly page: number }) => Answer<readonly T[]>,
  most = Infinity,
): Answer<readonly T[]> {
  const items: T[] = [];
  for (let page = 1; page <= most; page += 1) {
    const listed = await read({ per_page: PAGE, page });
    if (!listed.ok) return listed;
    items.push(...listed.value);
    if (listed.value.length < PAGE) break;
  }
  return ok(items);
}

/** The parts of `owner/name`, as routes name them. */
export function at(repository: string): { readonly owner: string; readonly repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

/** That it was done, without what GitHub says of it. */
export function done(answered: Result<unknown, GitHubFailure>): Result<void, GitHubFailure> {
  return answered.ok ? ok(undefined) : answered;
}

function isMissing(answered: Result<unknown, GitHubFailure>): boolean {
  return !answered.ok && answered.error.reason === "github-refused" && answered.error.status === 404;
}
