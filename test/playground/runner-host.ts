import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOidcIssuer } from "#playground/oidc.ts";
import { startRunner, type RunnerOptions } from "#playground/runner/runner.ts";
import type { Conclusion, JobEnvironment, QueuedRun, RunnerHost } from "#playground/types.ts";

/** A whole GitHub as far as a runner sees it, in memory. */
export function makeHost(environments: Readonly<Record<string, Partial<JobEnvironment> | "refused">> = {}) {
  const queue: QueuedRun[] = [];
  const takers: ((run: QueuedRun | undefined) => void)[] = [];
  const cancels = new Map<number, AbortController>();
  const endings = new Map<number, PromiseWithResolvers<Conclusion>>();
  const titles = new Map<number, string>();
  const controller = (id: number) => cancels.get(id) ?? cancels.set(id, new AbortController()).get(id);
  const ending = (id: number) => {
    const known = endings.get(id) ?? Promise.withResolvers<Conclusion>();
    endings.set(id, known);
    return known;
  };

  const host: RunnerHost = {
    takeRun(signal) {
      const next = queue.shift();
      if (next !== undefined || signal.aborted) return Promise.resolve(next);
      return new Promise((resolve) => {
        takers.push(resolve);
        signal.addEventListener("abort", () => resolve(undefined), { once: true });
      });
    },
    async startRun(id, title) {
      titles.set(id, title);
    },
    async enterEnvironment(_, name) {
      const environment = environments[name] ?? {};
      return environment === "refused" ? undefined : { name, secrets: {}, variables: {}, ...environment };
    },
    storeArtifact: () => Promise.reject(new Error("this GitHub keeps no artifacts")),
    cancelled: (id) => (controller(id) as AbortController).signal,
    async completeRun(id, conclusion) {
      ending(id).resolve(conclusion);
    },
  };

  function dispatch(text: string, inputs: Record<string, string> = {}): number {
    const id = 1000 + endings.size;
    ending(id);
    const run: QueuedRun = {
      id,
      number: 1,
      repository: { id: 77, name: "runner", owner: "acme", ownerId: 5, private: true, cloneUrl: "http://git/acme/runner" },
      workflow: { path: ".github/workflows/agent-pool.yml", text },
      event: "workflow_dispatch",
      ref: "refs/heads/main",
      refProtected: true,
      sha: "a".repeat(40),
      inputs,
      actor: { id: 9, login: "agent-pool[bot]" },
    };
    const taker = takers.shift();
    if (taker === undefined) queue.push(run);
    else taker(run);
    return id;
  }

  return {
    host,
    dispatch,
    titles,
    cancel: (id: number) => controller(id)?.abort(),
    conclusion: (id: number) => ending(id).promise,
  };
}

/** A runner on that host, with one node action whose two files are given. */
export async function makeRunner(options: {
  readonly environments?: Parameters<typeof makeHost>[0];
  readonly main?: string;
  readonly post?: string;
  readonly runner?: Partial<RunnerOptions>;
}) {
  const folder = await mkdtemp(join(tmpdir(), "agent-pool-runner-"));
  const action = join(folder, "action");
  await mkdir(join(action, "dist"), { recursive: true });
  await writeFile(
    join(action, "action.yml"),
    [
      "name: probe",
      "inputs: { app-url: { required: true }, key: {}, who: { default: 'the ${{ github.actor }}' }, base-url: { default: fallback } }",
      "runs: { using: node24, main: dist/main.mjs, post: dist/post.mjs, post-if: always() }",
    ].join("\n"),
  );
  await writeFile(join(action, "dist", "main.mjs"), options.main ?? "");
  await writeFile(join(action, "dist", "post.mjs"), options.post ?? "");
  const issuer = await startOidcIssuer();
  const github = makeHost(options.environments);
  const runner = await startRunner({
    host: github.host,
    oidc: issuer,
    actions: { "acme/probe/action": action },
    serverUrl: "http://127.0.0.1:1",
    apiUrl: "http://127.0.0.1:1/api",
    tempDir: join(folder, "work"),
    toolCache: join(folder, "tools"),
    ...options.runner,
  });

  /** Runs a workflow to its end. */
  async function run(text: string, inputs: Record<string, string> = {}) {
    const id = github.dispatch(text, inputs);
    const conclusion = await github.conclusion(id);
    return { id, conclusion, log: runner.logs(id), title: github.titles.get(id) };
  }

  return {
    ...github,
    issuer,
    runner,
    run,
    folder,
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const PINNED = `acme/probe/action@${"b".repeat(40)}`;

/** A workflow with one job; `job` is YAML in flow style, without its braces. */
export function workflowOf(job: string, top = "permissions: {}"): string {
  return `name: agent-pool
run-name: agent-pool \${{ inputs.attempt }}
on: { workflow_dispatch: { inputs: { attempt: { type: string }, credential: { type: string } } } }
${top}
jobs:
  attempt:
    runs-on: ubuntu-24.04
${job.replace(/^/gm, "    ")}
`;
}
