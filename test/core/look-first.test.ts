import { describe, expect, it } from "vitest";
import { lookFirst } from "#core/change/look-first.ts";
import type { Change } from "#core/wire/contract.ts";

function write(path: string, content: string | Buffer = "x\n", mode: "100644" | "100755" = "100644"): Change {
  return { status: "modified", path, mode, blob: "", content: Buffer.from(content).toString("base64") };
}

const EXECUTED = [
  "package.json", "packages/a/package.json", "vite.config.ts", ".eslintrc.cjs", "Makefile", "GNUmakefile", "build/rules.mk", "justfile",
  "Dockerfile", "Dockerfile.dev", "deploy/web.dockerfile", "docker-compose.yml", "compose.yaml", ".pre-commit-config.yaml",
  "setup.py", "pyproject.toml", "tests/conftest.py", "tox.ini", "Gemfile", "build.rs", "crates/a/Cargo.toml", ".cargo/config.toml",
  "build.gradle", "app/build.gradle.kts", "gradlew", "gradle/wrapper/gradle-wrapper.jar", "pom.xml", "CMakeLists.txt", "ci/test.sh",
  "scripts/release.ts", "bin/run", ".github/scripts/lint.py", "tools/x/action.yml", "MAKEFILE", "Web.csproj",
]; // prettier-ignore

const NOT_SHOWN = ["package-lock.json", "web/yarn.lock", "Cargo.lock", "go.sum", "public/app.min.js", "public/app.css.map"];

const PLAIN = [
  "src/index.ts", "README.md", "src/makefile.ts", "docs/package.json.md", "src/scripts/a.ts", "lib/bin/a.ts", "src/lock.ts", "map.js",
  "src/config.ts",
]; // prettier-ignore

describe("what a reviewer should look at first", () => {
  it.each(EXECUTED)("holds %s, which CI executes", (path) => {
    const found = lookFirst([write(path)]);

    expect(found).toEqual([{ path, why: "executed" }]);
  });

  it.each(NOT_SHOWN)("holds %s, which GitHub folds", (path) => {
    const found = lookFirst([write(path)]);

    expect(found).toEqual([{ path, why: "not-shown" }]);
  });

  it.each(PLAIN)("leaves %s out", (path) => {
    const found = lookFirst([write(path)]);

    expect(found).toEqual([]);
  });

  it("holds what may be executed and what has no text, whatever its name", () => {
    const late = Buffer.concat([Buffer.alloc(7_999, "a"), Buffer.alloc(2)]);

    const found = lookFirst([write("src/tool", "#!/bin/sh\n", "100755"), write("logo.png", late), write("a.ts", late.subarray(0, 7_999))]); // prettier-ignore

    expect(found).toEqual([
      { path: "src/tool", why: "executed" },
      { path: "logo.png", why: "not-shown" },
    ]);
  });

  it("leaves out what is gone", () => {
    const found = lookFirst([{ status: "deleted", path: "package.json" }]);

    expect(found).toEqual([]);
  });
});
