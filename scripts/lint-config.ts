import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOMS, ROOT, type Room } from "./import-table.ts";

/**
 * Writes .oxlintrc.json from the import table. An override's options replace the base rule's, so every room's override
 * carries its whole list: with a shared base the ban on `../` was seen to vanish silently.
 * `node scripts/lint-config.ts` writes it, `--check` fails where it isn't current.
 */
const file = join(ROOT, ".oxlintrc.json");

const ALIASES: Record<string, readonly string[]> = {
  web: ["#web/**"],
  app: ["#app/**"],
  github: ["#adapters/github/**"],
  store: ["#adapters/store/**"],
  runtime: ["#adapters/runtime/**"],
  ports: ["#ports/**"],
  playground: ["#playground/**"],
  job: ["#action/*", "!#action/tools.ts", "#action/job/**"],
  checks: ["#action/checks/**"],
  gateway: ["#action/gateway/**"],
  harness: ["#action/harness/**"],
  sandbox: ["#action/sandbox/**"],
  checkout: ["#action/checkout/**"],
  runner: ["#action/runner/**", "#action/tools.ts"],
  attack: ["#attack/**"],
};

function overrideOf(room: Room) {
  const banned = Object.entries(ALIASES)
    .filter(([name]) => !room.rooms.includes(name) && name !== room.name)
    .map(([name, group]) => ({
      group,
      message: `${room.name} may not import ${name}: see scripts/import-table.ts`,
    }));
  const core =
    room.rooms.includes("core") || room.name === "core" || room.name === "wire"
      ? []
      : [{ group: ["#core/*", "#core/!(wire)/**"], message: `${room.name} may import #core/wire only` }];
  const node = room.node.includes("*")
    ? []
    : [
        {
          group: ["node:*", "!node:" + (room.node.length > 0 ? `{${room.node.join(",")}}` : "none")],
          message: `${room.name} is pure: node: modules are for adapters`,
        },
      ];
  const files = room.paths.map((path) => (path.endsWith(".ts") ? path : `${path}/**/*.ts`));
  const rules: Record<string, unknown> = {
    "no-restricted-imports": ["error", { patterns: [...banned, ...core, ...(room.node.length === 0 ? node : [])] }],
  };
  if (["core", "wire", "ports"].includes(room.name)) {
    rules["no-restricted-globals"] = ["error", "process", "fetch", "setTimeout", "setInterval"];
  }
  return { files, rules };
}

const config = {
  $schema: "./node_modules/oxlint/configuration_schema.json",
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  options: { typeAware: true },
  rules: {
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "import/no-default-export": "error",
    "import/no-cycle": "error",
    "max-lines": ["error", { max: 330, skipBlankLines: false, skipComments: false }],
    eqeqeq: ["error", "always", { null: "ignore" }],
    "no-console": "error",
    // A loop that must do one thing after another (a budget, a queue, an order) awaits in its body.
    "no-await-in-loop": "off",
    // Ids and units are a type and its one constructor under one name.
    "no-redeclare": "off",
    "unicorn/consistent-function-scoping": "off",
    "typescript/no-unsafe-type-assertion": "off",
    "no-shadow": "off",
    "no-underscore-dangle": "off",
    // fast-check documents `fc.property`, and one module is imported for its effect alone.
    "import/no-named-as-default-member": "off",
    "import/no-unassigned-import": "off",
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    // Helpers assert for several tests, and a narrowing `if` around an assertion is how a union is tested.
    "vitest/expect-expect": "off",
    "vitest/no-conditional-expect": "off",
    "vitest/require-to-throw-message": "off",
  },
  overrides: [
    // The broader folder first: where two match a file, the later one counts.
    ...ROOMS.toSorted((a, b) => (a.paths[0]?.length ?? 0) - (b.paths[0]?.length ?? 0)).map(overrideOf),
    {
      files: ["test/**/*.ts"],
      rules: {
        "max-lines": "off",
        "typescript/no-non-null-assertion": "off",
        "typescript/no-unsafe-assignment": "off",
        "typescript/require-array-sort-compare": "off",
      },
    },
    { files: ["*.config.ts", "scripts/**/*.ts"], rules: { "import/no-default-export": "off", "no-console": "off" } },
  ],
  ignorePatterns: ["action/dist", "playground/sample", "node_modules", ".cache"],
};

const text = `${JSON.stringify(config, null, 2)}\n`;
if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== text) {
    console.error(".oxlintrc.json is not what scripts/lint-config.ts writes: run `node scripts/lint-config.ts`");
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
