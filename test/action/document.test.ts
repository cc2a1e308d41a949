import { array, assert, constantFrom, letrec, oneof, property, string, tuple, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { anthropicMessages } from "../../action/src/gateway/wires/anthropic-messages.ts";
import { readDocument, withFields } from "../../action/src/gateway/wires/document.ts";

const read = (text: string | Buffer) => readDocument(Buffer.from(text));
const rewritten = (text: string): string => JSON.stringify(JSON.parse(text));

/** Words that look like the ends of keys, inside and outside of strings. */
const word = oneof(string(), constantFrom("model", 'a":', "\\", '\\"', '{"model":', "✅ é", "\u001b", "", "__proto__", "\ud800"));
const blank = constantFrom("", " ", "\n\t ", "\r\n");
/** A string as JSON, each letter plain or by its number. */
const quoted = tuple(word, constantFrom(true, false)).map(([it, byNumber]) =>
  byNumber ? `"${Array.from({ length: it.length }, (_, at) => `\\u${it.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"` : JSON.stringify(it),
); // prettier-ignore
const plainKey = word.map((it) => JSON.stringify(it)).filter((it) => !it.includes("\\"));

type Member = readonly [key: string, blank: string, value: string];
const toText = (members: readonly Member[]): string =>
  `{${members.map(([key, space, value]) => `${key}${space}:${space}${value}`).join(`,`)}}`;

/** Texts of JSON in which no key stands twice in one object, or has an escape in it. */
const { object: plain } = letrec<{ value: string; object: string }>((tie) => ({
  value: oneof({ depthSize: "small" }, quoted, constantFrom("1e3", "-0.5", "null", "true", "[ ]"), tie("object"), array(tie("value"), { maxLength: 3 }).map((it) => `[${it.join(" ,")}]`)),
  object: uniqueArray(tuple(plainKey, blank, tie("value")), { maxLength: 4, selector: ([key]) => key }).map(toText),
})); // prettier-ignore

describe("a call's body", () => {
  test("goes as it came where no key stands twice or has an escape in it", () => {
    assert(
      property(plain, blank, (text, space) => {
        const bytes = Buffer.from(space + text + space);
        expect(readDocument(bytes)?.bytes).toBe(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is written again where a key stands twice, however deep and however it is written", () => {
    const key = constantFrom('"model"', '"mod\\u0065l"', '"\\u006dodel"');
    const repeats = tuple(key, blank, plain, key, blank, quoted).map(([first, space, value, second, more, last]) =>
      toText([[first, space, value], [second, more, last]]),
    ); // prettier-ignore
    const around = constantFrom<(inner: string) => string>(
      (it) => it,
      (it) => `{"a":[1,{"\\\\":${it} }]}`,
      (it) => `{"say \\"x\\":" : [[${it}]], "b": "\\":\\\\"}`,
    );
    assert(
      property(repeats, around, (text, wrap) => {
        expect(String(read(wrap(text))?.bytes)).toBe(rewritten(wrap(text)));
      }),
      { numRuns: 1_000 },
    );
  });

  test("is what was judged where Node reads one key as another, which it does with escapes", () => {
    const text = '{"a":[{"\\\\u0066i":1},{"\\u0066ile_id":2}],"b":{"\\\\":1},"c":{"\\n":2}}';
    const document = read(text);
    expect(String(document?.bytes)).toBe(JSON.stringify(document?.fields));
    expect(String(document?.bytes)).not.toBe(text);
  });

  test("is none where its bytes are not UTF-8, which two readers may replace differently", () => {
    expect(read(Buffer.from('{"a":"\xff"}', "latin1"))).toBeUndefined();
    expect(read(Buffer.from('{"a":"\xc3\xa9"}', "latin1"))).toBeDefined();
  });

  test.each(['"ttl":"1h"', '"ttl" :\n"1h"', '"t\\u0074l":"\\u0031h"'])("asks for an hour's cache with %j too", (asked) => {
    const text = `{"model":"m","system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral",${asked}}}]}`;
    const parsed = anthropicMessages.parse(Buffer.from(text), { model: "m", maxTokens: null });
    expect(parsed).toMatchObject({ ok: true, value: { longCache: true } });
  });

  test("has fields set without another change to it, those it has replaced and the others added", () => {
    const text = ' { "a" : "✅", "b":2 }';
    const set = (fields: object): unknown => {
      const document = read(text);
      return document && JSON.parse(String(withFields(document, { ...fields })));
    };
    expect([set({}), set({ b: 3 }), set({ c: 3 })]).toEqual([{ a: "✅", b: 2 }, { a: "✅", b: 3 }, { a: "✅", b: 2, c: 3 }]); // prettier-ignore
  });
});
