import { expect } from "vitest";

/** vitest's asymmetric matchers are of type `any`; these are not. */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
