import type { Auth, Harness, Provider } from "./contract.ts";

/** The formats in which providers are spoken to. */
export const WIRE_IDS = ["anthropic-messages", "openai-responses", "openai-chat"] as const;
export type WireId = (typeof WIRE_IDS)[number];

/** What a harness can do, as far as a route or the pool must know it. */
export type HarnessInfo = {
  /** The providers it can work with, and what it speaks to each. */
  readonly speaks: { readonly [P in Provider]?: WireId };
  /** What kinds of credentials it can be given. A person's subscription goes to its provider's own program alone (terms). */
  readonly auths: readonly Auth[];
  /** It can be told how hard to think. */
  readonly effort: boolean;
  /** It can be told when to stop by itself, in turns. */
  readonly turnLimit: boolean;
  /** Another job can go on with its conversation, under another key. */
  readonly resume: boolean;
  /** Its last message can be held to a schema. */
  readonly structuredOutput: boolean;
};

/**
 * One row a harness. Source: notes of their runs at the pinned versions, 2026-11-23 and 25; what each does is in
 * `action/src/harness/<one file>`.
 */
export const HARNESS_INFO: Readonly<Record<Harness, HarnessInfo>> = {
  "claude-code": {
    speaks: { anthropic: "anthropic-messages" },
    auths: ["api-key", "oauth", "workload-identity"],
    effort: true,
    turnLimit: true,
    resume: true,
    structuredOutput: true,
  },
  codex: {
    speaks: { openai: "openai-responses" },
    auths: ["api-key", "access-token", "workload-identity"],
    effort: true,
    turnLimit: false,
    resume: true,
    structuredOutput: true,
  },
  opencode: {
    speaks: { anthropic: "anthropic-messages", openai: "openai-responses", openrouter: "openai-chat" },
    auths: ["api-key", "workload-identity"],
    effort: true,
    turnLimit: true,
    resume: false,
    structuredOutput: false,
  },
};

/** Where each provider answers, unless an organisation has a proxy of its own before it. */
export const PROVIDER_URLS: Readonly<Record<Provider, string>> = {
  anthropic: "https://api.anthropic.com",
  openai: "https://api.openai.com",
  openrouter: "https://openrouter.ai/api",
};
