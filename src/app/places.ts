import type { OwnerId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import type { Answer, Place } from "#ports/github.ts";
import type { Deps } from "./deps.ts";

/** Whether an owner's work is done here: ALLOWED_OWNERS names it, or nobody. */
export function isServed({ allowedOwners = [] }: Pick<Deps, "allowedOwners">, login: string): boolean {
  return allowedOwners.length === 0 || allowedOwners.includes(login.toLowerCase());
}

/** Every repository of the owners that are served, or of one of them. Where GitHub refuses to tell, the log says so. */
export async function readServed(deps: Deps, of?: OwnerId): Answer<readonly Place[]> {
  const read = await deps.github.readPlaces(({ id, login }) => (of === undefined || id === of) && isServed(deps, login));
  if (!read.ok) return read;
  const { places, refused } = read.value;
  for (const { owner, failure } of refused)
    deps.runtime.log.warn(
      { owner: owner.login, failure },
      "GitHub does not tell which repositories of this owner the App is installed on",
    );
  return ok(places);
}
