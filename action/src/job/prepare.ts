import type { Workspace } from "#action/runner/workspace.ts";
import { WIRES } from "#action/gateway/wires/table.ts";
import type { Wire } from "#action/gateway/wires/wire.ts";
import type { Harness } from "#action/harness/harness.ts";
import { findHarness, HARNESS } from "#action/harness/table.ts";
import { blocked, type Blocked } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import type { Log } from "#action/runner/log.ts";
import { makeOtherUser } from "#action/sandbox/other-user.ts";
import { proveSandbox, type Unproven } from "#action/sandbox/proof.ts";
import { makeBareRunner, makeSandbox, missingPrograms, type Sandbox } from "#action/sandbox/sandbox.ts";
import { installTool } from "#action/tools.ts";
import { type Auth, AUTHS, type Claim, type Provider, PROVIDERS } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";

/** The sandbox as proven, once it is known where the harness is installed. */
export type Ready = AsyncDisposable & { sandboxFor(toolFolders: readonly string[]): Sandbox };

/**
 * Before the claim, so that a runner that can't do the work spends nothing. A fault is told to the app after the claim.
 * Namespaces where the kernel gives them, a separate user where it refuses them, and otherwise nothing runs.
 * Errors: sandboxUnavailable.
 */
export async function prepare(inputs: Inputs, workspace: Workspace, log: Log): Promise<Result<Ready, Blocked>> {
  const { surroundings } = inputs;
  const place = { surroundings, workspace };
  const deps = { ...place, toolFolders: [] };
  const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };
  if (surroundings.unsandboxed) {
    log("NO SANDBOX: the playground's scripted model only");
    return ok({ ...nothing, sandboxFor: (toolFolders) => makeBareRunner({ ...place, toolFolders }) });
  }
  const missing = await missingPrograms(surroundings.path);
  if (missing.length > 0)
    return refuse(
      `Missing on the runner: ${missing.join(", ")}. Run \`sudo apt-get install -y bubblewrap socat ripgrep\` before this step.`,
    );
  const srt = await installTool("srt", surroundings);
  if (!srt.ok) return srt;
  const proven = await proveSandbox(makeSandbox(deps, srt.value), deps);
  if (proven.ok) {
    log("sandbox proven", { kind: "srt", version: srt.value.version });
    return ok({ ...nothing, sandboxFor: (toolFolders) => makeSandbox({ ...place, toolFolders }, srt.value) });
  }
  if (proven.error.kind === "leaks") return refuse(describeLeaks(proven.error));
  const user = await makeOtherUser(deps, srt.value);
  if (!user.ok)
    return refuse(
      `The sandbox did not start (${proven.error.detail}). On ubuntu-24.04 run \`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\` before this step. A separate user instead: ${user.error}.`,
    );
  const provenUser = await proveSandbox(user.value, deps);
  if (provenUser.ok) {
    log("sandbox proven", { kind: "user", because: proven.error.detail });
    return ok({ sandboxFor: () => user.value, [Symbol.asyncDispose]: () => user.value[Symbol.asyncDispose]() });
  }
  await user.value[Symbol.asyncDispose]();
  return refuse(
    `Namespaces are refused here (${proven.error.detail}), and of a separate user: ${describeLeaks(provenUser.error)}`,
  );
}

function describeLeaks({ kind, detail }: Unproven): string {
  if (kind === "notStarted") return `The sandbox did not start (${detail}).`;
  return `The sandbox is not tight: ${detail}. Undo what this runner changes of that, or use GitHub's ubuntu-24.04 runners.`;
}

function refuse(detail: string): Result<never, Blocked> {
  return err(blocked("sandboxUnavailable", detail));
}

/** What an attempt works with: what the claim names, as this version of the Action knows it, and where that runs. */
export type Choice = {
  readonly ready: Ready;
  readonly harness: Harness;
  readonly provider: Provider;
  readonly wire: Wire;
  /** What the leased key is. */
  readonly auth: Auth;
};

/** Errors: harnessUnavailable, keyMissing. */
export function choose(
  ready: Ready,
  { key }: Pick<Inputs, "key">,
  { route, auth: word }: Pick<Claim, "route" | "auth">,
): Result<Choice, Blocked> {
  const harness = findHarness(route.harness);
  if (harness === undefined) return unknown("the harness", route.harness, Object.keys(HARNESS));
  const provider = PROVIDERS.find((known) => known === route.provider);
  if (provider === undefined) return unknown("the provider", route.provider, PROVIDERS);
  const auth = AUTHS.find((known) => known === word);
  if (auth === undefined) return unknown("credentials of the kind", word, AUTHS);
  const { speaks, auths } = harness.info;
  const wireId = speaks[provider];
  if (wireId === undefined || !auths.includes(auth))
    return err(
      blocked("harnessUnavailable", `${route.harness} can't work with ${provider} by ${auth}. This is a defect of the app.`),
    );
  if (auth !== "workload-identity" && key === "") {
    return err(
      blocked(
        "keyMissing",
        "The environment of this job has no secret AGENT_POOL_KEY. Add it to the environment that is named like the credential, in the runner repository's settings.",
      ),
    );
  }
  return ok({ ready, harness, provider, wire: WIRES[wireId], auth });
}

/** A word of a later contract. */
function unknown(what: string, word: string, known: readonly string[]): Result<never, Blocked> {
  return err(
    blocked(
      "harnessUnavailable",
      `The workflow's version of the Action doesn't know ${what} \`${cut(word, 50)}\`, only ${known.join(", ")}. Raise the commit of the Action in the workflow of the runner repository.`,
    ),
  );
}
