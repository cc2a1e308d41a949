import { array, assert, boolean, constantFrom, integer, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { WIRE_IDS } from "#core/wire/harnesses.ts";
import { isRepeating, type Step } from "../../action/src/gateway/repeats.ts";
import { WIRES } from "../../action/src/gateway/wires/table.ts";
import { CALL, post, setUp } from "./kit/gateway.ts";
import { sendStream } from "./kit/model.ts";

/** What is called at once, and what comes of it; or a word of the user's. `id`: as the harness counts them. */
type Called = { readonly name: string; readonly input: object; readonly result: string; readonly failed?: boolean };
type Turn = readonly Called[] | string;

/** One conversation in each format, as the CLIs write it. */
const FORMATS: Readonly<Record<(typeof WIRE_IDS)[number], (turns: readonly Turn[]) => object>> = {
  "anthropic-messages": (turns) => ({
    max_tokens: 100,
    messages: turns.flatMap((turn, nth): object[] => {
      if (typeof turn === "string") return [{ role: "user", content: turn }];
      const isLast = nth === turns.length - 1;
      const uses = turn.map(({ name, input }, at) => ({ type: "tool_use", id: `toolu_${nth}_${at}`, name, input }));
      const results = turn.map(({ result, failed }, at) => ({
        type: "tool_result", tool_use_id: `toolu_${nth}_${at}`, is_error: failed === true, content: nth % 2 === 0 ? result : [{ type: "text", text: result }],
        ...(isLast ? { cache_control: { type: "ephemeral" } } : {}),
      })); // prettier-ignore
      const reminder = { type: "text", text: `<system-reminder>${String(nth)}</system-reminder>` };
      return [
        { role: "assistant", content: [{ type: "text", text: `Try ${String(nth)}.` }, ...uses] },
        { role: "user", content: [...results, reminder] },
      ];
    }),
  }),
  "openai-responses": (turns) => ({
    store: false,
    input: turns.flatMap((turn, nth): object[] => {
      if (typeof turn === "string") return [{ type: "message", role: "user", content: [{ type: "input_text", text: turn }] }];
      const calls = turn.map(({ name, input }, at) => ({
        type: "function_call", id: `fc_${nth}_${at}`, call_id: `call_${nth}_${at}`, name, arguments: JSON.stringify(input),
      })); // prettier-ignore
      const outputs = turn.map(({ result, failed }, at) => ({
        type: "function_call_output", call_id: `call_${nth}_${at}`,
        output: `Chunk ID: ${nth.toString(16)}f${at}\nWall time: 0.${nth}000 seconds\nProcess exited with code ${failed === true ? 1 : 0}\nOriginal token count: 4\nOutput:\n${result}`,
      })); // prettier-ignore
      return [{ type: "reasoning", summary: [], encrypted_content: String(nth) }, ...calls, ...outputs];
    }),
  }),
  "openai-chat": (turns) => ({
    messages: turns.flatMap((turn, nth): object[] => {
      if (typeof turn === "string") return [{ role: "user", content: turn }];
      const calls = turn.map(({ name, input }, at) => ({
        id: `call_${nth}_${at}`, type: "function", function: { name, arguments: JSON.stringify(input) },
      })); // prettier-ignore
      const results = turn.map(({ result }, at) => ({ role: "tool", tool_call_id: `call_${nth}_${at}`, content: result }));
      return [{ role: "assistant", content: `Try ${String(nth)}.`, tool_calls: calls }, ...results];
    }),
  }),
};

function judged(format: keyof typeof FORMATS, turns: readonly Turn[]): boolean {
  const body = { model: "m", ...FORMATS[format](["Mend the page count.", ...turns]) };
  const parsed = WIRES[format].parse(Buffer.from(JSON.stringify(body)), { model: "m", maxTokens: 100 });
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value.isRepeating;
}

const bash = (command: string, result: string, failed = false): Called => ({ name: "Bash", input: { command }, result, failed });
const TEST = bash("npm test", "not ok 1 - a", true);
const POLL = bash("cat server.log", "starting");
const EDIT: Called = { name: "Edit", input: { file_path: "a.js" }, result: "ok" };
const times = (count: number, ...turn: Called[]): Turn[] => Array.from({ length: count }, () => turn);
const each = (count: number, turn: (nth: number) => Called): Turn[] => Array.from({ length: count }, (_, nth) => [turn(nth)]);
/** A format that doesn't say what has failed waits for as many as of any call. */
const enough = (format: keyof typeof FORMATS): number => (format === "openai-chat" ? 8 : 5);

describe.each(WIRE_IDS)("a conversation in the format %s", (format) => {
  test.each<[string, readonly Turn[]]>([
    ["the same failing call", times(enough(format), TEST)],
    ["the same failing call, after other work", [...each(6, (nth) => bash(`ls ${nth}`, "a")), ...times(enough(format), TEST)]],
    ["the same calls at once, of which one fails", times(enough(format), EDIT, TEST)],
    ["a call that doesn't fail, eight times", times(8, POLL)],
    ["the same call in other words", each(enough(format), (nth) => ({ ...TEST, input: { command: "npm test", description: `Run ${nth}` } }))],
  ])("goes in circles with %s", (_name, turns) => {
    expect(judged(format, turns)).toBe(true);
  }); // prettier-ignore

  test.each<[string, readonly Turn[]]>([
    ["no call at all", []],
    ["the same failing call once less", times(enough(format) - 1, TEST)],
    ["a call that doesn't fail, seven times", times(7, POLL)],
    ["a failing check between edits", each(20, (nth) => (nth % 2 === 0 ? EDIT : TEST))],
    ["the same call with other results", each(20, (nth) => bash("cat progress", `${nth} %`))],
    ["a check that fails otherwise each time", each(20, (nth) => bash("npm test", `not ok - ${"x".repeat(nth)}`, true))],
    ["other calls with the same result", each(20, (nth) => bash(`grep ${"x".repeat(nth)} a.js`, "", true))],
    ["calls at once of which one is another each time", Array.from({ length: 20 }, (_, nth) => [bash(`ls ${nth}`, "a"), TEST])],
    ["many of the same at once", [Array.from({ length: 20 }, () => TEST)]],
    ["circles that it has left", [...times(20, TEST), [EDIT]]],
    ["a word of the user's after the circles", [...times(20, TEST), "It still fails."]],
    ["a word of the user's amid them", [...times(4, TEST), "It still fails.", ...times(4, TEST)]],
  ])("goes on with %s", (_name, turns) => {
    expect(judged(format, turns)).toBe(false);
  }); // prettier-ignore
});

test.each(["anthropic-messages", "openai-responses"] as const)(
  "a failure in %s is the same whatever figures it tells, as the time that it took",
  (format) => {
    const timed = each(5, (nth) => bash("npm test", `not ok 1 - a\n# duration_ms ${nth * 37}.${nth}`, true));

    expect(judged(format, timed)).toBe(true);
  },
);

test("Codex's `exec` tells of a failing command as JSON, with an id and a time of its own", () => {
  const input = Array.from({ length: 5 }, (_, nth) => [
    { type: "custom_tool_call", call_id: `call_${nth}`, name: "exec", input: 'text(await tools.exec_command({"cmd":"npm test"}));' },
    {
      type: "custom_tool_call_output", call_id: `call_${nth}`,
      output: [
        { type: "input_text", text: `Script completed\nWall time 0.${nth} seconds\nOutput:\n` },
        { type: "input_text", text: `{"chunk_id":"8ad53${nth}","wall_time_seconds":0.00000467${nth},"exit_code":1,"original_token_count":4,"output":"not ok 1 - a\\n"}` },
      ],
    },
  ]); // prettier-ignore
  const judge = (items: readonly object[]) =>
    WIRES["openai-responses"].parse(Buffer.from(JSON.stringify({ model: "m", store: false, input: items })), { model: "m", maxTokens: 100 }); // prettier-ignore

  expect(judge(input.flat())).toMatchObject({ value: { isRepeating: true } });
  expect(judge(input.slice(1).flat())).toMatchObject({ value: { isRepeating: false } });
});

const FAILING = [
  { role: "assistant", content: [{ type: "tool_use", id: "t", name: "Bash", input: { command: "npm test" } }] },
  { role: "user", content: [{ type: "tool_result", tool_use_id: "t", is_error: true, content: "not ok 1" }] },
];
const failing = (times: number) => ({
  ...CALL,
  messages: [...CALL.messages, ...Array.from({ length: times }, () => FAILING).flat()],
});

describe("of a conversation that goes in circles, the gateway", () => {
  test("refuses the next call before it is made, and says so until another passes", async () => {
    await using set = await setUp((response) => sendStream(response, { text: "Done." }));
    const before = await post(set, failing(4));
    const refused = await post(set, failing(5));
    const facts = set.gateway.facts();
    // A sub-agent's conversation is its own: the one that it works for may go on.
    const beside = await post(set, CALL);

    expect([before.status, beside.status]).toEqual([200, 200]);
    expect(refused).toMatchObject({ status: 403, type: "repeating", headers: { "x-should-retry": "false" } });
    expect(facts).toMatchObject({ modelCalls: 1, refusedForRepeating: true });
    expect(set.gateway.facts()).toMatchObject({ modelCalls: 2, refusedForRepeating: false });
    expect(set.model.seen).toHaveLength(2);
  });

  test("counts its tokens all the same, which tells nothing of the attempt", async () => {
    await using set = await setUp(
      (response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"input_tokens":9}'),
    );
    const counted = await post(set, failing(5), undefined, "/v1/messages/count_tokens");

    expect(counted.status).toBe(200);
    expect(set.gateway.facts().refusedForRepeating).toBe(false);
  });
});

describe("whether a conversation goes in circles", () => {
  const turns = array(record({ call: constantFrom("a", "b"), result: constantFrom("x", "y"), failed: boolean() }), {
    maxLength: 12,
  });
  type Turns = ReturnType<typeof turns.generate>["value"];
  const stepsOf = (its: Turns): Step[] =>
    its.toReversed().flatMap(({ call, result, failed }): Step[] => [
      { kind: "result", what: result, failed },
      { kind: "call", what: call },
    ]);
  const key = ({ call, result, failed }: Turns[number]): string => [call, result, String(failed)].join(" ");

  test("is whether its last turns are all one, five that fail or eight of any kind", () => {
    assert(
      property(turns, (its) => {
        const [last] = its.slice(-1);
        const row = last === undefined ? 0 : its.length - 1 - its.findLastIndex((it) => key(it) !== key(last));

        expect(isRepeating(stepsOf(its))).toBe(last !== undefined && row >= (last.failed ? 5 : 8));
      }),
    );
  });

  test("takes two turns of a conversation whose last two differ, however long it is", () => {
    assert(
      property(integer({ min: 2, max: 10_000 }), string(), (length, what) => {
        let taken = 0;
        function* steps(): Generator<Step> {
          for (let nth = 0; nth < length; nth += 1) {
            taken += 1;
            yield { kind: "result", what: `${what}${nth}`, failed: false };
            yield { kind: "call", what };
          }
        }

        expect(isRepeating(steps())).toBe(false);
        expect(taken).toBeLessThanOrEqual(3);
      }),
    );
  });
});
