import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { parseReplyMarker } from "#core/task/markers.ts";
import { createWorld, PRODUCT, RUNNER, SIX_LINES, type World, type WorldOptions } from "#playground/world.ts";
import { freshDatabase } from "../kit/stores.ts";

/** Room for every task of a siege: what doesn't start is refused for what it is, and waits for no budget and no other job. */
export const ROOMY = SIX_LINES.replace("$200/month", "$5000/month").replace(
  "provider: anthropic",
  "provider: anthropic\n    jobs: 100",
);

/** The app and the emulated GitHub, with no runner, and a database the test can look into while the app runs. */
export type Siege = AsyncDisposable & {
  readonly world: World;
  rows<Row extends object>(query: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Resolves once every webhook has arrived and the app has nothing left to do by itself. */
  quiet(): Promise<void>;
  count(table: "deliveries" | "tasks" | "leases" | "ledger"): Promise<number>;
  /** How many runs were started in the runner repository. */
  dispatched(): number;
};

const QUIET_MS = 30_000;

/** What the app's one comment says once all is quiet. The one that calls who asked isn't it. */
export async function commentOn(siege: Siege, issue: number, repository = PRODUCT): Promise<string> {
  await siege.quiet();
  const comments = siege.world.github.comments(repository, issue).filter(({ body }) => parseReplyMarker(body) === undefined);
  if (comments.length !== 1) throw new Error(`${String(comments.length)} comments on #${String(issue)}`);
  return comments[0]?.body ?? "";
}

export async function besiege(options: Partial<WorldOptions> = {}): Promise<Siege> {
  const databaseUrl = await freshDatabase();
  const world = await createWorld({
    product: { files: { "README.md": "# Web\n" } },
    script: [],
    policy: ROOMY,
    runner: false,
    databaseUrl,
    // How much content may be made is another test's subject: here there are more tasks a minute than GitHub would take.
    limits: { perMinute: 1_000_000, perHour: 1_000_000 },
    ...options,
  });
  const client = new Client({ connectionString: databaseUrl });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await world.app.start();
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }

  async function rows<Row extends object>(query: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await client.query(query, [...values])).rows as Row[];
  }

  return {
    world,
    rows,
    async quiet() {
      const deadline = performance.now() + QUIET_MS;
      for (let calm = 0; calm < 2;) {
        await world.github.delivered();
        // What is due within seconds is a try that follows; an offer or a rest is minutes away.
        const [busy] = await rows<{ n: string }>(
          `select (select count(*) from deliveries where due_at is not null) +
                  ${["tasks", "owners", "comments"].map((queue) => `(select count(*) from ${queue} where held_until is not null or due_at < (extract(epoch from clock_timestamp()) * 1000) + 20000)`).join(" + ")} as n`,
        );
        calm = busy?.n === "0" ? calm + 1 : 0;
        if (performance.now() > deadline) throw new Error(`the app did not come to rest:\n${world.app.output().slice(-3_000)}`);
        await sleep(20);
      }
    },
    count: async (table) => Number((await rows<{ n: string }>(`select count(*) as n from ${table}`))[0]?.n),
    dispatched: () => world.github.runs(RUNNER).length,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await client.end();
    },
  };
}

/** A webhook as anyone on the internet can send it: signed with a secret of their choice, or not at all. */
export async function post(
  world: World,
  event: string,
  payload: object,
  how: { secret?: string | null; id?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const { secret = world.webhookSecret, id = randomUUID(), headers = {} } = how;
  const body = JSON.stringify(payload);
  const signature =
    secret === null ? {} : { "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` };
  const response = await fetch(`${world.app.url}/api/github/webhooks`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", "x-github-event": event, "x-github-delivery": id, ...signature, ...headers },
  });
  await response.arrayBuffer();
  return response.status;
}

/** What GitHub sends when `sender` labels the issue, made from the payload it sent when the issue was opened. */
export function labeled(world: World, repository: string, issue: number, overrides: object = {}): Record<string, unknown> {
  const opened = world.github
    .deliveries()
    .find(
      (delivery) =>
        delivery.event === "issues" &&
        delivery.action === "opened" &&
        delivery.repository === repository &&
        numberOf(delivery.payload) === issue,
    );
  if (opened === undefined) throw new Error(`${repository}#${String(issue)} was never opened`);
  const label = {
    id: 1,
    node_id: "LA_1",
    url: "https://github.example/labels/agent",
    name: "agent",
    color: "ededed",
    default: false,
    description: null,
  };
  return { ...structuredClone(opened.payload), action: "labeled", label, ...overrides };
}

function numberOf(payload: Readonly<Record<string, unknown>>): unknown {
  const issue = payload["issue"];
  return typeof issue === "object" && issue !== null ? Reflect.get(issue, "number") : undefined;
}
