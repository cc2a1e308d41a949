import { array, assert, constantFrom, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { makeJsonMeter, makeSseMeter } from "../../action/src/meter.ts";
import { toEvents } from "./kit/model.ts";

const USAGE = { inputTokens: 100, outputTokens: 42, cacheReadTokens: 10, cacheWriteTokens: 5 };

function meterInPieces(text: string, cuts: readonly number[]): ReturnType<ReturnType<typeof makeSseMeter>["end"]> {
  const bytes = Buffer.from(text);
  const meter = makeSseMeter(999);
  let from = 0;
  for (const cut of [...cuts.map((it) => it % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    meter.read(bytes.subarray(from, cut));
    from = cut;
  }
  return meter.end();
}

describe("the meter", () => {
  test("says the same whatever way the stream is cut and its lines end", () => {
    const text = toEvents({ text: "Grüße an alle — ✅" }).join("");

    assert(
      property(array(nat(), { maxLength: 60 }), constantFrom("\n", "\r\n", "\r"), (cuts, ending) => {
        expect(meterInPieces(text.replaceAll("\n", ending), cuts)).toEqual({ usage: USAGE, estimated: false });
      }),
      { numRuns: 500 },
    );
  });

  test("counts repeated cumulative figures once, and only their growth", () => {
    const [start = ""] = toEvents({ text: "x" });
    const delta = (output: number): string =>
      `data: ${JSON.stringify({ type: "message_delta", delta: {}, usage: { input_tokens: 100, output_tokens: output } })}\n\n`;

    const { usage } = meterInPieces(start + delta(20) + delta(42) + delta(42), []);

    expect(usage).toEqual(USAGE);
  });

  test("estimates the output of a stream that was cut before its final figures", () => {
    const text = toEvents({ text: "a".repeat(300) })
      .slice(0, 3)
      .join("");

    expect(meterInPieces(text, [])).toEqual({ usage: { ...USAGE, outputTokens: 100 }, estimated: true });
  });

  test("assumes the request's own size as input when the answer was cut before it named any", () => {
    expect(meterInPieces("", []).usage.inputTokens).toBe(999);
  });

  test("reads an answer that is one document", () => {
    const meter = makeJsonMeter(999);

    meter.read(Buffer.from('{"usage":{"input_tokens":7,"outpu'));
    meter.read(Buffer.from('t_tokens":3,"cache_read_input_tokens":null}}'));

    expect(meter.end()).toEqual({
      usage: { inputTokens: 7, outputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 0 },
      estimated: false,
    });
  });
});
