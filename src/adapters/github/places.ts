import type { Octokit } from "@octokit/rest";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import type { Answer, OwnComment, Place } from "#ports/github.ts";
import { createAsking, everyPage, type Asking } from "./asking.ts";

/** Ten thousand comments: a repository where more were edited is looked at as far as that. */
const MAX_PAGES = 100;

type Under = <T>(installation: InstallationId, read: (client: Octokit) => Answer<T>) => Answer<T>;

/** All that the App is installed on; `under`: a token of one installation. */
export async function readPlaces(app: Octokit, under: Under): Answer<readonly Place[]> {
  const installations = await readInstallations(app);
  if (!installations.ok) return installations;
  const places: Place[] = [];
  for (const installation of installations.value) {
    const read = await under(installation, (client) => readPlacesOf(client, installation));
    if (!read.ok) return read;
    places.push(...read.value);
  }
  return ok(places);
}

/** Those that it gets tokens for. */
async function readInstallations(app: Octokit): Answer<readonly InstallationId[]> {
  const listed = await listInstallations(createAsking(app));
  if (!listed.ok) return listed;
  return ok(listed.value.filter((each) => each.suspended_at == null).map(({ id }) => InstallationId(id)));
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
