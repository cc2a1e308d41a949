import type { Change, Claim } from "#core/wire/contract.ts";
import { setStage as setPlaygroundStage, type Stage as PlaygroundStage } from "#playground/stage/stage.ts";
import { type Model, type Reply, startModel } from "./model.ts";

export const KEY = "sk-ant-api03-the-leased-key-of-this-job";

/** A staged job with a model that answers what the test says. */
export type Stage = PlaygroundStage & { readonly model: Model };

type Given = {
  readonly reply: Reply;
  readonly setup?: string[];
  /** None by default: nothing runs in the job. */
  readonly verify?: string[] | "detect";
  readonly repairs?: number;
  readonly microUsd?: number;
  readonly deadlineMs?: number;
  readonly harness?: string;
  readonly auth?: string;
  /** The leased key; an API key by default. */
  readonly key?: string;
  readonly files?: Record<string, string>;
  readonly resume?: Change[];
  readonly overlay?: Change[];
  readonly agent?: Claim["agent"];
};

export async function setStage({ reply, harness = "claude-code", ...given }: Given): Promise<Stage> {
  const model = await startModel(reply);
  const stage = await setPlaygroundStage({
    key: KEY,
    ...given,
    modelUrl: model.url.href,
    files: { "a.txt": "old\n", "AGENTS.md": "Write British English.\n", ...given.files },
    route: { tier: "standard", harness, provider: "anthropic", model: "claude-sonnet-5-5", effort: "low", maxTurns: 10 },
  });
  return {
    ...stage,
    model,
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
    },
  };
}
