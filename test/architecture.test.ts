import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readImports, refusal, roomOf, ROOMS, ROOT, sourceFiles, type Import } from "../scripts/import-table.ts";

const FILES = sourceFiles();
const IMPORTS = FILES.flatMap(readImports);
const MAX_LINES = 330;

function imported(from: string, specifier: string, target: Import["target"]): Import {
  return { from, specifier, target };
}

describe("house", () => {
  it("was looked at: modules and imports", () => {
    expect(FILES.length).toBeGreaterThan(100);
    expect(IMPORTS.length).toBeGreaterThan(300);
  });

  it("has no import that its table doesn't allow", () => {
    const offenders = IMPORTS.flatMap((found) => {
      const why = refusal(found);
      return why === undefined ? [] : [`${found.from} imports ${found.specifier}: ${why}`];
    });

    expect(offenders).toEqual([]);
  });

  it("finds the file of every import of its own", () => {
    const known = new Set([...FILES, "package.json"]);

    const lost = IMPORTS.flatMap(({ from, specifier, target }) =>
      target.kind === "file" && target.path.endsWith(".ts") && !known.has(target.path) ? [`${from} imports ${specifier}`] : [],
    );

    expect(lost).toEqual([]);
  });

  it("has a room for every file and a file in every room", () => {
    const rooms = FILES.map((file) => ({ file, room: roomOf(file)?.name }));

    expect(rooms.filter(({ room }) => room === undefined)).toEqual([]);
    expect(ROOMS.map((room) => room.name).filter((name) => !rooms.some(({ room }) => room === name))).toEqual([]);
  });

  it("allows no room a package that none of its files uses", () => {
    const used = new Set(
      IMPORTS.flatMap(({ from, target }) => (target.kind === "package" ? [`${roomOf(from)?.name ?? ""}: ${target.name}`] : [])),
    );

    const allowed = ROOMS.flatMap(({ name, packages }) => packages.filter((it) => it !== "*").map((it) => `${name}: ${it}`));

    expect(allowed.filter((it) => !used.has(it))).toEqual([]);
  });

  it("has no file too long to read", () => {
    const long = FILES.map((file) => ({ file, lines: readFileSync(join(ROOT, file), "utf8").split("\n").length - 1 })).filter(
      ({ lines }) => lines > MAX_LINES,
    );

    expect(long).toEqual([]);
  });

  it("has no way round from a room back into itself", () => {
    const edges = new Map<string, Set<string>>(ROOMS.map((room) => [room.name, new Set()]));
    for (const { from, target } of IMPORTS) {
      const [here, there] = [roomOf(from)?.name, target.kind === "file" ? roomOf(target.path)?.name : undefined];
      if (here !== undefined && there !== undefined && here !== there) edges.get(here)?.add(there);
    }

    const circles = ROOMS.map((room) => room.name).filter((start) => {
      const reached = new Set(edges.get(start));
      for (const name of reached) for (const next of edges.get(name) ?? []) reached.add(next);
      return reached.has(start);
    });

    expect(circles).toEqual([]);
  });

  it("has a core whose folders lead one way, from what is asked down to the words shared with the Action", () => {
    const FOLDERS = ["setup", "trial", "task", "pool", "plan", "request", "config", "change", "wire"];
    const rankOf = (file: string) => FOLDERS.indexOf(/^src\/core\/([a-z]+)\//.exec(file)?.[1] ?? "");
    const inside = IMPORTS.flatMap(({ from, target }) =>
      target.kind === "file" && from.startsWith("src/core/") ? [{ from, to: target.path }] : [],
    );

    expect(inside.length).toBeGreaterThan(100);
    expect(inside.filter(({ from, to }) => rankOf(from) < 0 || rankOf(to) < rankOf(from))).toEqual([]);
  });

  it("has a linter whose rules are written from the same table", () => {
    const check = spawnSync(process.execPath, ["scripts/lint-config.ts", "--check"], { cwd: ROOT, encoding: "utf8" });

    expect(check.stderr).toBe("");
    expect(check.status).toBe(0);
  });
});

describe("import table", () => {
  it.each([
    [
      "core to an adapter",
      imported("src/core/a.ts", "#adapters/store/store.ts", { kind: "file", path: "src/adapters/store/store.ts" }),
      "core may not import store",
    ],
    ["core to node:fs", imported("src/core/a.ts", "node:fs", { kind: "node", name: "fs" }), "core may not use node:fs"],
    ["core to npm", imported("src/core/a.ts", "hono", { kind: "package", name: "hono" }), "core may not use the package hono"],
    [
      "wire to the rest of core",
      imported("src/core/wire/a.ts", "../task/brief.ts", { kind: "file", path: "src/core/request/brief.ts" }),
      "wire may not import core",
    ],
    [
      "the Action to core beyond wire",
      imported("action/src/job/a.ts", "#core/request/brief.ts", { kind: "file", path: "src/core/request/brief.ts" }),
      "job may not import core",
    ],
    [
      "one adapter to another",
      imported("src/adapters/github/a.ts", "#adapters/store/store.ts", { kind: "file", path: "src/adapters/store/store.ts" }),
      "github may not import store",
    ],
    [
      "a use case to an adapter",
      imported("src/app/a.ts", "#adapters/github/github.ts", { kind: "file", path: "src/adapters/github/github.ts" }),
      "app may not import github",
    ],
    [
      "across rooms by a relative path",
      imported("src/app/a.ts", "../core/task/brief.ts", { kind: "file", path: "src/core/request/brief.ts" }),
      "imports across rooms are written #room/file.ts, not ../core/task/brief.ts",
    ],
    [
      "inside a room by its door",
      imported("src/app/a.ts", "#app/plan.ts", { kind: "file", path: "src/app/plan.ts" }),
      "inside a room imports are relative",
    ],
    [
      "to no room",
      imported("src/app/a.ts", "../../test/a.ts", { kind: "file", path: "test/a.ts" }),
      "test/a.ts belongs to no room",
    ],
  ])("refuses %s", (_name, found, why) => {
    const refused = refusal(found);

    expect(refused).toBe(why);
  });

  it.each([
    ["core to its floor", imported("src/core/task/a.ts", "../wire/result.ts", { kind: "file", path: "src/core/wire/result.ts" })],
    [
      "the Action to wire",
      imported("action/src/job/a.ts", "#core/wire/contract.ts", { kind: "file", path: "src/core/wire/contract.ts" }),
    ],
    ["a use case to a port", imported("src/app/a.ts", "#ports/store.ts", { kind: "file", path: "src/ports/store.ts" })],
    ["an adapter to npm", imported("src/adapters/store/a.ts", "kysely", { kind: "package", name: "kysely" })],
  ])("allows %s", (_name, found) => {
    const refused = refusal(found);

    expect(refused).toBeUndefined();
  });
});
