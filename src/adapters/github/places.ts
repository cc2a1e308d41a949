import type { Octokit } from "@octokit/rest";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import type { GitHubFailure, OwnComment, Place } from "#ports/github.ts";
import { createAsking } from "./asking.ts";

type Answer<T> = Promise<Result<T, GitHubFailure>>;
const PAGE = 100;
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
  const { ask } = createAsking(app);
  const ids: InstallationId[] = [];
  for (let page = 1; ; page += 1) {
    const listed = await ask("GET /app/installations", { per_page: PAGE, page });
    if (!listed.ok) return listed;
    for (const { id, suspended_at: suspended } of listed.value) if (suspended == null) ids.push(InstallationId(id));
    if (listed.value.length < PAGE) return ok(ids);
  }
}

async function readPlacesOf(client: Octokit, installation: InstallationId): Answer<readonly Place[]> {
  const { ask } = createAsking(client);
  const places: Place[] = [];
  for (let page = 1; ; page += 1) {
    const listed = await ask("GET /installation/repositories", { per_page: PAGE, page });
    if (!listed.ok) return listed;
    for (const { id, name, private: isPrivate, owner } of listed.value.repositories)
      places.push({
        installation,
        owner: { id: OwnerId(Number(owner.id)), login: owner.login },
        repository: { id: RepositoryId(Number(id)), name, private: isPrivate },
      });
    if (listed.value.repositories.length < PAGE) return ok(places);
  }
}

/** Those with our marker by our own bot, of issues as of pull requests. */
export async function readOwnComments(
  client: Octokit,
  { owner, repository }: Place,
  { bot, since }: { readonly bot: number; readonly since: string },
): Answer<readonly OwnComment[]> {
  const { ask } = createAsking(client);
  const comments: OwnComment[] = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const listed = await ask("GET /repos/{owner}/{repo}/issues/comments", {
      owner: owner.login,
      repo: repository.name,
      sort: "updated",
      direction: "desc",
      since,
      per_page: PAGE,
      page,
    });
    if (!listed.ok) return listed;
    for (const { id, user, body = "", issue_url: issueUrl } of listed.value) {
      if (Number(user?.id) !== bot || parseCommentMarker(body) === undefined) continue;
      comments.push({ id: Number(id), issue: Number(issueUrl.split("/").at(-1)), body });
    }
    if (listed.value.length < PAGE) break;
  }
  return ok(comments);
}
