import { array, assert, constantFrom, nat, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_USAGE } from "#core/wire/contract.ts";
import { makeJsonMeter, makeSseMeter } from "../../action/src/gateway/meter.ts";
import { anthropicMessages } from "../../action/src/gateway/wires/anthropic-messages.ts";
import { toEvents } from "./kit/model.ts";

const USAGE = { ...NO_USAGE, inputTokens: 100, outputTokens: 42, cacheReadTokens: 10, cacheWriteTokens: 5 };
const CALL = { body: Buffer.alloc(0), inputTokens: 90, maxTokens: 500, longCache: false, isRepeating: false };

function meterInPieces(text: string, cuts: readonly number[]): ReturnType<ReturnType<typeof makeSseMeter>["end"]> {
  const bytes = Buffer.from(text);
  const meter = makeSseMeter(anthropicMessages.readStream(CALL));
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

    const metered = meterInPieces(start + delta(20) + delta(42) + delta(42), []);

    expect(metered?.usage).toEqual(USAGE);
  });

  test("estimates the output of a stream that was cut before its final figures", () => {
    const text = toEvents({ text: "a".repeat(300) })
      .slice(0, 3)
      .join("");

    expect(meterInPieces(text, [])).toEqual({ usage: { ...USAGE, outputTokens: 100 }, estimated: true });
  });

  test("counts every text by its length, however it is written in the stream", () => {
    const text = oneof(
      string({ minLength: 4 }),
      string({ unit: "binary", minLength: 4 }),
      constantFrom('say "no"', "a\nb\\c", "✅ Grüße"),
    );

    assert(
      property(text, (it) => {
        const cut = toEvents({ text: it }).slice(0, 3).join("");
        expect(meterInPieces(cut, [])?.usage.outputTokens).toBe(Math.ceil(it.toWellFormed().length / 3));
      }),
    );
  });

  test("assumes all the output that was asked for when the stream was cut after the model had begun to think", () => {
    const [start = ""] = toEvents({ text: "x" });
    const thinking = `data: ${JSON.stringify({ type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } })}\n\n`;

    expect(meterInPieces(start + thinking, [])).toEqual({ usage: { ...USAGE, outputTokens: 500 }, estimated: true });
    expect(meterInPieces(start, [])).toEqual({ usage: { ...USAGE, outputTokens: 1 }, estimated: true });
  });

  test("knows no figures of an answer that was cut before it named any", () => {
    const document = makeJsonMeter(anthropicMessages.usageOf);
    document.read(Buffer.from('{"usage":{"input_tok'));

    expect(meterInPieces("", [])).toBeUndefined();
    expect(document.end()).toBeUndefined();
  });

  const cache = {
    cache_creation_input_tokens: 900,
    cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 700 },
  };
  const split = { ...NO_USAGE, inputTokens: 3, outputTokens: 42, cacheWriteTokens: 200, cacheWrite1hTokens: 700 };

  test("tells what is cached for an hour from the rest, which a stream's last figures no longer do", () => {
    const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
    const start = event({ type: "message_start", message: { usage: { input_tokens: 3, output_tokens: 1, ...cache } } });
    const delta = event({
      type: "message_delta",
      usage: { input_tokens: 3, output_tokens: 42, cache_creation_input_tokens: 900 },
    });

    expect(meterInPieces(start + delta, [])).toEqual({ usage: split, estimated: false });
  });

  test("tells what is cached for an hour in an answer that is one document", () => {
    const meter = makeJsonMeter(anthropicMessages.usageOf);

    meter.read(Buffer.from(JSON.stringify({ usage: { input_tokens: 3, output_tokens: 42, ...cache } })));

    expect(meter.end()).toEqual({ usage: split, estimated: false });
  });

  test("reads an answer that is one document", () => {
    const meter = makeJsonMeter(anthropicMessages.usageOf);

    meter.read(Buffer.from('{"usage":{"input_tokens":7,"outpu'));
    meter.read(Buffer.from('t_tokens":3,"cache_read_input_tokens":null}}'));

    expect(meter.end()).toEqual({
      usage: { ...NO_USAGE, inputTokens: 7, outputTokens: 3 },
      estimated: false,
    });
  });
});
