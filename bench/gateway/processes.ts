import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "#playground/action-bundle.ts";
import type { Load, Measured } from "./load-process.ts";
import { type Answer, bodyOf, DUMMY } from "./traffic.ts";

/** What is measured beside ours, from the least that can stand in between to a gateway with much more to it. */
export const GATEWAYS = ["ours", "pipe", "http-proxy", "portkey"] as const;
export type GatewayName = (typeof GATEWAYS)[number];

/**
 * Every program as one file without types, as ours runs in a job: else what is timed at a start is how long Node takes to take them
 * off (588 of 609 ms were seen, where the bundle takes 240).
 */
const folder = mkdtempSync(join(tmpdir(), "bench-gateway-"));
process.once("exit", () => {
  rmSync(folder, { recursive: true, force: true });
});
const PROGRAMS = ["ours", "pipe", "http-proxy", "upstream", "load"] as const;
const entries = Object.fromEntries(PROGRAMS.map((name) => [name, join(import.meta.dirname, `${name}-process.ts`)]));
for (const { path, contents } of await bundle(entries, folder)) writeFileSync(path, contents);

/** Each in a process of its own, which ends with this one. Portkey's finds its own package by its place. */
function start(name: string, ...args: string[]): ChildProcess {
  const isBundled = PROGRAMS.some((each) => each === name);
  const program = isBundled ? join(folder, `${name}.mjs`) : join(import.meta.dirname, `${name}-process.ts`);
  return fork(program, args, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const exited = new AbortController();
  const died = once(child, "exit", { signal: exited.signal }).then(() => {
    throw new Error(`${child.spawnargs[1] ?? ""} ended`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal: exited.signal }), died])) as unknown[];
    return message;
  } finally {
    exited.abort();
    died.catch(() => {});
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  return ((await answerOf(child)) as { address: string }).address;
}

export type Started = {
  readonly address: string;
  readonly pid: number | undefined;
  readonly headers: Record<string, string>;
  readonly startMs: number;
  end(): void;
};

/** @returns a gateway that has answered 200 once; `startMs`: from the start of its process until then. */
export async function startGatewayProcess(name: GatewayName, upstream: string): Promise<Started> {
  const began = performance.now();
  const child = start(name, upstream);
  const address = await addressOf(child);
  const headers: Record<string, string> =
    name === "portkey" ? { "x-portkey-provider": "anthropic", "x-portkey-custom-host": `http://${upstream}/v1` } : {};
  const answer = await fetch(`http://${address}/v1/messages`, {
    method: "POST",
    headers: { ...headers, "x-api-key": DUMMY, "anthropic-version": "2023-06-01", "content-type": "application/json" },
    body: bodyOf(1_000, false),
  });
  if (answer.status !== 200) throw new Error(`${name} answered ${String(answer.status)}: ${await answer.text()}`);
  await answer.arrayBuffer();
  return { address, pid: child.pid, headers, startMs: performance.now() - began, end: () => child.disconnect() };
}

export type Upstream = { readonly address: string; answer(how: Answer): void; end(): void };

export async function startUpstream(): Promise<Upstream> {
  const child = start("upstream");
  return { address: await addressOf(child), answer: (how) => void child.send(how), end: () => child.disconnect() };
}

export type Callers = { measure(load: Load): Promise<Measured>; end(): void };

export function startCallers(): Callers {
  const child = start("load");
  return {
    async measure(load) {
      child.send(load);
      const answer = (await answerOf(child)) as Measured | { readonly failure: string };
      if ("failure" in answer) throw new Error(`${load.address}, ${load.answer}: ${answer.failure}`);
      return answer;
    },
    end: () => child.disconnect(),
  };
}
