import { access } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type Git, runGit } from "#action/checkout/git.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import { blocked, type Blocked, whyFailed } from "#action/runner/failure.ts";
import { findProgram } from "#action/runner/inputs.ts";
import type { Detectable } from "#core/wire/detectable.ts";
import { parseRecord } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";

/** What a checkout shows of its own checks: root files that say how to run them, with their text at base. */
export type Shown = {
  /** Names in the root folder at base. */
  readonly names: ReadonlySet<string>;
  /** Text of those of `READ` that are there. */
  readonly texts: Readonly<Partial<Record<string, string>>>;
  /** Programs of `TOOLS` on the runner's PATH. */
  readonly tools: ReadonlySet<string>;
  /** Those of `INSTALLED` that set-up, or the checkout, has put there. */
  readonly installed: ReadonlySet<string>;
};

const READ = ["package.json", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "go.mod", "Cargo.toml", "Makefile"];
const TOOLS = ["npm", "pnpm", "yarn", "bun", "pytest", "go", "cargo", "make"];
/** What a check needs that only set-up can bring: relative to the checkout, or to HOME. */
const INSTALLED = ["node_modules", ".venv/bin/pytest", "vendor", "~/go/pkg/mod", "~/.cargo/registry"];

/**
 * The commands that judge the work where the repository's settings name none: what the ecosystems at its root call their
 * tests, else `make test`. Only what can run there: its tool is on the PATH, and dependencies that it declares are installed.
 * Pure.
 */
export function detectChecks(shown: Shown): Detectable[] {
  const found = [ofNode(shown), ofPython(shown), ofGo(shown), ofRust(shown)].filter((it) => it !== undefined);
  return found.length > 0 ? found : ofMake(shown);
}

/** npm writes this script into every new package.json; its words since 2012: `echo "Error: no test specified" && exit 1`. */
const PLACEHOLDER = /no test specified/;

function ofNode({ names, texts, tools, installed }: Shown): Detectable | undefined {
  const manifest = parseRecord(texts["package.json"] ?? "");
  const scripts = manifest?.["scripts"];
  const script = typeof scripts === "object" && scripts !== null && "test" in scripts ? scripts.test : undefined;
  if (typeof script !== "string" || script.trim() === "" || PLACEHOLDER.test(script)) return undefined;
  const needs = ["dependencies", "devDependencies"].some((it) => Object.keys(manifest?.[it] ?? {}).length > 0);
  if (needs && !installed.has("node_modules")) return undefined;
  const manager = names.has("pnpm-lock.yaml")
    ? "pnpm"
    : names.has("yarn.lock")
      ? "yarn"
      : names.has("bun.lock") || names.has("bun.lockb")
        ? "bun"
        : "npm";
  if (!tools.has(manager)) return undefined;
  return manager === "bun" ? "bun run test" : `${manager} test`;
}

function ofPython({ texts, tools, installed }: Shown): Detectable | undefined {
  const files = ["pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"];
  if (!files.some((file) => /\bpytest\b/.test(texts[file] ?? ""))) return undefined;
  if (installed.has(".venv/bin/pytest")) return ".venv/bin/pytest";
  return tools.has("pytest") ? "pytest" : undefined;
}

function ofGo({ texts, tools, installed }: Shown): Detectable | undefined {
  const text = texts["go.mod"];
  if (text === undefined || !tools.has("go")) return undefined;
  const canRun = !/^require\b/m.test(text) || installed.has("vendor") || installed.has("~/go/pkg/mod");
  return canRun ? "go test ./..." : undefined;
}

function ofRust({ texts, tools, installed }: Shown): Detectable | undefined {
  const text = texts["Cargo.toml"];
  if (text === undefined || !tools.has("cargo")) return undefined;
  const needs = /^\[(?:[\w.'"()=, -]+\.)?(?:dev-|build-)?dependencies\b/m.test(text);
  return !needs || installed.has("vendor") || installed.has("~/.cargo/registry") ? "cargo test" : undefined;
}

function ofMake({ texts, tools }: Shown): Detectable[] {
  return tools.has("make") && /^test\s*:(?!=)/m.test(texts["Makefile"] ?? "") ? ["make test"] : [];
}

const MAX_FILE_BYTES = 1024 * 1024;

/** Reads base through git, not the work tree, which set-up has written to. Errors: setupFailed. */
export async function readShown(git: Git, workspace: Workspace, base: string): Promise<Result<Shown, Blocked>> {
  const until = performance.now() + MINUTE_MS;
  const listed = await runGit(git, { args: ["ls-tree", "--name-only", "-z", base], until });
  if (listed.exitCode !== 0) return err(blocked("setupFailed", `The files of ${base} can't be listed: ${whyFailed(listed)}.`));
  const names = new Set(listed.stdout.toString("utf8").split("\0"));
  const texts: Record<string, string> = {};
  for (const name of READ.filter((it) => names.has(it))) {
    const shown = await runGit(git, { args: ["cat-file", "blob", `${base}:${name}`], until, keepBytes: MAX_FILE_BYTES });
    if (shown.exitCode === 0) texts[name] = shown.stdout.toString("utf8");
  }
  const isThere = (path: string): Promise<boolean> =>
    access(path.startsWith("~/") ? join(workspace.home, path.slice(2)) : join(workspace.repo, path)).then(
      () => true,
      () => false,
    );
  return ok({
    names,
    texts,
    tools: await those(TOOLS, async (name) => (await findProgram(git.path, name)) !== undefined),
    installed: await those(INSTALLED, isThere),
  });
}

async function those(all: readonly string[], test: (one: string) => Promise<boolean>): Promise<ReadonlySet<string>> {
  const results = await Promise.all(all.map(test));
  return new Set(all.filter((_, at) => results[at]));
}
