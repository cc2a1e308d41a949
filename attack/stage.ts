import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Script } from "#playground/model/script.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, ROOT, RUNNER, type World } from "#playground/world.ts";
import { attemptsOf, type Cast, type Role } from "./cast.ts";
import { fillIn, type Attack } from "./corpus.ts";
import { gather, look } from "./evidence.ts";
import type { Harness } from "./harnesses.ts";
import type { Seen } from "./judge.ts";
import type { Mutant } from "./mutant.ts";
import { startRecorder } from "./recorder.ts";
import { makeRepository } from "./repository.ts";
import { openSinks, plantOutside } from "./sinks.ts";

/** One world with a listener on every way out, in which attacks are played, each in a repository of its own. */
export type Stage = AsyncDisposable & {
  /** Plays attacks in one task, each on its own account (`groupsOf`). */
  play(group: readonly Attack[]): Promise<Played[]>;
};

/** `attack`: with its words filled in. */
export type Played = { readonly attack: Attack; readonly seen: Seen };

const END_MS = 120_000;
/** Within this the app has asked GitHub about whoever asks; it claims due rows ten times a second. */
const REFUSED_MS = 6_000;

export async function raiseStage(harness: Harness, mutant?: Mutant): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  try {
    const scripts = new Map<string, Script>();
    const world = stack.use(
      await createWorld({
        product: { files: { "README.md": "# Web\n" } },
        policy: harness.policy,
        // Of the brief, which stands in the prompt: each attack has a repository, and each repository a script.
        script: ({ prompt }) => scripts.get(/^Repository: (\S+)$/m.exec(prompt)?.[1] ?? "") ?? [],
        ...(mutant === undefined ? {} : { action: mutant.action }),
      }),
    );
    const toApp = stack.use(await startRecorder(world.app.url));
    const toModel = stack.use(await startRecorder(world.model.url));
    const sinks = stack.use(await openSinks(world.dataDir, randomBytes(4).toString("hex")));
    Object.assign(world.app.variables, { PUBLIC_URL: toApp.url, ...mutant?.appVariables });
    await world.github.push(RUNNER, "main", { [WORKFLOW]: workflowWith(toApp.url, toModel.url) }, "watch what is sent");
    await world.app.start();
    const cast: Cast = { world, toApp, toModel, sinks, scripts };
    const owned = stack.move();
    return { play: (group) => play(cast, group), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

const WORKFLOW = ".github/workflows/agent-pool.yml";

/** The workflow an operator would push, and a step after the Action that shows what later steps are told. */
function workflowWith(appUrl: string, modelUrl: string): string {
  const witness = `
      - name: Witness
        if: always()
        shell: bash
        env:
          TOLD: \${{ toJSON(steps) }}
        run: env
`;
  return (
    readFileSync(join(ROOT, WORKFLOW), "utf8")
      .replace("https://agents.example.com", appUrl)
      .replaceAll(/(?<=-base-url: )\S+/g, modelUrl)
      .trimEnd() + witness
  );
}

async function play(cast: Cast, group: readonly Attack[]): Promise<Played[]> {
  const { world, sinks } = cast;
  const [leader] = group;
  if (leader === undefined) return [];
  const repository = `acme/${leader.name}`;
  const roles = group.map((template): Role => {
    const canary = `canary${randomBytes(8).toString("hex")}`;
    const folder = join(world.dataDir, "outside", template.name);
    const attack = fillIn(template, {
      canary, repository, outside: folder, world: world.dataDir, key: world.key, keyTail: world.key.slice(7), call: callAs(canary), tcp: sinks.tcp,
      udp: sinks.udp, socket: sinks.socket, abstract: sinks.abstract, github: new URL(world.github.url).host, app: new URL(cast.toApp.url).host,
    }); // prettier-ignore
    return { attack, canary, outside: plantOutside(folder, attack.outside) };
  });
  const [first] = roles;
  if (first === undefined) return [];
  await makeRepository(world, repository, first.attack);
  cast.scripts.set(repository, roles.flatMap(({ attack, canary }) => attack.script.map((step, at) => ("run" in step ? { run: marked(step.run, canary, at) } : step)))); // prettier-ignore
  const issue = await ask(world, repository, first.attack);
  const ended = await waitUntilOver(cast, repository, issue, first.attack);
  const evidence = await gather(cast, repository, issue);
  return roles.map((role) => ({ attack: role.attack, seen: look(cast, evidence, role, { ended, alone: roles.length === 1 }) }));
}

/** The beginning of a call at the gateway with the dummy key, as any code in the sandbox can make it; the user agent tells whose it is. */
function callAs(canary: string): string {
  return `curl -s -m 20 --noproxy '' -A ${canary} -H "x-api-key: $ANTHROPIC_API_KEY" -H 'content-type: application/json'`;
}

/** A command proves that it ran by a word that stands in its output and not in its text. */
function marked(command: string, canary: string, at: number): string {
  return `(\n${command}\n)\nprintf 'ran:%s:%s\\n' ${canary} ${String(at)}`;
}

/** Asks for work as the attack has it. @returns the issue. */
async function ask(world: World, repository: string, { by, comment, issue }: Attack): Promise<number> {
  const person = by === "outsider" ? world.outsider : world.maintainer;
  const labelled = by !== "bot" && comment === undefined;
  const { number } = await person.openIssue(repository, { ...issue, ...(labelled ? { labels: ["agent"] } : {}) });
  if (comment !== undefined) await person.comment(repository, number, comment);
  await world.github.delivered();
  if (by === "bot") await labelAsBot(world, repository);
  return number;
}

/** What GitHub sends when an App labels the issue that was opened last. */
async function labelAsBot(world: World, repository: string): Promise<void> {
  const opened = world.github.deliveries().findLast((it) => it.event === "issues" && it.repository === repository);
  const label = { id: 1, node_id: "LA_1", name: "agent", color: "ededed", default: false, description: null };
  const sender = { id: 49_699_333, login: "dependabot[bot]", type: "Bot" };
  const body = JSON.stringify({ ...opened?.payload, action: "labeled", label, sender });
  const signature = createHmac("sha256", world.webhookSecret).update(body).digest("hex");
  const headers = {
    "content-type": "application/json",
    "x-github-event": "issues",
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": `sha256=${signature}`,
  };
  const answer = await fetch(`${world.app.url}/api/github/webhooks`, { method: "POST", body, headers });
  if (answer.status !== 200) throw new Error(`the app answered a bot's label with ${String(answer.status)}`);
}

/** Until the app's comment says that the task has ended and its run is over; where nobody may start one, until that is certain. */
async function waitUntilOver(cast: Cast, repository: string, issue: number, { by }: Attack): Promise<boolean> {
  const { world } = cast;
  if (by !== "maintainer") {
    await sleep(REFUSED_MS);
    if (!world.github.callList().some(({ path }) => path.includes(`/${repository}/`))) return true;
  }
  const ended = await waitForEnd(world, repository, issue, END_MS);
  const runs = () => world.github.runs(RUNNER).filter((run) => attemptsOf(cast, repository).has(run.inputs["attempt"] ?? ""));
  for (let waited = 0; waited < 20_000 && runs().some(({ status }) => status !== "completed"); waited += 100) await sleep(100);
  return ended;
}
