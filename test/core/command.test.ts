import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RESERVED } from "#core/config/agents.ts";
import { addedCommands, commandLines, FORMS, parseCommand, type Override } from "#core/request/command.ts";
import { growth, LINEAR } from "./growth.ts";

const NAMED = { models: ["claude-haiku-5-5", "claude-opus-5-5"], agents: ["docs"] };

const VALID = FORMS.map(({ form }) => `\`${form}\``).join(", ");
const addressesAgent = (body: string) => commandLines(body).length > 0;

const RUNS: readonly [string, string, Override][] = [
  ["alone", "/agent", {}],
  ["with a tier", "/agent use frontier", { tier: "frontier" }],
  ["with a harness", "/agent use claude-code", { harness: "claude-code" }],
  ["with a model", "/agent use claude-opus-5-5", { model: "claude-opus-5-5" }],
  ["with a specialist", "/agent use docs", { agent: "docs" }],
  ["with a specialist and a tier", "/agent use Light DOCS", { tier: "light", agent: "docs" }],
  ["approved", "/agent approve", { approved: true }],
  ["with an effort", "/agent use high", { effort: "high" }],
  ["with several words", "/agent use light claude-code low", { tier: "light", harness: "claude-code", effort: "low" }],
  ["in the other order", "/agent use low claude-code light", { tier: "light", harness: "claude-code", effort: "low" }],
  ["with a size", "/agent size m", { size: "m" }],
  ["with a size in upper case", "/agent Size XL", { size: "xl" }],
  ["with several verbs", "/agent size s use high approve", { size: "s", effort: "high", approved: true }],
  ["with several verbs in another order", "/agent use high frontier size s", { size: "s", effort: "high", tier: "frontier" }],
  ["in upper case", "/AGENT USE FRONTIER", { tier: "frontier" }],
  ["with CRLF line ends", "Please.\r\n/agent use light\r\nThanks\r\n", { tier: "light" }],
  ["after a single carriage return", "Please.\r/agent use light", { tier: "light" }],
  ["on a later line", "I looked at it.\n\n/agent use light", { tier: "light" }],
  ["indented by three spaces", "   /agent use light", { tier: "light" }],
  ["with wide gaps", "/agent   use \t light  ", { tier: "light" }],
  [
    "below the quotation of an e-mail reply",
    "On Tue, Ada wrote:\n> /agent use frontier\n>\n\n/agent use light\n",
    { tier: "light" },
  ],
  ["after a closed code block", "```sh\nnpm test\n```\n/agent use light", { tier: "light" }],
  ["after a code span of three backticks", "```npm test```\n/agent use light", { tier: "light" }],
  ["the first of two", "/agent use light\n/agent use frontier", { tier: "light" }],
];

const NOTHING: readonly [string, string][] = [
  ["an empty comment", ""],
  ["a longer word", "/agentx use frontier"],
  ["a path", "/agent/use"],
  ["the middle of a sentence", "try /agent use frontier"],
  ["a quotation", "> /agent use frontier"],
  ["an indented quotation", "  > /agent"],
  ["a quotation that goes on without its mark", "> Ada wrote\n/agent"],
  ["a quotation in a quotation", "> > /agent"],
  ["a fenced block", "```\n/agent\n```"],
  ["a tilde block", "~~~\n/agent\n~~~"],
  ["a block that is never closed", "```\n/agent"],
  ["a block whose language is named", "```sh\n/agent\n```"],
  ["a block in which another seems to open", "```\n```js\n/agent\n```"],
  ["a longer fence than the one inside it", "````\n```\n/agent\n```\n````"],
  ["a block that other marks don't close", "```\n~~~\n/agent\n```"],
  ["an indented block", "    /agent"],
  ["a block indented by a tab", "\t/agent"],
  ["a block indented by spaces and a tab", "  \t/agent"],
  ["a code span", "`/agent`"],
  ["a list item", "- /agent"],
  ["a quotation whose second line lacks the sign", "> Shall we?\n/agent\n"],
  ["what Outlook answers", "Thanks!\n\n________________________________\nFrom: Pat\nSent: Monday\n\n/agent\n"],
  ["what a mail program answers by its head", "Thanks!\n\nVon: Pat <notifications@github.com>\nAn: acme/web\n\n/agent"],
  ["what a mail program marks as original", "Thanks!\n\n-----Original Message-----\n/agent"],
  ["an e-mail that only quotes", "Thanks!\n\nOn Tue, Ada wrote:\n> /agent use frontier\n"],
];

