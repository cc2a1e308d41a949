import { randomUUID } from "node:crypto";
import type { Runtime } from "#ports/runtime.ts";

/** What the app has of its process, in a test that has none: nothing is logged, no identity is valid. */
export function makeRuntime(overrides: Partial<Runtime> = {}): Runtime {
  const silent = () => undefined;
  return {
    log: { debug: silent, info: silent, warn: silent, error: silent },
    playground: false,
    newId: () => randomUUID(),
    newRunToken: () => ({ token: "t", hash: "h" }),
    newKeyPair: () => ({ publicKey: "p", privateKey: "d" }),
    hash: (text) => text,
    verifyIdentity: () => Promise.resolve({ ok: false, error: "invalid" }),
    ...overrides,
  };
}
