import type { Harness as HarnessId } from "#core/wire/contract.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import type { Harness } from "./harness.ts";
import { opencode } from "./opencode.ts";

/** Every harness the contract names. Does not compile while one is missing. */
export const HARNESS = { "claude-code": claudeCode, codex, opencode } as const satisfies Record<HarnessId, Harness>;

/** Undefined for a name that came with a later contract than this Action's. */
export function findHarness(name: string): Harness | undefined {
  return Object.entries<Harness>(HARNESS).find(([known]) => known === name)?.[1];
}
