import { err, ok, type Result } from "#core/wire/result.ts";
import { routingReport, type RoutingReport } from "#core/plan/routing-report.ts";
import type { Store } from "#ports/store.ts";
import { ownersNamed } from "./owners.ts";

export type OwnerRouting = { readonly owner: string; readonly routing: RoutingReport };

/** What routing has come to for every owner, or the one that is named; or whose there are. */
export async function readRoutings(
  store: Store,
  login: string | undefined,
): Promise<Result<readonly OwnerRouting[], readonly string[]>> {
  const wanted = await ownersNamed(store, login);
  if (login !== undefined && wanted.length === 0) return err((await store.readOwners()).map((owner) => owner.login));
  return ok(
    await Promise.all(
      wanted.map(async ({ owner, login: name }) => ({ owner: name, routing: routingReport(await store.readAttempts(owner)) })),
    ),
  );
}
