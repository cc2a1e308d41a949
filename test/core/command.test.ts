import { describe, expect, it } from "vitest";
import { addressesAgent, parseCommand, type Override } from "#core/request/command.ts";
import { growth, LINEAR } from "./growth.ts";

const MODELS = ["claude-haiku-5-5", "claude-opus-5-5"];

const FORMS =
  "`/agent`, `/agent approve`, `/agent size SIZE`, `/agent use WORD …` with a tier, harness, model or effort, several of these in one line, and of the owner of a seat `/agent lend NAME` and `/agent unlend NAME`";

const RUNS: readonly [string, string, Override][] = [
  ["alone", "/agent", {}],
  ["with a tier", "/agent use frontier", { tier: "frontier" }],
  ["with a harness", "/agent use claude-code", { harness: "claude-code" }],
  ["with a model", "/agent use claude-opus-5-5", { model: "claude-opus-5-5" }],
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
  ["an e-mail that only quotes", "Thanks!\n\nOn Tue, Ada wrote:\n> /agent use frontier\n"],
];

describe("command", () => {
  it.each(RUNS)("runs %s", (_name, body, use) => {
    const parsed = parseCommand(body, MODELS);

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
    expect(parseCommand(body, MODELS)).toEqual({ ok: true, value: { kind, seat } });
    expect(addressesAgent(body)).toBe(true);
  });

  it.each(NOTHING)("is not read in %s", (_name, body) => {
    const parsed = parseCommand(body, MODELS);

    expect(parsed).toBeUndefined();
    expect(addressesAgent(body)).toBe(false);
  });

  it.each([
    ["a word it doesn't know", "/agent use turbo", "turbo"],
    ["a model that no tier names", "/agent use claude-haiku-9", "claude-haiku-9"],
    ["a word that a good one stands before", "/agent use light turbo", "turbo"],
  ])("names %s and what is valid", (_name, body, word) => {
    const parsed = parseCommand(body, MODELS);

    expect(parsed).toEqual({
      ok: false,
      error: {
        reason: "command-unknown",
        word,
        valid:
          "`light`, `standard`, `frontier`, `claude-code`, `codex`, `opencode`, `low`, `medium`, `high`, `claude-haiku-5-5`, `claude-opus-5-5`",
      },
    });
  });

  it("names the sizes after one that is none", () => {
    expect(parseCommand("/agent size huge", MODELS)).toEqual({
      ok: false,
      error: { reason: "command-unknown", word: "huge", valid: "`xs`, `s`, `m`, `l`, `xl`" },
    });
  });

  it.each([
    ["two sizes", "/agent size s size m", "one size in a command"],
    ["two tiers", "/agent use light frontier", "one tier in a command"],
    ["one model twice", "/agent use claude-opus-5-5 light claude-opus-5-5", "one model in a command"],
  ])("follows neither of %s", (_name, body, valid) => {
    expect(parseCommand(body, MODELS)).toEqual({ ok: false, error: { reason: "command-unknown", word: body, valid } });
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
    ["a name in a code span", "/agent lend `ada-max`", "lend `ada-max`"],
    ["a name that is too long", `/agent lend ${"a".repeat(64)}`, `lend ${"a".repeat(64)}`],
  ])("names the forms after %s", (_name, body, word) => {
    const parsed = parseCommand(body, MODELS);

    expect(parsed).toEqual({
      ok: false,
      error: { reason: "command-unknown", word, valid: FORMS },
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
