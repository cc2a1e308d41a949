import type { Store } from "#ports/store.ts";

/** The owners whose policy is known, or of them the one of this login, in whatever case. */
export async function ownersNamed(store: Store, login: string | undefined): ReturnType<Store["readOwners"]> {
  const owners = await store.readOwners();
  return owners.filter((owner) => login === undefined || owner.login.toLowerCase() === login.toLowerCase());
}
