import type { Data, Run } from "./data.ts";

/**
 * The models of the evaluation, by what they are called in its data, with what a million input tokens cost by their makers' lists
 * when they were run: all that the router knows of a model before its first run.
 */
export const LIGHT = ["gpt-5-mini-2025-08-07", "deepseek-v3.2-reasoner", "glm-4.6", "gpt-5-nano-2025-08-07", "gpt-oss-120b"];
export const FRONTIER = ["claude-opus-4-5-20251101", "gemini-3-pro-preview", "claude-sonnet-4-5-20250929", "gpt-5.1-2025-11-13"];

/** Dollars a million input tokens. Sources: OpenAI's, DeepSeek's, Z.ai's, OpenRouter's, Anthropic's and Google's price lists, 2025-12. */
const INPUT_USD: Readonly<Record<string, number>> = {
  "gpt-5-mini-2025-08-07": 0.25,
  "deepseek-v3.2-reasoner": 0.28,
  "glm-4.6": 0.6,
  "gpt-5-nano-2025-08-07": 0.05,
  "gpt-oss-120b": 0.05,
  "claude-opus-4-5-20251101": 5,
  "gemini-3-pro-preview": 2,
  "claude-sonnet-4-5-20250929": 3,
  "gpt-5.1-2025-11-13": 1.25,
};

export type Model = { readonly name: string; readonly inputUsd: number; readonly runs: ReadonlyMap<string, Run> };

export type Pair = { readonly light: Model; readonly frontier: Model };

/** The twenty pairs of a light and a frontier model. Throws where the data lacks one. */
export function pairsOf(data: Data): readonly Pair[] {
  return LIGHT.flatMap((light) =>
    FRONTIER.map((frontier) => ({ light: modelOf(data, light), frontier: modelOf(data, frontier) })),
  );
}

function modelOf({ runs }: Data, name: string): Model {
  const of = runs.get(name);
  const inputUsd = INPUT_USD[name];
  if (of === undefined || inputUsd === undefined) throw new Error(`runs.jsonl has no run of the model ${name}`);
  return { name, inputUsd, runs: of };
}

/** The issues that every model of the pairs was run on. */
export function commonIssues(data: Data): Data["issues"] {
  const all = [...LIGHT, ...FRONTIER].map((name) => modelOf(data, name).runs);
  return data.issues.filter(({ id }) => all.every((runs) => runs.has(id)));
}

/** Each model that another resolves no less than, for no more: a tier of its own that nobody should have. */
export function dominated({ runs }: Data): readonly { readonly tier: string; readonly dominatedBy: string }[] {
  const ids = [...(runs.values().next().value?.keys() ?? [])].filter((id) => [...runs.values()].every((of) => of.has(id)));
  const figures = [...runs].map(([name, of]) => {
    const each = ids.flatMap((id) => of.get(id) ?? []);
    return { name, resolved: each.filter(({ resolved }) => resolved).length, usd: each.reduce((sum, { usd }) => sum + usd, 0) };
  });
  return figures.flatMap(({ name, resolved, usd }) => {
    const better = figures
      .filter((other) => other.resolved >= resolved && other.usd <= usd && (other.resolved > resolved || other.usd < usd))
      .toSorted((one, other) => other.resolved - one.resolved || one.usd - other.usd)[0];
    return better === undefined ? [] : [{ tier: name, dominatedBy: better.name }];
  });
}
