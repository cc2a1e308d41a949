import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Who may import whom: the one table. The linter's rules are written from it (scripts/lint-config.ts), the architecture test
 * checks the code against it by resolving every import, and the drawing in ARCHITECTURE.md shows what it found.
 * Rooms stand from the top of the house down: an arrow leads to a room below its own, or stays inside.
 */
export type Room = {
  readonly name: string;
  /** Folder, or single files, below the root. The longest match is a file's room. */
  readonly paths: readonly string[];
  readonly rooms: readonly string[];
  /** npm packages; `*` = any. */
  readonly packages: readonly string[];
  /** Node's own modules; `*` = any. */
  readonly node: readonly string[];
};

export const ROOMS: readonly Room[] = [
  {
    name: "bench",
    paths: ["bench"],
    rooms: ["playground", "store", "ports", "core", "gateway", "runner", "wire"],
    packages: ["*"],
    node: ["*"],
  },
  {
    name: "demo",
    paths: ["playground/demo"],
    rooms: ["playground", "cli", "store", "core", "wire"],
    packages: ["yaml", "zod"],
    node: ["*"],
  },
  { name: "attack", paths: ["attack"], rooms: ["playground", "wire"], packages: ["yaml", "zod", "esbuild"], node: ["*"] },
  { name: "chaos", paths: ["chaos"], rooms: ["playground", "store", "core", "wire"], packages: ["kysely"], node: ["*"] },
  { name: "playground", paths: ["playground"], rooms: ["wire"], packages: ["*"], node: ["*"] },
  {
    name: "main",
    paths: [
      "src/main.ts",
      "src/agent-pool.ts",
      "src/init.ts",
      "src/doctor.ts",
      "src/trial.ts",
      "src/operator-tools.ts",
      "src/release.ts",
      "src/env.ts",
      "src/env-file.ts",
      "src/first-start.ts",
      "src/reason.ts",
    ],
    rooms: ["web", "cli", "app", "github", "store", "runtime", "classifier", "ports", "core", "wire"],
    packages: ["*"],
    node: ["*"],
  },
  {
    name: "web",
    paths: ["src/web"],
    rooms: ["app", "ports", "core", "wire"],
    packages: ["hono", "@hono/node-server", "zod"],
    node: ["http", "crypto"],
  },
  {
    name: "cli",
    paths: ["src/cli"],
    rooms: ["app", "ports", "core", "wire"],
    packages: ["@inquirer/prompts", "zod"],
    node: ["*"],
  },
  { name: "app", paths: ["src/app"], rooms: ["ports", "core", "wire"], packages: ["zod"], node: ["timers/promises"] },
  { name: "github", paths: ["src/adapters/github"], rooms: ["ports", "core", "wire"], packages: ["*"], node: ["*"] },
  { name: "store", paths: ["src/adapters/store"], rooms: ["ports", "core", "wire"], packages: ["*"], node: ["*"] },
  { name: "runtime", paths: ["src/adapters/runtime"], rooms: ["ports", "core", "wire"], packages: ["*"], node: ["*"] },
  {
    name: "classifier",
    paths: ["src/adapters/classifier"],
    rooms: ["ports", "core", "wire"],
    packages: ["@anthropic-ai/sdk", "zod"],
    node: [],
  },
  { name: "ports", paths: ["src/ports"], rooms: ["core", "wire"], packages: [], node: [] },
  // yaml is a parser without effects, genai-prices a table, fastest-levenshtein one function; a hash and a path matcher are functions of their arguments, as is a
  // cipher in wire: keys and nonces are parameters.
  {
    name: "core",
    paths: ["src/core"],
    rooms: ["wire"],
    packages: ["zod", "yaml", "@pydantic/genai-prices", "fastest-levenshtein"],
    node: ["crypto", "path"],
  },
  // The Action: what one job does, on the things it does it with.
  {
    name: "job",
    paths: ["action/src/job", "action/src/main.ts", "action/src/post.ts", "action/src/prefetch.ts"],
    rooms: ["checks", "gateway", "harness", "sandbox", "checkout", "runner", "wire"],
    packages: ["zod", "@actions/core", "undici"],
    node: ["*"],
  },
  {
    name: "checks",
    paths: ["action/src/checks"],
    rooms: ["sandbox", "checkout", "runner", "wire"],
    packages: [],
    node: ["*"],
  },
  { name: "gateway", paths: ["action/src/gateway"], rooms: ["runner", "wire"], packages: ["undici"], node: ["*"] },
  { name: "harness", paths: ["action/src/harness"], rooms: ["runner", "wire"], packages: [], node: ["*"] },
  { name: "sandbox", paths: ["action/src/sandbox"], rooms: ["runner", "wire"], packages: [], node: ["*"] },
  { name: "checkout", paths: ["action/src/checkout"], rooms: ["runner", "wire"], packages: ["undici"], node: ["*"] },
  // tools.ts stands above its room: the lockfiles lie at the same place as seen from it and from the bundle.
  {
    name: "runner",
    paths: ["action/src/runner", "action/src/tools.ts", "action/src/pins.json"],
    rooms: ["wire"],
    packages: ["zod", "@actions/core", "undici"],
    node: ["*"],
  },
  // Of util the one function that takes terminals' colours out of a text.
  { name: "wire", paths: ["src/core/wire"], rooms: [], packages: ["zod"], node: ["crypto", "util"] },
];

