import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CATALOG } from "../src/core/config/catalog.ts";
import { authOf, CREDENTIAL_KINDS } from "../src/core/config/credential.ts";
import { Policy } from "../src/core/config/policy.ts";
import { Settings } from "../src/core/config/settings.ts";
import { PROTECTED_FOR } from "../src/core/change/guards.ts";
import { MAX_TURNS } from "../src/core/plan/served.ts";
import { FORMS } from "../src/core/request/command.ts";
import { LEASE } from "../src/core/pool/lease.ts";
import { NOTICE } from "../src/core/pool/consent.ts";
import { MAX_UNCLAIMED } from "../src/core/pool/why-not.ts";
import { CHECKS } from "../src/core/setup/doctor.ts";
import { MAX_OUTCOME_BYTES, PROVIDERS } from "../src/core/wire/contract.ts";
import { HARNESS_INFO } from "../src/core/wire/harnesses.ts";
import { MINUTE_MS } from "../src/core/wire/units.ts";
import { TOOLS } from "../action/src/tools.ts";
import { BASELINE_LIMIT_MS, VERIFY_LIMIT_MS } from "../action/src/checks/verify.ts";
import { SETUP_LIMIT_MS } from "../action/src/checks/set-up.ts";
import { drawComment } from "./comment-picture.ts";
import { renderDrawing, renderHappenings, renderStates, renderTransitions } from "./lifecycle-page.ts";
import { readImports, roomOf, ROOMS, ROOT, sourceFiles } from "./import-table.ts";

/**
 * Writes the parts of the documents that are made from the code, between `<!-- name:start -->` and `<!-- name:end -->`, the
 * schemas for editors, and the pictures of comments.
 * `node scripts/docs.ts` writes them, `--check` fails where one isn't current.
 */
const GENERATED = [
  { file: "README.md", name: "notice", render: () => NOTICE },
  { file: "ARCHITECTURE.md", name: "imports", render: renderImports },
  { file: "docs/configuration.md", name: "policy", render: () => renderSchema(Policy) },
  { file: "docs/configuration.md", name: "settings", render: () => renderSchema(Settings) },
  { file: "docs/configuration.md", name: "models", render: renderModels },
  { file: "docs/configuration.md", name: "protected", render: renderProtected },
  { file: "docs/configuration.md", name: "limits", render: renderLimits },
  { file: "docs/harnesses.md", name: "harnesses", render: renderHarnesses },
  { file: "docs/doctor.md", name: "checks", render: renderChecks },
  { file: "docs/commands/README.md", name: "forms", render: renderForms },
  { file: "docs/lifecycle.md", name: "states", render: renderStates },
  { file: "docs/lifecycle.md", name: "drawing", render: renderDrawing },
  { file: "docs/lifecycle.md", name: "happenings", render: renderHappenings },
  { file: "docs/lifecycle.md", name: "transitions", render: renderTransitions },
] as const;

/** Comments as the tests hold them to be (test/core/golden), drawn for docs/commands. */
const PICTURES = [
  "comment-answer-help",
  "comment-answer-nearest",
  "comment-answer-paused",
  "comment-answer-planned",
  "comment-answer-why",
  "comment-asking-edited-lately",
  "comment-asking-tier-not-allowed",
  "comment-cancelled",
  "comment-dispatching",
  "comment-dispatching-by-default",
  "comment-refused-actor-may-not-start",
  "comment-queued-while-paused",
  "comment-refused-command-unknown",
  "comment-refused-pull-open",
  "comment-refused-route-not-served",
  "comment-refused-seat-not-yours",
  "comment-seat-lent",
  "comment-seat-taken-back",
  "comment-solved",
  "comment-solved-by-a-follow-up",
  "comment-stuck-follow-up",
  "comment-unsolved-checks-failed",
];

/** By which an editor checks and completes the two files (JSON Schema 2020-12). */
const SCHEMAS = [
  { file: "schema/policy.json", schema: Policy, title: "agent-pool: an owner's policy" },
  { file: "schema/settings.json", schema: Settings, title: "agent-pool: a repository's settings" },
] as const;

/** Every arrow between rooms, with the number of imports behind it; from the code, not from the table of what is allowed. */
export function importArrows(): Map<string, number> {
  const arrows = new Map<string, number>();
  for (const file of sourceFiles()) {
    for (const found of readImports(file)) {
      const from = roomOf(file)?.name;
      const to = found.target.kind === "file" ? roomOf(found.target.path)?.name : undefined;
      if (from === undefined || to === undefined || from === to) continue;
      arrows.set(`${from}>${to}`, (arrows.get(`${from}>${to}`) ?? 0) + 1);
    }
  }
  return arrows;
}

