import { AUTHS, type Claim, PROVIDERS } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import type { Prepared } from "./attempt.ts";
import { blocked, type Blocked } from "./failure.ts";
import { findHarness, HARNESS } from "./harness/table.ts";
import type { Inputs } from "./inputs.ts";
import type { Log } from "./log.ts";
import { makeBareRunner, makeSandbox, proveSandbox } from "./sandbox.ts";
import { installTool, type Tool } from "./tools.ts";
import { WIRES } from "./wires/table.ts";
import type { Workspace } from "./workspace.ts";

/** What every route needs. `srt` is undefined where there is no sandbox (see `Surroundings.unsandboxed`). */
export type Ready = { readonly srt: Tool | undefined };

/** Before the claim, so that a runner that can't do the work spends nothing. A fault is told to the app after the claim. */
export async function prepare(inputs: Inputs, workspace: Workspace, log: Log): Promise<Result<Ready, Blocked>> {
  const { surroundings } = inputs;
  if (surroundings.unsandboxed) {
    log("NO SANDBOX: the playground's scripted model only");
    return ok({ srt: undefined });
  }
  const srt = await installTool("srt", surroundings);
  if (!srt.ok) return srt;
  const deps = { surroundings, workspace, toolFolders: [] };
  const proven = await proveSandbox(makeSandbox(deps, srt.value), deps);
  if (!proven.ok) return proven;
  log("sandbox proven", { version: srt.value.version });
  return ok({ srt: srt.value });
}

/** After the claim, which names the harness and what the key is. Errors: harnessUnavailable. */
export async function equip(
  inputs: Inputs,
  workspace: Workspace,
  ready: Ready,
  { route, auth: word }: Pick<Claim, "route" | "auth">,
  log: Log,
): Promise<Result<Prepared, Blocked>> {
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
  if (auth !== "workload-identity" && inputs.key === "") {
    return err(
      blocked(
        "keyMissing",
        "The environment of this job has no secret AGENT_POOL_KEY. Add it to the environment that is named like the credential, in the runner repository's settings.",
      ),
    );
  }
  const tool = await installTool(harness.tool, inputs.surroundings);
  if (!tool.ok) return tool;
  log("harness ready", { version: tool.value.version });
  const deps = { surroundings: inputs.surroundings, workspace, toolFolders: [tool.value.folder] };
  const sandbox = ready.srt === undefined ? makeBareRunner(deps) : makeSandbox(deps, ready.srt);
  return ok({ workspace, sandbox, harness, provider, wire: WIRES[wireId], auth, tool: tool.value });
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
