import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { open, seal, SEALED_OUTCOME, type KeyPair, type SealedFor } from "#core/wire/sealed.ts";

function makeKeys(): KeyPair {
  const { x = "", d = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  return { publicKey: x, privateKey: d };
}

const app = makeKeys();
const to: SealedFor = { lease: "0c6f1f5e-2f0a-4b50-9d0e-0f4b7a0d6c11", tokenHash: "ab".repeat(32) };
const file = seal("the outcome", makeKeys(), app.publicKey, to);

describe("a sealed file", () => {
  it("opens as the text that was sealed, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 2_000 }), (text) => {
        expect(open(seal(text, makeKeys(), app.publicKey, to), app, to)).toEqual({ ok: true, value: text });
      }),
      { numRuns: 30 },
    );
  });

  it("shows nothing of the text, and is never twice the same", () => {
    const again = seal("the outcome", makeKeys(), app.publicKey, to);

    expect(file.includes("outcome")).toBe(false);
    expect(again.equals(file)).toBe(false);
    expect(again.subarray(-11).equals(file.subarray(-11))).toBe(false);
  });

  it("may be as long as the longest outcome makes it", () => {
    expect(file).toHaveLength("the outcome".length + SEALED_OUTCOME.maxBytes - 8 * 1024 * 1024);
  });

  it.each<[string, KeyPair, SealedFor]>([
    ["another lease", app, { ...to, lease: "0c6f1f5e-2f0a-4b50-9d0e-0f4b7a0d6c12" }],
    ["another claim of the same lease", app, { ...to, tokenHash: "ac".repeat(32) }],
    ["another key", makeKeys(), to],
  ])("opens for no %s", (_name, keys, other) => {
    expect(open(file, keys, other)).toEqual({ ok: false, error: "not-for-this-lease" });
  });

  it("opens no more once any bit of it was turned", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length * 8 - 1 }), (bit) => {
        const turned = Buffer.from(file);
        turned[bit >> 3]! ^= 1 << (bit & 7);
        expect(open(turned, app, to).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("opens from no beginning of it, and from nothing else", () => {
    for (let length = 0; length < file.length; length += 1) expect(open(file.subarray(0, length), app, to).ok).toBe(false);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !open(bytes, app, to).ok));
  });

  it("names another version of the format as what it is", () => {
    const later = Buffer.from(file);
    later[3] = 2;

    expect(open(later, app, to)).toEqual({ ok: false, error: "not-sealed" });
  });

  it("is refused where its writer chose a point that makes the secret known", () => {
    const weak = Buffer.from(file);
    weak.fill(0, 4, 36);

    expect(open(weak, app, to)).toEqual({ ok: false, error: "not-for-this-lease" });
  });
});
