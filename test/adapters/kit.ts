import { createGitHub } from "#adapters/github/github.ts";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { at, type Stage } from "../playground/github-kit.ts";

export function connect({ github: { app, url } }: Stage): GitHub {
  return createGitHub({ appId: app.id, privateKey: app.privateKeyPem, apiUrl: url });
}

/** A repository, by `owner/name`, as the app names it. */
export async function placeOf(on: Stage, name: string): Promise<Place> {
  const [login = "", repository = ""] = name.split("/");
  const { list } = await on.call("GET", "/app/installations", await on.jwt());
  const installation = list.find(({ account }) => at(account, "login") === login);
  const owner = await on.github.createOwner({ login, kind: "Organization" });
  const { body } = await on.call("GET", `/repos/${name}`, await on.token());
  return {
    installation: InstallationId(Number(installation?.["id"])),
    owner: { id: OwnerId(owner.id), login },
    repository: { id: RepositoryId(Number(body["id"])), name: repository, private: true },
  };
}
