import { refusal, type Answer } from "./answers.ts";
import type { Acting } from "./credentials.ts";
import { nowOf, type GitHub } from "./state.ts";

/**
 * GitHub's secondary limit on creating content: 80 requests a minute and 500 an hour.
 * Source: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api. Counts the call when it is let through.
 */
export function takeContentSlot(github: GitHub, caller: Acting): Answer | undefined {
  const { id } = caller.party === "user" ? caller.account : caller.token.installation;
  const { perMinute, perHour } = github.options.limits ?? { perMinute: 80, perHour: 500 };
  const now = nowOf(github);
  const lastHour = (github.created.get(id) ?? []).filter((at) => at > now - 3_600_000);
  const lastMinute = lastHour.filter((at) => at > now - 60_000);
  const free = (times: readonly number[], spanMs: number): number =>
    Math.max(1, Math.ceil(((times[0] ?? now) + spanMs - now) / 1000));
  const wait =
    lastHour.length >= perHour ? free(lastHour, 3_600_000) : lastMinute.length >= perMinute ? free(lastMinute, 60_000) : 0;
  github.created.set(id, wait === 0 ? [...lastHour, now] : lastHour);
  if (wait === 0) return undefined;
  const answer = refusal(
    403,
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",
  );
  return { ...answer, headers: { "retry-after": String(wait) } };
}
