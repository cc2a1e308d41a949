import type { CredentialName, OwnerId } from "#core/wire/ids.ts";
import type { Observation } from "#core/wire/observation.ts";
import { connectEmbedded } from "./connect.ts";
import { migrate } from "./migrations.ts";
import { lockPool } from "./pool.ts";
import { recordObservation } from "./upstreams.ts";

/** Writes what jobs saw of accounts into an embedded store that nobody has open: for the demo, which begins in the middle. */
export async function writeSeen(
  directory: string,
  owner: OwnerId,
  seen: readonly { readonly credential: CredentialName; readonly observation: Observation }[],
): Promise<void> {
  const { db, close } = await connectEmbedded(directory);
  try {
    await migrate(db);
    await db.transaction().execute(async (tx) => {
      const now = await lockPool(tx, owner);
      for (const { credential, observation } of seen)
        await recordObservation(tx, { owner, credential, model: "" }, observation, now);
    });
  } finally {
    await close();
  }
}
