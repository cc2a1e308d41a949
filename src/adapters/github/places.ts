import type { Octokit } from "@octokit/rest";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import type { Answer, OwnComment, Place, Places } from "#ports/github.ts";
import { createAsking, everyPage, type Asking } from "./asking.ts";

/** Ten thousand comments: a repository where more were edited is looked at as far as that. */
const MAX_PAGES = 100;

type Under = <T>(installation: InstallationId, read: (client: Octokit) => Answer<T>) => Answer<T>;

/**
 * What the App is installed on at the owners that are wanted; of no other is a token asked for. `under`: a token of one installation.
 * One that GitHub refuses stops no other: who installs a public App may be anybody.
 */
export async function readPlaces(app: Octokit, under: Under, isWanted: (owner: Owner) => boolean): Answer<Places> {
  const installations = await readInstallations(app);
  if (!installations.ok) return installations;
  const places: Place[] = [];
  const refused: Places["refused"][number][] = [];
  for (const { id, owner } of installations.value) {
    if (!isWanted(owner)) continue;
    const read = await under(id, (client) => readPlacesOf(client, id));
    if (read.ok) places.push(...read.value);
    else if (read.error.reason === "github-unavailable") return read;
    else refused.push({ owner, failure: read.error });
  }
  return ok({ places, refused });
}

type Owner = Place["owner"];

/** Those that it gets tokens for. An enterprise, which has no login, has no repositories either. */
async function readInstallations(app: Octokit): Answer<readonly { readonly id: InstallationId; readonly owner: Owner }[]> {
  const listed = await listInstallations(createAsking(app));
  if (!listed.ok) return listed;
  return ok(
    listed.value.flatMap(({ id, account, suspended_at: suspendedAt }) =>
      suspendedAt == null && account !== null && "login" in account
        ? [{ id: InstallationId(id), owner: { id: OwnerId(account.id), login: account.login } }]
        : [],
    ),
  );
}

export function listInstallations({ ask }: Asking) {
  return everyPage((paging) => ask("GET /app/installations", paging));
}

async function readPlacesOf(client: Octokit, installation: InstallationId): Answer<readonly Place[]> {
  const listed = await listRepositories(createAsking(client));
  if (!listed.ok) return listed;
  return ok(
    listed.value.map(({ id, name, private: isPrivate, owner }) => ({
      installation,
      owner: { id: OwnerId(Number(owner.id)), login: owner.login },
      repository: { id: RepositoryId(Number(id)), name, private: isPrivate },
    })),
  );
}

/** All that an installation's token sees. */
export function listRepositories({ ask }: Asking) {
  return everyPage(async (paging) => {
    const listed = await ask("GET /installation/repositories", paging);
    return listed.ok ? ok(listed.value.repositories) : listed;
  });
}

/** Those with our marker by our own bot, of issues as of pull requests. */
export async function readOwnComments(
  client: Octokit,
  { owner, repository }: Place,
  { bot, since }: { readonly bot: number; readonly since: string },
): Answer<readonly OwnComment[]> {
  const { ask } = createAsking(client);
  const place = { owner: owner.login, repo: repository.name, sort: "updated", direction: "desc", since } as const;
  const listed = await everyPage(
    (paging) => ask("GET /repos/{owner}/{repo}/issues/comments", { ...place, ...paging }),
    MAX_PAGES,
  );
  if (!listed.ok) return listed;
  const own = listed.value.filter(({ user, body = "" }) => Number(user?.id) === bot && parseCommentMarker(body) !== undefined);
  return ok(own.map(({ id, body = "", issue_url: issue }) => ({ id: Number(id), issue: Number(issue.split("/").at(-1)), body })));
}
