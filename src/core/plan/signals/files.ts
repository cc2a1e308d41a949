import { isTestPath } from "../../change/test-path.ts";
import { plainName, stemOf } from "./names.ts";
import type { TreeFile } from "./places.ts";

/** `git` lists the files of a commit by these, each with its size, in the form that `listedFiles` reads. */
export const LIST_FILES = ["ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD"] as const;

/** The files of such a list: what is in the repository as a blob. Pure. */
export function listedFiles(listed: string): TreeFile[] {
  return listed.split("\0").flatMap((line) => {
    const found = /^\d+ blob \w+ +(\d+)\t([\s\S]+)$/.exec(line);
    return found === null ? [] : [{ path: found[2] ?? "", size: Number(found[1]) }];
  });
}

/** Endings of code, each with the language whose it is. */
const CODE: Readonly<Record<string, string>> = {
  c: "c",
  cc: "c++",
  cpp: "c++",
  cs: "c#",
  cxx: "c++",
  dart: "dart",
  ex: "elixir",
  exs: "elixir",
  go: "go",
  groovy: "groovy",
  h: "c",
  hpp: "c++",
  java: "java",
  js: "javascript",
  cjs: "javascript",
  mjs: "javascript",
  jsx: "javascript",
  kt: "kotlin",
  lua: "lua",
  php: "php",
  py: "python",
  pyi: "python",
  pyx: "python",
  rb: "ruby",
  rs: "rust",
  scala: "scala",
  sh: "shell",
  sql: "sql",
  svelte: "svelte",
  swift: "swift",
  ts: "typescript",
  cts: "typescript",
  mts: "typescript",
  tsx: "typescript",
  vue: "vue",
  zig: "zig",
};

/** undefined for what is not code. */
export function languageOf(path: string): string | undefined {
  return CODE[path.slice(path.lastIndexOf(".") + 1).toLowerCase()];
}

/**
 * The tests that go by these files' names: `page.test.ts`, `test_page.py`, `PageTest.java`, `tests/page/…`. What is a test
 * itself has none. Linear in the tree. Pure.
 */
export function testsBeside(files: readonly TreeFile[], tree: readonly TreeFile[]): string[] {
  const wanted = new Set(files.filter(({ path }) => isCode(path)).flatMap(({ path }) => subjectOf(path) ?? []));
  if (wanted.size === 0) return [];
  return tree.flatMap(({ path }) => (isTestPath(path) && isAbout(path, wanted) ? [path] : []));
}

/** Code that is no test. */
export function isCode(path: string): boolean {
  return languageOf(path) !== undefined && !isTestPath(path);
}

function subjectOf(path: string): string | undefined {
  const names = path.split("/");
  const stem = plainName(stemOf(names.at(-1) ?? ""));
  return stem.length < 3 ? undefined : stem;
}

function isAbout(path: string, wanted: ReadonlySet<string>): boolean {
  const names = path.split("/");
  const subject = plainName(stemOf(names.at(-1) ?? "")).replace(/^tests?|(?:tests?|spec|it)$/g, "");
  return wanted.has(subject) || wanted.has(plainName(names.at(-2) ?? ""));
}
