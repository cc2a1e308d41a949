import { CONTRACT_VERSION } from "#core/wire/contract.ts";
import type { ProbeReply } from "#core/wire/probe.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { RunIdentity } from "#ports/runtime.ts";
import { IDENTITY_UNKNOWN, LATER, type Refused } from "./claim.ts";
import type { Deps } from "./deps.ts";

/** What holds of every run that a claim is granted to, whatever it was dispatched for. */
const HELD: readonly { readonly claim: keyof RunIdentity; readonly is: string; readonly fix: string }[] = [
  { claim: "eventName", is: "workflow_dispatch", fix: "the workflow must be started by a dispatch alone" },
  { claim: "runAttempt", is: "1", fix: "a re-run can't continue what the first run left: have doctor send another probe" },
  { claim: "refProtected", is: "true", fix: "protect the default branch of the runner repository" },
];

/** A run that does no work shows who it is, and hears what of that a claim would be refused for. */
export async function probe({ runtime }: Pick<Deps, "runtime">, oidcToken: string): Promise<Result<ProbeReply, Refused>> {
  const verified = await runtime.verifyIdentity(oidcToken);
  if (!verified.ok) return err(verified.error === "unavailable" ? LATER : IDENTITY_UNKNOWN);
  const wrong = HELD.find(({ claim, is }) => verified.value[claim] !== is);
  if (wrong === undefined) return ok({ contract: CONTRACT_VERSION });
  return err({ status: 403, error: `of this run GitHub says ${wrong.claim} ${verified.value[wrong.claim]}`, fix: wrong.fix });
}