describe("command", () => {
  it.each(RUNS)("runs %s", (_name, body, use) => {
    const parsed = parseCommand(body, NAMED);

    expect(parsed).toEqual({ ok: true, value: { kind: "run", use } });
    expect(addressesAgent(body)).toBe(true);
  });

  it.each([
    ["lend", "/agent lend ada-max", "ada-max"],
    ["lend", "I agree.\n\n/Agent LEND Ada-Max  ", "ada-max"],
    ["unlend", "/agent unlend ada-max", "ada-max"],
    ["lend", "> /agent unlend ada-max\n\n/agent lend bob.2_x", "bob.2_x"],
    ["lend", "/agent lend unlend", "unlend"],
  ] as const)("is to %s in %j", (kind, body, seat) => {
    expect(parseCommand(body, NAMED)).toEqual({ ok: true, value: { kind, seat } });
    expect(addressesAgent(body)).toBe(true);
  });

  it.each([
    ["/agent cancel", { kind: "cancel" }],
    ["/agent Status", { kind: "status" }],
    ["/agent why", { kind: "why" }],
    ["/agent help", { kind: "help" }],
    ["/agent pause", { kind: "pause" }],
    ["/agent resume", { kind: "resume" }],
    ["/agent ci", { kind: "ci" }],
    ["/agent retry", { kind: "retry", fresh: false }],
    ["/agent retry FRESH", { kind: "retry", fresh: true }],
    ["/agent plan", { kind: "plan", use: {} }],
    ["/agent plan use frontier size m", { kind: "plan", use: { tier: "frontier", size: "m" } }],
  ])("reads %j", (body, command) => {
    expect(parseCommand(body, NAMED)).toEqual({ ok: true, value: command });
  });

  it.each(FORMS.map(({ form }) => form))("knows its own form %j", (form) => {
    const written = form.replace("WORD …", "frontier").replace("SIZE", "m").replace("NAME", "ada-max");

    expect(parseCommand(written, NAMED)).toMatchObject({ ok: true });
  });

  it.each([
    ["/agent cancle", "/agent cancel"],
    ["/agent frontier", "/agent use frontier"],
    ["/agent frontire codex", "/agent use frontier codex"],
    ["/agent m", "/agent size m"],
    ["/agent sise m", "/agent size m"],
    ["/agent use claude-opus-55", "/agent use claude-opus-5-5"],
    ["/agent please use light", "/agent use light"],
    ["/agent docs", "/agent use docs"],
    ["/agent plan fronteir", "/agent plan use frontier"],
    ["/agent retry frsh", "/agent retry fresh"],
    ["/agent status now", "/agent status"],
    ["/agent turbo", undefined],
    ["/agent use", undefined],
    ["/agent use light frontier", undefined],
  ])("names the valid form nearest to %j", (body, nearest) => {
    const parsed = parseCommand(body, NAMED);

    expect(parsed).toMatchObject({ ok: false });
    expect(parsed?.ok === false ? parsed.error.nearest : "").toBe(nearest);
  });

  it("proposes nothing but what it would follow", () => {
    const word = fc.oneof(fc.constantFrom("use", "size", "plan", "retry", "light", "codex", "m", "cancl", "fresh"), fc.string());
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const parsed = parseCommand(`/agent ${words.join(" ")}`, NAMED);

        if (parsed?.ok !== false || parsed.error.nearest === undefined) return;
        expect(parseCommand(parsed.error.nearest, NAMED)).toMatchObject({ ok: true });
      }),
    );
  });

  it("leaves no word of its own to name a specialist by", () => {
    const words = FORMS.flatMap(({ form }) => form.split(" ").slice(1).filter((word) => /^[a-z]+$/.test(word))); // prettier-ignore

    expect(words.length).toBeGreaterThan(10);
    expect(words.filter((word) => !RESERVED.includes(word))).toEqual([]);
  });

  it.each([
    ["a line that is new", "Hm.\n/agent use light", "Hm.", ["/agent use light"]],
    ["a line that was there", "Hm!\n/agent use light", "Hm.\n/agent use light", []],
    ["a line that was changed", "/agent use frontier", "/agent use light", ["/agent use frontier"]],
    ["the second of two that are alike", "/agent\n/agent", "/agent", ["/agent"]],
    ["a line that was quoted before", "/agent", "> /agent", ["/agent"]],
    ["a line whose block was taken away", "/agent", "```\n/agent\n```", ["/agent"]],
  ])("finds in an edited comment %s", (_name, body, before, added) => {
    expect(addedCommands(body, before)).toEqual(added);
  });

  it.each(NOTHING)("is not read in %s", (_name, body) => {
    const parsed = parseCommand(body, NAMED);

    expect(parsed).toBeUndefined();
    expect(addressesAgent(body)).toBe(false);
  });

  it.each([
    ["a word it doesn't know", "/agent use turbo", "turbo"],
    ["a model that no tier names", "/agent use claude-haiku-9", "claude-haiku-9"],
    ["a word that a good one stands before", "/agent use light turbo", "turbo"],
  ])("names %s and what is valid", (_name, body, word) => {
    const parsed = parseCommand(body, NAMED);

    expect(parsed).toMatchObject({
      ok: false,
      error: {
        reason: "command-unknown",
        word,
        valid:
          "`light`, `standard`, `frontier`, `claude-code`, `codex`, `opencode`, `low`, `medium`, `high`, `claude-haiku-5-5`, `claude-opus-5-5`, `docs`",
      },
    });
  });

  it("repeats no more than the beginning of a word that is as long as a comment", () => {
    for (const body of [
      `/agent use ${"x".repeat(65_000)}`,
      `/agent ${"/".repeat(65_000)}`,
      `/agent size s${" size s".repeat(9_000)}`,
    ]) {
      const parsed = parseCommand(body, NAMED);

      expect(parsed?.ok === false ? parsed.error.word.length : 0).toBeLessThan(100);
    }
  });

  it("names the sizes after one that is none", () => {
    expect(parseCommand("/agent size huge", NAMED)).toEqual({
      ok: false,
      error: { reason: "command-unknown", word: "huge", valid: "`xs`, `s`, `m`, `l`, `xl`" },
    });
  });

  it.each([
    ["two sizes", "/agent size s size m", "one size in a command"],
    ["two tiers", "/agent use light frontier", "one tier in a command"],
    ["one specialist twice", "/agent use docs docs", "one agent in a command"],
    ["one model twice", "/agent use claude-opus-5-5 light claude-opus-5-5", "one model in a command"],
  ])("follows neither of %s", (_name, body, valid) => {
    expect(parseCommand(body, NAMED)).toEqual({ ok: false, error: { reason: "command-unknown", word: body, valid } });
  });

  it.each([
    ["a verb it doesn't know", "/agent stop", "stop"],
    ["`use` without a word", "/agent use", "use"],
    ["a tier without `use`", "/agent frontier", "frontier"],
    ["a size without `size`", "/agent m", "m"],
    ["`size` without a size", "/agent size", "size"],
    ["`size` with two", "/agent size s m", "size s m"],
    ["`approve` with a word", "/agent approve now", "approve now"],
    ["a verb it doesn't know before one that it knows", "/agent please use light", "please use light"],
    ["a word of every object", "/agent constructor", "constructor"],
    ["`lend` without a name", "/agent lend", "lend"],
    ["`lend` with two names", "/agent lend ada-max bob-max", "lend ada-max bob-max"],
    ["`unlend` without a name", "/agent unlend", "unlend"],
    ["a name that none can be", "/agent lend @ada", "lend @ada"],
    ["a name in a code span, which is not quoted in one again", "/agent lend `ada-max`", "lend ada-max"],
    ["a word of a whole page, of which it quotes the beginning", `/agent ${"x".repeat(60_000)}`, "x".repeat(80)],
    ["a name that is too long", `/agent lend ${"a".repeat(64)}`, `lend ${"a".repeat(64)}`],
  ])("names the forms after %s", (_name, body, word) => {
    const parsed = parseCommand(body, NAMED);

    expect(parsed).toMatchObject({
      ok: false,
      error: { reason: "command-unknown", word, valid: VALID },
    });
  });

  it.each(["`", "~", "```\n", "```a", "~~~ `", " ", "\t", "\r", "\n", "/agent", "> ", "/agent\u00A0"])(
    "is looked for in eight times as many %j in eight times as long",
    (piece) => {
      const ratio = growth(addressesAgent, piece);

      expect(ratio).toBeLessThan(LINEAR);
    },
  );

  it("is looked for in a long run of backticks and one more in time that grows with the run", () => {
    const ratio = growth((run) => addressesAgent(`${run}${" ".repeat(run.length)}\``), "`");

    expect(ratio).toBeLessThan(LINEAR);
  });
});
