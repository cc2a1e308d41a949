import { setTimeout as sleep } from "node:timers/promises";
import { prepareApp, type AppProcess } from "#playground/app-process.ts";
import { createWorld, PRODUCT, type World } from "#playground/world.ts";
import { countBooks, countGitHub, type Figures } from "./count.ts";
import { failCalls } from "./faults.ts";
import { startJobs } from "./jobs.ts";
import { startRelay } from "./relay.ts";

export type Chaos = {
  readonly tasks: number;
  readonly replicas: number;
  /** undefined: the embedded store. */
  readonly databaseUrl: string | undefined;
  readonly seed: number;
  /** After so long it is over, whatever is left. */
  readonly withinMs: number;
  readonly say: (line: string) => void;
};

/** One call in so many fails. */
const FAILING = 0.1;
/** Between two kills; an app needs a second or two to be back. */
const KILL_EVERY_MS = { least: 3_000, most: 10_000 };
/** So many issues are open before all of them have been labelled: a burst, then one after the other. */
const BURST = 20;

/** Issues labelled while everything goes wrong that can: what is left when all has come to its end. */
export async function runChaos({ tasks, replicas, databaseUrl, seed, withinMs, say }: Chaos): Promise<Figures> {
  const random = seeded(seed);
  await using stack = new AsyncDisposableStack();
  const world = stack.use(
    await createWorld({
      product: { files: { "README.md": "# Web\n" } },
      script: [],
      runner: false,
      listingLagMs: 1_000,
      // Its limits are another test's subject: two hundred tasks would take hours.
      limits: { perMinute: 1_000_000, perHour: 1_000_000 },
      policy: POLICY,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    }),
  );
  const apps: AppProcess[] = [world.app];
  for (let more = 1; more < replicas; more += 1) apps.push(stack.use(await prepareApp(world.dataDir, world.app.variables)));
  const relay = stack.use(await startRelay(() => apps.filter((app) => app.running()).map(({ url }) => url), random));
  // Of one App: whichever replica a job meets, its token is for all of them.
  for (const app of apps) app.variables["PUBLIC_URL"] = relay.url;
  world.github.setWebhook({ url: `${relay.url}/api/github/webhooks`, secret: world.webhookSecret });
  for (const app of apps) await app.start();
  const jobs = stack.use(startJobs(world, relay.url, random));
  const calls = failCalls(world, FAILING, random);

  const deadline = performance.now() + withinMs;
  const killing = new AbortController();
  const killer = kill(apps, random, killing.signal);
  const issues = await label(world, tasks);
  let ended = 0;
  while (performance.now() < deadline) {
    const now = await countEnded(world, tasks);
    if (now !== ended) say(`${String(now)} of ${String(tasks)} ended`);
    ended = now;
    // The last ones are let come to their end: what counts is what is left then.
    if (ended >= tasks * 0.95) killing.abort();
    if (ended >= tasks) break;
    await sleep(1_000);
  }
  killing.abort();
  const kills = await killer;
  await sleep(Math.min(5_000, Math.max(0, deadline - performance.now())));
  for (const app of apps) if (app.running()) await app.stop();
  const { duplicated, lost } = relay.told;
  const github = await countGitHub(world, issues);
  const repeats = [...jobs.worked.values()].reduce((sum, times) => sum + times - 1, 0);
  const books = await countBooks(world, databaseUrl);
  return { tasks, kills, duplicated, lost, failedCalls: calls.failed, ...github, ...books, upstreamRepeats: repeats };
}

/** Room for all of them: how a pool is shared is another subject. */
const POLICY = `version: 1
pool:
  - { name: platform-api, provider: anthropic, jobs: 64 }
runner: acme/agent-runner
budget: $20000/month
`;

/** Answers their numbers. */
async function label(world: World, tasks: number): Promise<readonly number[]> {
  const issues: number[] = [];
  for (let page = 1; page <= tasks; page += 1) {
    const text = { title: `Correct the typo on page ${String(page)}`, body: `In README.md, page ${String(page)} is misspelt.` };
    issues.push((await world.maintainer.openIssue(PRODUCT, { ...text, labels: ["agent"] })).number);
    if (page > BURST) await sleep(100);
  }
  return issues;
}

async function countEnded(world: World, tasks: number): Promise<number> {
  const pulls = await world.github.pulls(PRODUCT);
  return Math.min(tasks, pulls.length);
}

/** One replica after another, without a word; each is started again. Answers how often. */
async function kill(apps: readonly AppProcess[], random: () => number, stop: AbortSignal): Promise<number> {
  let kills = 0;
  while (!stop.aborted) {
    const pause = KILL_EVERY_MS.least + random() * (KILL_EVERY_MS.most - KILL_EVERY_MS.least);
    await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) break;
    const app = apps[Math.floor(random() * apps.length)];
    if (app === undefined || !app.running()) continue;
    await app.kill();
    kills += 1;
    await app.start();
  }
  return kills;
}

/** Numerical Recipes' linear congruential generator: the same faults in the same order, as far as time lets it. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
