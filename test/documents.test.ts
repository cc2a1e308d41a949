import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { labelOf } from "#core/config/agents.ts";
import { plannedAgent } from "#core/plan/agent.ts";
import { NOTICE } from "#core/pool/consent.ts";
import { WHY_NOT } from "#core/pool/words.ts";
import { CHECKS } from "#core/setup/doctor.ts";
import { Settings } from "#core/config/settings.ts";
import { readEnv } from "../src/env.ts";
import { ROOT } from "../scripts/import-table.ts";

const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
/** What headings are linked by, as GitHub makes it. */
const headings = (text: string) =>
  [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
const withoutCode = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, "");
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");

describe("the documents", () => {
  const blocks = DOCUMENTS.flatMap((name) =>
    [...read(name).matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map(
      (match, index) => [`${name} ${String(index + 1)}`, match[1] ?? ""] as const,
    ),
  );

  it("hold blocks of configuration", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(4);
  });

  const others = blocks.filter(([, text]) => !/^version: 1$/m.test(text));

  it.each(others)("show YAML that can be read: %s", (_name, text) => {
    expect(parse(text)).toMatchObject({ kind: "Deployment" });
  });

  it.each(blocks.filter((block) => !others.includes(block)))("show configuration that is valid: %s", (name, text) => {
    const isPolicy = /^pool:/m.test(text);

    const parsed = isPolicy ? parseConfig(name, text, Policy) : parseConfig(name, text, Settings);

    expect(parsed).toMatchObject({ ok: true });
  });

  it("name in README each variable that the app reads, and no other", () => {
    const source = read("src/env.ts");
    const known = [...source.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map((match) => match[1] ?? "");
    const table = /\| variable \|[\s\S]*?\n\n/.exec(read("README.md"))?.[0] ?? "";

    const named = [...table.matchAll(/`([A-Z][A-Z_]+)`/g)].map((match) => match[1] ?? "");

    expect(known.length).toBeGreaterThan(8);
    // Not for users: the playground tells the app by it that it is one.
    expect(new Set([...named, "AGENT_POOL_PLAYGROUND"])).toEqual(new Set(known));
    expect(readEnv({}).ok).toBe(false);
  });

  it("say what to turn in the words of `agent-pool why`", () => {
    const table = /\| it says \|[\s\S]*?\n\n/.exec(read("docs/pool.md"))?.[0] ?? "";
    const quoted = [...table.matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1] ?? "").slice(2);

    expect(quoted.length).toBeGreaterThan(6);
    expect(quoted.filter((words) => !Object.values(WHY_NOT).includes(words))).toEqual([]);
  });

  it("say in docs/app.md what each permission of app.yml is for", () => {
    const { default_permissions: permissions } = parse(read("app.yml")) as { default_permissions: Record<string, string> };
    const written = Object.entries(permissions).map(([name, level]) =>
      [name.replace("_", " "), level === "write" ? "read and write" : level].join(": "),
    );

    const table = /\| permission \|[\s\S]*?\n\n/.exec(read("docs/app.md"))?.[0] ?? "";
    const told = [...table.matchAll(/^\| ([^|(]+?) (?:\(\w+\) )?\|/gm)].map((match) => match[1]?.toLowerCase()).slice(2);

    expect(written.length).toBeGreaterThan(5);
    expect(told.toSorted()).toEqual(written.toSorted());
  });

  it.each(["docs", "tests", "dependencies"])("show the specialist %s, with instructions that it can be given", (name) => {
    const block = /^```yaml\n([\s\S]*?)^```/m.exec(read(`docs/agents/${name}.md`))?.[1] ?? "";
    const policy = parseConfig(name, block, Policy);
    const agent = policy.ok ? policy.value.agents[name] : undefined;
    const text = read(`docs/agents/instructions/${name}.md`);

    const planned =
      agent === undefined ? undefined : plannedAgent({ ...agent, name, label: labelOf(name, agent) }, "acme/web", text);

    // Nothing of it is hidden from who reads it there.
    expect(planned).toEqual({
      ok: true,
      value: {
        name,
        label: `agent:${name}`,
        instructions: { path: `.github/agents/${name}.md`, text: text.trim() },
      },
    });
  });

  it("show the notice on seats once, in README", () => {
    const shown = DOCUMENTS.flatMap((name) => read(name).split(NOTICE).slice(1).map(() => name)); // prettier-ignore

    expect(shown).toEqual(["README.md"]);
  });

  it("link to files and headings that are there", () => {
    const links = DOCUMENTS.flatMap((name) =>
      [...withoutCode(read(name)).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, file = "", anchor]) => ({
        from: name,
        to: file === "" ? name : join(name, "..", file),
        anchor,
      })),
    );

    const anchored = links.filter(({ anchor }) => anchor !== undefined);
    expect([links.length > 5, anchored.length > 5]).toEqual([true, true]);
    for (const { from, to } of links) expect(() => readFileSync(join(ROOT, to)), `${from}: ${to}`).not.toThrow();
    const lost = anchored.filter(({ to, anchor }) => !headings(read(to)).includes(anchor ?? ""));
    expect(lost).toEqual([]);
  });

  it("name in docs/security.md checks and attacks that there are, each defence among them", () => {
    const names = (table: string) => [...table.matchAll(/`([a-z0-9-]+)`/g)].map((match) => match[1] ?? "");
    const text = read("docs/security.md");
    const locks = names(/\| lock \|[\s\S]*?\n\n/.exec(text)?.[0] ?? "");
    const attacks = names(/\| who \| tries \|[\s\S]*?\n\n/.exec(text)?.[0] ?? "");
    const defences = Object.keys(parse(read("attack/defences.yml")) as object);
    const corpus = readdirSync(join(ROOT, "attack/corpus")).map((name) => name.replace(/\.yml$/, ""));

    expect(locks.length).toBeGreaterThan(10);
    expect(locks.filter((name) => !CHECKS.some((check) => check.name === name))).toEqual([]);
    expect(attacks.filter((name) => !defences.includes(name) && !corpus.includes(name))).toEqual([]);
    expect(defences.filter((name) => !attacks.includes(name))).toEqual([]);
  });

  it("have a README of at most 250 lines", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(250);
  });
});
