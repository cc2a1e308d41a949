import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "agent-pool-start-"));
afterAll(() => rmSync(folder, { recursive: true }));

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const GOOD = {
  APP_ID: "12",
  PRIVATE_KEY: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
  WEBHOOK_SECRET: "s3cret",
  PUBLIC_URL: "http://localhost:3000",
  HOST: "127.0.0.1",
  PORT: "0",
  AGENT_POOL_DATA: join(folder, "data"),
};

/** `npm start`, until it has ended, or says `until`. */
async function start(variables: Record<string, string>, until = "agent-pool is ready"): Promise<{ code: unknown; said: string }> {
  const app = spawn(process.execPath, [join(ROOT, "src/main.ts")], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...GOOD, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(app, "exit");
  let said = "";
  for (const stream of [app.stdout, app.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(until)) app.kill("SIGKILL");
    });
  }
  const [code] = (await exited) as [unknown];
  return { code, said: said.trimEnd() };
}

/** Something at GITHUB_API_URL that answers all the same. */
async function answering(status: number, body: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((_, response) => {
    response.writeHead(status, { "content-type": body.startsWith("{") ? "application/json" : "text/html" }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("npm start", () => {
  it.each([
    ["a server without GitHub's API", 404, '{"message":"Not Found"}', "there is no GitHub API at GITHUB_API_URL (http"],
    ["a page in several lines", 404, "<html>\n<body>\n</html>", "there is no GitHub API at GITHUB_API_URL (http"],
    ["a server that answers anything", 200, "<html>Sign in</html>", "there is no GitHub API at GITHUB_API_URL (http"],
    [
      "an App that GitHub doesn't know",
      404,
      '{"message":"Integration not found"}',
      "check that APP_ID and PRIVATE_KEY are of one App",
    ],
    [
      "a key that isn't the App's",
      401,
      '{"message":"A JWT could not be decoded"}',
      "check that APP_ID and PRIVATE_KEY are of one App",
    ],
  ])("with %s ends with 2 and one line that names the variable", async (_name, status, body, line) => {
    await using github = await answering(status, body);

    const { code, said } = await start({ GITHUB_API_URL: github.url });

    expect({ code, said }).toEqual({ code: 2, said: expect.stringContaining(line) as string });
    expect(said.split("\n")).toHaveLength(1);
  });

  it("says which variable to look at where GitHub can't be reached, and starts all the same", async () => {
    const { said } = await start({ GITHUB_API_URL: "http://127.0.0.1:9" });

    expect(said).toContain("GITHUB_API_URL can't be reached");
    expect(said).toContain("agent-pool is ready");
  });

  it.each(["/proc/agent-pool", "/dev/null/agent-pool"])("ends with one line where the store can't be in %s", async (path) => {
    const { code, said } = await start({ AGENT_POOL_DATA: path });

    expect({ code, said }).toEqual({ code: 2, said: expect.stringContaining(`check AGENT_POOL_DATA (${path})`) as string });
    expect(said.split("\n")).toHaveLength(1);
  });

  it("refuses to be a playground before the real GitHub", async () => {
    const { code, said } = await start({ AGENT_POOL_PLAYGROUND: "1" });

    expect({ code, said }).toEqual({
      code: 2,
      said: expect.stringMatching(/^agent-pool: AGENT_POOL_PLAYGROUND is .+$/) as string,
    });
  });
});