export type Import = { readonly from: string; readonly specifier: string; readonly target: Target };
type Target =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "package"; readonly name: string }
  | { readonly kind: "node"; readonly name: string };

/** Every source file of the house, relative to the root. */
export function sourceFiles(): string[] {
  return ["src", "action/src", "playground", "bench", "attack", "chaos"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name))
      .filter((file) => !file.startsWith("playground/sample/")),
  );
}

/** The room a file belongs to: the one with the longest path that holds it. */
export function roomOf(file: string): Room | undefined {
  return ROOMS.flatMap((room) =>
    room.paths.filter((path) => file === path || file.startsWith(`${path}/`)).map((path) => ({ room, path })),
  ).toSorted((a, b) => b.path.length - a.path.length)[0]?.room;
}

const IMPORT =
  /(?:^|[;}\n])\s*(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']/g;

export function readImports(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    return { from: file, specifier, target: resolve(file, specifier) };
  });
}

function resolve(file: string, specifier: string): Target {
  if (specifier.startsWith(".")) return { kind: "file", path: relative(ROOT, join(ROOT, dirname(file), specifier)) };
  if (specifier.startsWith("#")) {
    const [head = "", ...rest] = specifier.slice(1).split("/");
    const folder = { playground: "playground", attack: "attack", action: "action/src" }[head] ?? `src/${head}`;
    return { kind: "file", path: [folder, ...rest].join("/") };
  }
  const name = specifier.replace(/^node:/, "");
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return { kind: "node", name };
  return {
    kind: "package",
    name: specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? ""),
  };
}

/** Why an import may not stand, or undefined. */
export function refusal(found: Import): string | undefined {
  const room = roomOf(found.from);
  if (room === undefined) return "its file belongs to no room";
  const { target } = found;
  if (target.kind === "package")
    return room.packages.includes("*") || room.packages.includes(target.name)
      ? undefined
      : `${room.name} may not use the package ${target.name}`;
  if (target.kind === "node")
    return room.node.includes("*") || room.node.includes(target.name)
      ? undefined
      : `${room.name} may not use node:${target.name}`;
  const there = roomOf(target.path);
  if (there === undefined) return target.path === "package.json" ? undefined : `${target.path} belongs to no room`;
  if (there.name === room.name)
    return found.specifier.startsWith("#") && room.name !== "playground" ? "inside a room imports are relative" : undefined;
  if (!room.rooms.includes(there.name)) return `${room.name} may not import ${there.name}`;
  // core and its floor `wire` are one folder to their own files; everyone else comes in by the door.
  const neighbours = (room.name === "core" && there.name === "wire") || (room.name === "demo" && there.name === "playground");
  return neighbours || found.specifier.startsWith("#")
    ? undefined
    : `imports across rooms are written #room/file.ts, not ${found.specifier}`;
}
