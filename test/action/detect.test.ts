import { execFileSync } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { detectChecks, readShown, type Shown } from "../../action/src/checks/detect.ts";
import { makeWorkspace } from "../../action/src/runner/workspace.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

const ALL_TOOLS = ["npm", "pnpm", "yarn", "bun", "pytest", "go", "cargo", "make"];

function shown(texts: Record<string, string>, more: { names?: string[]; tools?: string[]; installed?: string[] } = {}): Shown {
  return {
    texts,
    names: new Set([...Object.keys(texts), ...(more.names ?? [])]),
    tools: new Set(more.tools ?? ALL_TOOLS),
    installed: new Set(more.installed),
  };
}

const node = (script: unknown, more: object = {}): Record<string, string> => ({
  "package.json": JSON.stringify({ scripts: { test: script }, ...more }),
});
const VITEST = node("vitest run", { devDependencies: { vitest: "5.1.1" } });
const PLACEHOLDER = `echo "Error: no test specified" && exit 1`;

const TABLE: readonly (readonly [string, Shown, readonly string[]])[] = [
  ["nothing known", shown({ "README.md": "# Run npm test" }), []],
  ["a test script", shown(node("node --test")), ["npm test"]],
  ["npm's placeholder", shown(node(PLACEHOLDER)), []],
  ["an empty test script", shown(node(" ")), []],
  ["a test script that is no text", shown(node(["a"])), []],
  ["a package without scripts", shown({ "package.json": "{}" }), []],
  ["a package.json that can't be read", shown({ "package.json": "{" }), []],
  ["a script whose packages are not installed", shown(VITEST), []],
  ["a script whose packages are installed", shown(VITEST, { installed: ["node_modules"] }), ["npm test"]],
  ["pnpm's lock file", shown(node("node --test"), { names: ["pnpm-lock.yaml"] }), ["pnpm test"]],
  ["yarn's lock file", shown(node("node --test"), { names: ["yarn.lock"] }), ["yarn test"]],
  ["bun's lock file", shown(node("node --test"), { names: ["bun.lock"] }), ["bun run test"]],
  ["pnpm's lock file without pnpm", shown(node("node --test"), { names: ["pnpm-lock.yaml"], tools: ["npm"] }), []],
  ["pytest's section", shown({ "pyproject.toml": "[tool.pytest.ini_options]\n" }), ["pytest"]],
  ["pytest among the requirements", shown({ "pyproject.toml": `[project.optional-dependencies]\ntest = ["pytest>=8"]\n` }), ["pytest"]],
  ["pytest in tox.ini", shown({ "tox.ini": "[testenv]\ncommands = pytest\n" }), ["pytest"]],
  ["a Python project without pytest", shown({ "pyproject.toml": "[project]\nname = 'a'\n" }), []],
  ["pytest in the virtual environment that set-up made", shown({ "pytest.ini": "[pytest]\n" }, { tools: [], installed: [".venv/bin/pytest"] }), [".venv/bin/pytest"]],
  ["pytest nowhere", shown({ "pytest.ini": "[pytest]\n" }, { tools: [] }), []],
  ["a Go module that requires nothing", shown({ "go.mod": "module a\n\ngo 1.26\n" }), ["go test ./..."]],
  ["a Go module whose modules are missing", shown({ "go.mod": "module a\n\nrequire b v1.0.0\n" }), []],
  ["a Go module whose modules are vendored", shown({ "go.mod": "module a\n\nrequire b v1.0.0\n" }, { installed: ["vendor"] }), ["go test ./..."]],
  ["a Go module without Go", shown({ "go.mod": "module a\n" }, { tools: ["make"] }), []],
  ["a crate that depends on nothing", shown({ "Cargo.toml": "[package]\nname = 'a'\n" }), ["cargo test"]],
  ["a crate whose dependencies are missing", shown({ "Cargo.toml": "[dev-dependencies]\nb = '1'\n" }), []],
  ["a workspace whose dependencies are missing", shown({ "Cargo.toml": "[workspace.dependencies]\nb = '1'\n" }), []],
  ["a crate whose dependencies are fetched", shown({ "Cargo.toml": "[dependencies]\nb = '1'\n" }, { installed: ["~/.cargo/registry"] }), ["cargo test"]],
  ["a Makefile with a target of that name", shown({ Makefile: "all: build\n\ntest: build\n\t./run\n" }), ["make test"]],
  ["a Makefile with a variable of that name", shown({ Makefile: "test := 1\ntest:=2\n" }), []],
  ["a Makefile with another target", shown({ Makefile: "tests:\n\t./run\n.PHONY: test\n" }), []],
  ["a Makefile without make", shown({ Makefile: "test:\n\t./run\n" }, { tools: [] }), []],
  ["a Makefile beside a package", shown({ ...node("node --test"), Makefile: "test:\n\tnpm test\n" }), ["npm test"]],
  ["two ecosystems", shown({ ...node("node --test"), "go.mod": "module a\n" }), ["npm test", "go test ./..."]],
]; // prettier-ignore

describe("the checks that a checkout shows", () => {
  test.each(TABLE)("with %s", (_name, facts, expected) => {
    expect(detectChecks(facts)).toEqual(expected);
  });

  test("are read at base, whatever set-up has written into the work tree", async () => {
    await using workspace = await makeWorkspace(testSurroundings().temp);
    const put = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      await chmod(path, 0o755);
    };
    await put(join(workspace.repo, "package.json"), VITEST["package.json"] ?? "");
    await put(join(workspace.repo, "docs/go.mod"), "module deeper\n");
    const inRepo = (...args: string[]): string => execFileSync("git", args, { cwd: workspace.repo, encoding: "utf8" }).trim();
    inRepo("init", "-q");
    inRepo("add", "-A");
    inRepo("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "base");
    await put(join(workspace.repo, "node_modules/vitest/index.js"), "");
    await put(join(workspace.repo, "Makefile"), "test:\n\ttrue\n");
    await put(join(workspace.home, "bin/npm"), "");
    const path = join(workspace.home, "bin");
    const git = { program: "/usr/bin/git", workTree: workspace.repo, home: workspace.hidden, path };

    const shown = await readShown(git, workspace, inRepo("rev-parse", "HEAD"));
    const facts = shown.ok ? shown.value : expect.unreachable(shown.error.detail);
    const none = await readShown(git, workspace, "0".repeat(40));

    expect(none).toMatchObject({ ok: false, error: { reason: "setupFailed" } });
    expect(Object.keys(facts.texts)).toEqual(["package.json"]);
    expect([facts.tools, facts.installed]).toEqual([new Set(["npm"]), new Set(["node_modules"])]);
    expect(detectChecks(facts)).toEqual(["npm test"]);
  });
});