function renderImports(): string {
  const order = ROOMS.map((room) => room.name);
  const files = sourceFiles();
  const arrows = [...importArrows()].map(([arrow, count]) => ({
    from: arrow.split(">")[0] ?? "",
    to: arrow.split(">")[1] ?? "",
    count,
  }));
  for (const { from, to } of arrows) {
    if (order.indexOf(from) >= order.indexOf(to)) throw new Error(`the arrow ${from} → ${to} leads upwards`);
  }
  const rows = ROOMS.map((room) => {
    const own = files.filter((file) => roomOf(file) === room).length;
    const down = arrows.filter((arrow) => arrow.from === room.name).toSorted((a, b) => order.indexOf(a.to) - order.indexOf(b.to));
    return `  ${room.name}["${room.name}<br/>${room.paths.join("<br/>")}<br/>${String(own)} files"]\n${down
      .map((arrow) => `  ${arrow.from} -- ${String(arrow.count)} --> ${arrow.to}\n`)
      .join("")}`;
  });
  return `\`\`\`mermaid\nflowchart TD\n${rows.join("")}\`\`\``;
}

/** Every command with a link to its page. */
function renderForms(): string {
  const rows = FORMS.map(({ form, does, who }) => {
    const verb = form.split(" ")[1] ?? "agent";
    const page = PAGE_OF[verb] ?? verb;
    return `| [\`${form}\`](${page}.md) | ${who} | ${does} |`;
  });
  return ["| comment | who may | what it does |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Of commands that share a page with another. */
const PAGE_OF: Readonly<Record<string, string>> = { unlend: "lend", resume: "pause" };

function renderProtected(): string {
  const rows = Object.entries(PROTECTED_FOR).map(
    ([why, patterns]) => `| ${patterns.map((each) => `\`${each}\``).join(" ")} | ${why} |`,
  );
  return ["| always protected | because |", "| --- | --- |", ...rows].join("\n");
}

function renderChecks(): string {
  const rows = CHECKS.map(({ name, proves }) => `| \`${name}\` | ${proves} |`);
  return ["| check | what it proves |", "| --- | --- |", ...rows].join("\n");
}

function renderLimits(): string {
  const minutes = (ms: number) => `${String(ms / MINUTE_MS)} minutes`;
  const rows = [
    ["`setup`, all commands together", minutes(SETUP_LIMIT_MS)],
    ["the checks before the first model call", minutes(BASELINE_LIMIT_MS)],
    ["`verify`, all commands together, each time", minutes(VERIFY_LIMIT_MS)],
    ["`setup`, model and `verify` together, from the start of the job's work", minutes(LEASE.termMs)],
    ["the job as a whole: `timeout-minutes` of its workflow", minutes(LEASE.jobMs)],
    ["what a dispatched run may wait for a runner, before it is offered anew", minutes(LEASE.offerMs)],
    ["an owner's dispatched runs that wait for a runner at once", String(MAX_UNCLAIMED)],
    [
      "turns of the harness, repairs included",
      Object.entries(MAX_TURNS)
        .map(([tier, turns]) => `${tier} ${String(turns)}`)
        .join(", "),
    ],
    ["what a job reports: every changed file in full, as base64", `${String(MAX_OUTCOME_BYTES / 1024 / 1024)} MB`],
  ];
  return ["| what | at most |", "| --- | --- |", ...rows.map(([what, most]) => `| ${what} | ${most} |`)].join("\n");
}

type JsonSchema = {
  $ref?: string;
  description?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  default?: unknown;
  /** A default that the schema doesn't fill in, because somebody must know that it is one. */
  whenUnset?: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | false;
  required?: string[];
  items?: JsonSchema;
  maxItems?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  anyOf?: JsonSchema[];
};

