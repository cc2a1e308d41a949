import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import { connectAppView } from "#adapters/github/app-view.ts";
import { connectOperator } from "#adapters/github/operator.ts";
import { pagesOf } from "#core/setup/app-manifest.ts";
import type { ActionPin } from "#core/setup/answers.ts";
import type { ServerFacts } from "#core/setup/facts.ts";
import { WORKFLOW_FILE } from "#core/setup/files.ts";
import { isLoopback } from "#core/setup/public-url.ts";
import { parseRecord } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { AppView } from "#ports/app-view.ts";
import type { Operator } from "#ports/operator.ts";
import { readVariables } from "./env-file.ts";
import { readOperatorEnv, type EnvProblem } from "./env.ts";
import { reasonOf } from "./reason.ts";
import { findRelease } from "./release.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ANSWER_MS = 10_000;
const run = promisify(execFile);

/** Why a command of the operator's ends: one line, and the exit code. */
export type CommandFailure = { readonly message: string; readonly code: 1 | 2 };

/** What the operator's machine has for `init` and `doctor`. */
export type OperatorTools = {
  /** undefined: no login of theirs was found. */
  readonly operator: Operator | undefined;
  /** undefined: the App's key isn't here. */
  readonly app: AppView | undefined;
  readonly appUrl: string | undefined;
  readonly apiUrl: string;
  readonly pages: string;
  readonly release: {
    readonly template: string;
    readonly action: ActionPin | undefined;
    readonly permissions: Readonly<Record<string, string>>;
    readonly events: readonly string[];
  };
};

export async function openOperatorTools(): Promise<Result<OperatorTools, EnvProblem>> {
  const env = readOperatorEnv(readVariables(process.env));
  if (!env.ok) return env;
  const { apiUrl, publicUrl, app } = env.value;
  const token = await findToken(apiUrl);
  const manifest = parse(await readFile(`${ROOT}/app.yml`, "utf8")) as {
    default_permissions: Record<string, string>;
    default_events: string[];
  };
  return ok({
    operator: token === undefined ? undefined : connectOperator(apiUrl, token),
    app: app === undefined ? undefined : connectAppView({ ...app, apiUrl }),
    appUrl: publicUrl,
    apiUrl,
    pages: pagesOf(apiUrl),
    release: {
      template: await readFile(`${ROOT}/${WORKFLOW_FILE}`, "utf8"),
      action: await findRelease(),
      permissions: manifest.default_permissions,
      events: manifest.default_events,
    },
  });
}

/** As `gh` finds it: the environment's token for that kind of server first, then its own login there. */
async function findToken(apiUrl: string): Promise<string | undefined> {
  const { hostname } = new URL(pagesOf(apiUrl));
  // A token of github.com is shown to no other server, whatever a `.env` says where GitHub is. On this machine it is a stand-in.
  const isGitHub = hostname === "github.com" || hostname.endsWith(".ghe.com") || isLoopback(apiUrl);
  const names = isGitHub ? ["GH_TOKEN", "GITHUB_TOKEN"] : ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
  const set = names.map((name) => process.env[name]).find(Boolean);
  if (set !== undefined) return set;
  try {
    const { stdout } = await run("gh", ["auth", "token", "--hostname", hostname]);
    return stdout.trim() || undefined;
  } catch {
    // Not installed, or not logged in there.
    return undefined;
  }
}

/** How the app answers at its address. */
export async function askServer(publicUrl: string): Promise<Result<ServerFacts, string>> {
  try {
    const ask = (path: string) => fetch(`${publicUrl}${path}`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "manual" });
    const health = await ask("/healthz");
    const ready = await ask("/readyz");
    const { release } = parseRecord(await health.text()) ?? {};
    const says = (await ready.text()).slice(0, 300);
    return ok({ health: health.status, ready: ready.status, says, release: typeof release === "string" ? release : null });
  } catch (error) {
    return err(`nothing answers at ${publicUrl} from here: ${reasonOf(error)}`);
  }
}
