import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "./world.ts";

/** How the one comment says that a task has come to its end. */
export const ENDED = /is ready for review|ended without a pull request|· not started|· stuck|· cancelled/;

/** Waits as a person would: until the app's comment says that it is over. False when it doesn't within `forMs`, or `stopped`. */
export async function waitForEnd(
  world: World,
  repository: string,
  issue: number,
  forMs: number,
  stopped?: AbortSignal,
): Promise<boolean> {
  return waitForComment(world, repository, issue, (body) => ENDED.test(body), forMs, stopped);
}

/** The same, until the app's comment says this. */
export async function waitForComment(
  world: World,
  repository: string,
  issue: number,
  says: (body: string) => boolean,
  forMs: number,
  stopped?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + forMs;
  while (performance.now() < deadline) {
    if (stopped?.aborted === true) return false;
    if (
      world.github
        .comments(repository, issue)
        .some((comment) => comment.login === world.github.app.botLogin && says(comment.body))
    )
      return true;
    await sleep(100);
  }
  return false;
}

/** What the app asked of GitHub, and what the job asked with its one-fetch token. Git's own protocol is not the API. */
export function countCalls(world: World): { githubCalls: Record<string, number>; jobCalls: Record<string, number> } {
  const count = (mine: boolean) => {
    const counted: Record<string, number> = {};
    for (const call of world.github.callList()) {
      if (call.route.includes(".git/") || call.userAgent.startsWith("agent-pool ") !== mine) continue;
      counted[call.route] = (counted[call.route] ?? 0) + 1;
    }
    return counted;
  };
  return { githubCalls: count(true), jobCalls: count(false) };
}