function renderSchema(schema: z.ZodType): string {
  const rows: string[] = ["| setting | value | default | what it says |", "| --- | --- | --- | --- |"];
  const walk = (node: JsonSchema, path: string, required: boolean): void => {
    const object = node.properties === undefined ? node.anyOf?.find((option) => option.properties !== undefined) : node;
    if (path !== "") {
      const standsIn = node.default ?? node.whenUnset;
      const fallback =
        standsIn === undefined ? (required ? "required" : object === undefined ? "none" : "") : `\`${JSON.stringify(standsIn)}\``;
      rows.push(`| \`${path}\` | ${valueOf(node)} | ${fallback} | ${node.description ?? ""} |`);
    }
    for (const [key, child] of Object.entries(object?.properties ?? {})) {
      walk(child, path === "" ? key : `${path}.${key}`, object?.required?.includes(key) === true);
    }
    if (node.items?.properties !== undefined) walkItems(node.items, `${path}[]`);
    if (node.additionalProperties) walkItems(node.additionalProperties, `${path}.<name>`);
  };
  const walkItems = (node: JsonSchema, path: string): void => {
    for (const [key, child] of Object.entries(node.properties ?? {}))
      walk(child, `${path}.${key}`, node.required?.includes(key) === true);
  };
  walk(toJsonSchema(schema), "", true);
  return rows.join("\n");
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

function renderModels(): string {
  const rows = PROVIDERS.map((provider) => {
    const models = CATALOG.filter((row) => row.provider === provider).map(({ model }) => `\`${model}\``);
    return `| ${provider} | ${models.join(" ")} |`;
  });
  return ["| provider | models |", "| --- | --- |", ...rows].join("\n");
}

function renderHarnesses(): string {
  const yes = (can: boolean): string => (can ? "yes" : "no");
  const rows = Object.entries(HARNESS_INFO).map(([harness, { speaks, auths, effort, turnLimit, resume, structuredOutput }]) => {
    const { version } = TOOLS[harness as keyof typeof HARNESS_INFO];
    const wires = Object.entries(speaks).map(([provider, wire]) => `${provider} (${wire})`);
    const kinds = CREDENTIAL_KINDS.filter((kind) => auths.includes(authOf(kind)));
    return [
      `\`${harness}\` ${version}`,
      wires.join(", "),
      kinds.join(", "),
      ...[effort, turnLimit, resume, structuredOutput].map(yes),
    ];
  });
  const head = [
    "harness",
    "providers, and the format spoken",
    "`kind` of credential",
    "effort",
    "turn limit",
    "resumed elsewhere",
    "structured output",
  ];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function valueOf(node: JsonSchema): string {
  if (node.$ref === "#/$defs/Model") return "a [model](#models)";
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(" ");
  if (node.anyOf !== undefined) return node.anyOf.map(valueOf).join(" or ");
  if (node.pattern !== undefined) return PATTERNS[node.pattern] ?? "text";
  if (node.type === "array") {
    const list = node.maxItems === undefined ? "list" : `list (up to ${String(node.maxItems)})`;
    return `${list} of ${node.items?.properties === undefined ? valueOf(node.items ?? {}) : "entries"}`;
  }
  if (node.type === "integer" || node.type === "number") return `${String(node.minimum)} to ${String(node.maximum)}`;
  if (node.type === "string") return node.maxLength === undefined ? "text" : `text, at most ${String(node.maxLength)} characters`;
  return node.type === "object" ? "entries below" : (node.type ?? "text");
}

const PATTERNS: Record<string, string> = {
  [String.raw`^\$\d{1,7}(?:\.\d{1,2})?\/(?:day|week|month)$`]: "dollars a `day`, `week` or `month`, `$200/month`",
  [String.raw`^(?:\d|[1-9]\d|100)%$`]: "a share, `40%`",
  [String.raw`^(?!-)[A-Za-z0-9-]{1,39}$`]: "a GitHub login",
  [String.raw`^[a-z0-9][a-z0-9_-]{0,99}$`]: "a team's name, as in its address",
  [String.raw`^[A-Za-z0-9._-]{1,100}$`]: "a repository's name",
  [String.raw`^\$\d{1,5}(?:\.\d{1,2})?$`]: "dollars, `$15`",
  [String.raw`^[A-Za-z0-9-]{1,39}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$`]: "a repository, `acme/agent-runner`",
  [String.raw`^[a-z0-9][a-z0-9._-]{0,62}$`]: "an environment's name: lower-case letters, digits, `.`, `_`, `-`",
  [String.raw`^[\w.-]+\.ya?ml$`]: "a workflow's file name",
  [String.raw`^[1-9]\d{0,3}\/day$`]: "tasks a day, `10/day`",
};

let stale = false;
function put(file: string, text: string): void {
  const path = join(ROOT, file);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  if (process.argv.includes("--check")) {
    console.error(`${file} is not what the code says; run \`npm run docs\``);
    stale = true;
  } else writeFileSync(path, text);
}
for (const { file, schema, title } of SCHEMAS) put(file, `${JSON.stringify({ title, ...toJsonSchema(schema) }, null, 2)}\n`);
for (const name of PICTURES)
  put(`docs/commands/${name}.svg`, drawComment(readFileSync(join(ROOT, `test/core/golden/${name}.md`), "utf8")));
for (const { file, name, render } of GENERATED) {
  const path = join(ROOT, file);
  const text = readFileSync(path, "utf8");
  const between = new RegExp(`(<!-- ${name}:start -->\n)[\\s\\S]*?(<!-- ${name}:end -->)`);
  if (!between.test(text)) throw new Error(`${file} has no place for ${name}`);
  const made = text.replace(between, (_, start: string, end: string) => `${start}${render()}\n${end}`);
  if (made === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`${file}: the part "${name}" is not what the code says; run \`npm run docs\``);
    stale = true;
  } else writeFileSync(path, made);
}
if (stale) process.exitCode = 1;
