import { findProvider, type ModelInfo, type ModelPrice } from "@pydantic/genai-prices";
import { PROVIDERS, type Price, type Provider } from "../wire/contract.ts";

/**
 * What each model costs: the price list of @pydantic/genai-prices, as of its release, under rows of our own where that one is
 * late or has a model's price by mistake. A model that neither has can't be routed to: an unknown price is never free, and the
 * package's own search, which takes `claude-sonnet-5-5` for `claude-sonnet-5`, is not asked.
 *
 * Units: micro-dollars per million tokens, i.e. dollars per million × 1,000,000.
 */
export type ModelRow = {
  readonly model: string;
  readonly provider: Provider;
  readonly price: Price;
  /** The day from which the price holds; null: not told. */
  readonly effective: string | null;
  readonly source: string;
};

/** An hour in the cache costs twice the input price. Source: Anthropic's price list ("1h cache writes"), 2026-09-01. */
const CACHE_1H = 2;
/** Five minutes cost a quarter more than the input. Source: the same. */
const CACHE_5M = 1.25;

function perMillion(
  input: number,
  output: number,
  cacheWrite: number,
  cacheRead: number,
  cacheWrite1h = CACHE_1H * input,
): Price {
  const micro = (usd: number) => Math.round(usd * 1_000_000);
  return {
    input: micro(input),
    output: micro(output),
    cacheWrite: micro(cacheWrite),
    cacheWrite1h: micro(cacheWrite1h),
    cacheRead: micro(cacheRead),
  };
}

const OURS: readonly ModelRow[] = [
  {
    model: "claude-haiku-5-5",
    provider: "anthropic",
    // Prompts over 100,000 tokens cost five times as much; the higher tariff is what a budget must bear.
    price: perMillion(0.5, 2.5, 0.625, 0.05),
    effective: "2026-10-07",
    source: "Anthropic's price list, long-prompt tariff",
  },
  {
    model: "claude-sonnet-5-5",
    provider: "anthropic",
    price: perMillion(2, 10, 2.5, 0.1),
    effective: "2026-10-07",
    source: "PromptFuel v1.0.23",
  },
  {
    model: "claude-opus-5-5",
    provider: "anthropic",
    price: perMillion(4, 20, 5, 0.2),
    effective: "2026-09-22",
    source: "PromptFuel v1.0.21; Anthropic's lineup page agrees",
  },
  {
    model: "gpt-6.1-sol",
    provider: "openai",
    // Prompts over 272,000 tokens cost twice the input and half more of the output, as those of gpt-6-sol.
    price: perMillion(4, 15, 5, 0.2),
    effective: "2026-09-29",
    source: "OpenAI's price list, long-context tariff",
  },
  {
    model: "gpt-6.1-terra",
    provider: "openai",
    price: perMillion(2, 7.5, 2.5, 0.1),
    effective: "2026-10-26",
    source: "OpenAI's price list, long-context tariff",
  },
];

/**
 * Of a provider's list, the models that a harness can work with: of OpenAI's those that Codex 0.169.0 knows; of OpenRouter's 555
 * the current ones that are made for tools and code. Any other is one pattern away.
 */
const WORKS: Readonly<Record<Provider, RegExp>> = {
  anthropic: /^claude-/,
  openai: /^gpt-(?:5\.[56]|6)(?:-(?:astra|luna|sol|terra))?$/,
  openrouter:
    /^(?:deepseek\/deepseek-v4-|minimax\/minimax-m3|mistralai\/devstral-|moonshotai\/kimi-k2\.7|openai\/gpt-oss-120b|qwen\/qwen3-coder|z-ai\/glm-5\.)/,
};

const LISTED: readonly ModelRow[] = PROVIDERS.flatMap((provider) =>
  (findProvider({ providerId: provider })?.models ?? [])
    .filter(({ id }) => WORKS[provider].test(id))
    .flatMap((model) => toRow(provider, model)),
);

export const CATALOG: readonly ModelRow[] = [
  ...OURS,
  ...LISTED.filter((row) => !OURS.some((ours) => ours.provider === row.provider && ours.model === row.model)),
];

export function findModel(model: string): ModelRow | undefined {
  return CATALOG.find((row) => row.model === model);
}

function toRow(provider: Provider, { id, prices }: ModelInfo): ModelRow[] {
  // Of prices that follow one another the latest, of those by the hour or the prompt's length the dearest.
  const dated = Array.isArray(prices) ? prices : [{ prices }];
  const latest = dated.at(-1);
  if (latest === undefined) return [];
  const input = dearest(latest.prices, "input_mtok");
  const output = dearest(latest.prices, "output_mtok");
  if (input === undefined || output === undefined || input <= 0) return [];
  const price = perMillion(
    input,
    output,
    dearest(latest.prices, "cache_write_mtok") ?? CACHE_5M * input,
    dearest(latest.prices, "cache_read_mtok") ?? input,
    dearest(latest.prices, "cache_write_1h_mtok"),
  );
  const { constraint } = "constraint" in latest ? latest : { constraint: undefined };
  const effective = constraint !== undefined && "start_date" in constraint ? constraint.start_date : null;
  return [{ model: id, provider, price, effective, source: "@pydantic/genai-prices 0.1.8" }];
}

function dearest(prices: ModelPrice, key: string): number | undefined {
  const price = prices[key];
  if (price === undefined || typeof price === "number") return price;
  return Math.max(price.base, ...price.tiers.map((tier) => tier.price));
}
