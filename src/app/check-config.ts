import { checkConfig } from "#core/config/check.ts";
import { CONFIG_FILE } from "#core/config/policy.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import type { Claimed } from "#ports/store.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Deps, Triggered } from "./deps.ts";

export const CONFIGURATION = "agent-pool / configuration";

/** A commit that changes a configuration file gets one check run: whether the file is valid, and what the change means. */
export async function checkConfiguration(
  { github }: Deps,
  { tries }: Claimed<Delivery>,
  { place, commit, against }: Extract<DeliveryEvent, { kind: "config-changed" }>,
): Promise<Triggered> {
  // A try before this one may have made it, and its answer was lost.
  const found = tries > 1 ? await github.findOwnCheckRun(place, commit, CONFIGURATION) : undefined;
  if (found?.ok === false) return { failed: found.error };
  if (found?.value !== undefined) return { note: "its configuration was checked" };
  const files = await github.readConfigFile(place, commit, against);
  if (!files.ok) return { failed: files.error };
  const { before, after } = files.value;
  const check = checkConfig(place.owner.login, place.repository.name, before, after);
  if (check === undefined) return { note: "its configuration is what it was" };
  const made = await github.createCheckRun(place, { ...check, name: CONFIGURATION, commit, path: CONFIG_FILE });
  return made.ok ? { note: "its configuration was checked" } : { failed: made.error };
}
