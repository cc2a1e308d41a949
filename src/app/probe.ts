import { CONTRACT_VERSION } from "#core/wire/contract.ts";
import { OwnerId } from "#core/wire/ids.ts";
import type { ProbeReply } from "#core/wire/probe.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { parseConfig } from "#core/config/parse.ts";
import { CONFIG_FILE, Policy } from "#core/config/policy.ts";
import { workflowPath } from "#core/setup/files.ts";
import type { RunIdentity } from "#ports/runtime.ts";
import { IDENTITY_UNKNOWN, LATER, type Refused } from "./claim.ts";
import type { Deps } from "./deps.ts";

/**
 * A run that does no work shows who it is, and hears what of that a claim would be refused for: what holds of every run that is granted
 * one, and, once the owner's policy has been read, that it is of its runner, its workflow and one of its credentials. Nothing is kept of it,
 * and it is handed nothing.
 */
export async function probe({ store, runtime }: Asked, oidcToken: string): Promise<Result<ProbeReply, Refused>> {
  const verified = await runtime.verifyIdentity(oidcToken);
  if (!verified.ok) return err(verified.error === "unavailable" ? LATER : IDENTITY_UNKNOWN);
  const identity = verified.value;
  const kept = await store.readPolicy(OwnerId(Number(identity.repositoryOwnerId)));
  const policy = kept === undefined ? undefined : parseConfig(CONFIG_FILE, kept.text, Policy);
  const wrong = [...HELD, ...(policy?.ok === true ? heldBy(policy.value) : [])].find(({ holds }) => !holds(identity));
  return wrong === undefined ? ok({ contract: CONTRACT_VERSION }) : err({ status: 403, error: wrong.error, fix: wrong.fix });
}

type Asked = {
  readonly store: Pick<Deps["store"], "readPolicy">;
  readonly runtime: Pick<Deps["runtime"], "verifyIdentity">;
};

type Held = { readonly holds: (identity: RunIdentity) => boolean; readonly error: string; readonly fix: string };

const HELD: readonly Held[] = [
  {
    holds: ({ eventName }) => eventName === "workflow_dispatch",
    error: "this run was started by no dispatch",
    fix: "the workflow must be started by a dispatch alone",
  },
  {
    holds: ({ runAttempt }) => runAttempt === "1",
    error: "this is a re-run",
    fix: "have doctor send another probe",
  },
  {
    holds: ({ refProtected }) => refProtected === "true",
    error: "GitHub doesn't say of this run that its branch is protected",
    fix: "protect the default branch of the runner repository",
  },
];

function heldBy({ runner, pool }: Policy): readonly Held[] {
  return [
    {
      holds: ({ workflowRef, ref }) =>
        workflowRef.toLowerCase() === `${runner.repository}/${workflowPath(runner.workflow)}@${ref}`.toLowerCase(),
      error: "this run is of another repository or workflow than the policy's runner",
      fix: "compare `runner` in the policy with where the workflow stands",
    },
    {
      holds: ({ environment }) => pool.some(({ name }) => name === environment),
      error: "this run is in no environment of the policy's credentials",
      fix: "the job must say `environment: { name: ${{ inputs.credential }} }`",
    },
  ];
}
