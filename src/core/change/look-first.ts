import type { Change } from "../wire/contract.ts";
import { covers, readPattern } from "./pattern.ts";

/** What a reviewer may pass over, and shouldn't. */
export type LookFirst = { readonly path: string; readonly why: "executed" | "not-shown" };

/**
 * What CI, or an install in it, runs because of its name, before a line of the code under test. Workflow files are no part of
 * it: no change to them is published at all (guards.ts).
 */
const EXECUTED = [
  "package.json", "*.config.{js,cjs,mjs,ts,cts,mts}", ".eslintrc*", ".babelrc*", "deno.{json,jsonc}", "bunfig.toml",
  "{GNU,}Makefile", "*.mk", "justfile", "Taskfile.{yml,yaml}", "CMakeLists.txt", "*.cmake", "configure", "meson.build",
  "Dockerfile*", "*.dockerfile", "{docker-,}compose*.{yml,yaml}", ".pre-commit-config.yaml", "action.{yml,yaml}",
  "setup.{py,cfg}", "pyproject.toml", "conftest.py", "noxfile.py", "tox.ini", "Rakefile", "Gemfile", "*.gemspec",
  "build.rs", "Cargo.toml", ".cargo/**", "*.gradle{,.kts}", "gradle{w,w.bat}", "gradle/wrapper/**", "pom.xml", "mvnw{,.cmd}",
  ".mvn/**", "build.sbt", "mix.exs", "composer.json", "Package.swift", "*.{csproj,props,targets}",
  "*.{sh,bash,ps1,bat,cmd}", "/scripts/**", "/bin/**", ".github/**",
].map(pattern); // prettier-ignore

/** What GitHub takes for generated, and folds in a diff. Source: its `linguist` library, `generated.rb` (lock files, minified, maps). */
const FOLDED = [
  "{package-lock,npm-shrinkwrap}.json", "pnpm-lock.yaml", "bun.lock", "*.lock", "go.sum", "gradle.lockfile", "*.min.{js,css}", "*.{js,css}.map",
].map(pattern); // prettier-ignore

/** Those of a change that passed the guards, in its order. Pure. */
export function lookFirst(changes: readonly Change[]): readonly LookFirst[] {
  return changes.flatMap((change): LookFirst[] => {
    if (change.status === "deleted") return [];
    const parts = change.path.toLowerCase().split("/");
    const isModified = change.status === "modified";
    const isAmong = (patterns: typeof EXECUTED) => patterns.some((each) => covers(each, parts, isModified));
    if (change.mode === "100755" || isAmong(EXECUTED)) return [{ path: change.path, why: "executed" }];
    return isAmong(FOLDED) || isBinary(change.content) ? [{ path: change.path, why: "not-shown" }] : [];
  });
}

function pattern(text: string) {
  return readPattern(text, (name) => name.toLowerCase());
}

/** As git tells it, by a NUL in the first 8,000 bytes. Source: git's `buffer_is_binary`. */
function isBinary(base64: string): boolean {
  return Buffer.from(base64.slice(0, 10_668), "base64").subarray(0, 8_000).includes(0);
}
