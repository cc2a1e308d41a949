import type { HookAnswer } from "#playground/github/emulated-github.ts";
import { ROUTES, type Route } from "#playground/github/routes.ts";
import type { World } from "#playground/world.ts";

/** The ways in which GitHub doesn't do what it was asked, or did it and says nothing. */
const FAULTS: readonly { readonly phase: "before" | "after"; readonly answer: Exclude<HookAnswer, void | undefined> }[] = [
  { phase: "before", answer: { status: 500, body: { message: "Server Error" } } },
  { phase: "before", answer: { status: 502, body: { message: "Bad Gateway" } } },
  {
    phase: "before",
    answer: {
      status: 403,
      headers: { "retry-after": "2" },
      body: { message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." },
    },
  },
  { phase: "before", answer: "drop" },
  // The timeout after success: done, and nobody is told.
  { phase: "after", answer: "drop" },
];

/** One call of the app's in ten fails, of every route. Says how many did. */
export function failCalls(world: World, share: number, random: () => number): { failed: number } {
  const seen = { failed: 0 };
  for (const route of [...(Object.keys(ROUTES) as Route[]), "POST /graphql" as const])
    world.github.onCall(
      route,
      ({ phase, request }) => {
        // People at GitHub's page, and the jobs' own token, are not what is tried here.
        if (request.party === "user" || random() >= share / 2) return undefined;
        const fitting = FAULTS.filter((fault) => fault.phase === phase);
        seen.failed += 1;
        return fitting[Math.floor(random() * fitting.length)]?.answer;
      },
      "always",
    );
  return seen;
}
