import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startGitHub } from "#playground/github/server.ts";
import { reservePort } from "#playground/reserved-port.ts";
import { askGitHub, browse, LINK, readPage } from "../kit/browser.ts";

const ROOT = join(import.meta.dirname, "../..");
const PUBLIC_URL = "http://localhost:3999";

/** An empty folder with an emulated GitHub, and `npm start` in it. */
async function makePlace() {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "agent-pool-first-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const github = stack.use(
    await startGitHub({
      appManifest: join(ROOT, "app.yml"),
      dataDir: join(folder, "github"),
      webhook: { url: "http://127.0.0.1:9/nobody", secret: "old" },
      app: { id: 77, slug: "agent-pool" },
    }),
  );
  await github.createOwner({ login: "acme", kind: "Organization" });
  const { port } = stack.use(await reservePort());

  function start(variables: Record<string, string> = {}) {
    const app = spawn(process.execPath, [join(ROOT, "src/main.ts")], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOST: "127.0.0.1", PORT: String(port), GITHUB_API_URL: github.url, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(app, "exit") as Promise<[number | null]>;
    stack.defer(async () => {
      app.kill("SIGKILL");
      await exited;
    });
    let said = "";
    for (const stream of [app.stdout, app.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    return {
      said: () => said,
      code: async () => (await exited)[0],
      stop: async () => {
        app.kill("SIGTERM");
        await exited;
      },
      /** What the pattern holds, once the app has said it. */
      saying: async (pattern: RegExp) => {
        await expect.poll(() => pattern.exec(said), { timeout: 30_000, message: said }).not.toBeNull();
        return pattern.exec(said)?.[1] ?? "";
      },
    };
  }
  return { folder, github, start, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe("a start without an App", () => {
  it("shows the page that makes one, keeps what GitHub hands out, and goes on as the app", async () => {
    await using place = await makePlace();
    const app = place.start();
    const link = await app.saying(LINK);

    const { manifest, back } = await askGitHub(link, PUBLIC_URL);
    const made = await browse(back);

    expect(manifest).toMatchObject({ public: false, hook_attributes: { url: `${PUBLIC_URL}/api/github/webhooks` } });
    expect(made).toMatchObject({ status: 302, location: "https://github.example/apps/agent-pool/installations/new" });
    await app.saying(/(agent-pool is ready)/);
    expect(app.said()).toContain("Next: install the App at https://github.example/apps/agent-pool/installations/new");
    expect(app.said()).not.toMatch(/BEGIN RSA/);
    const file = join(place.folder, ".env");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toMatch(/^APP_ID=77\nPRIVATE_KEY=-----BEGIN RSA.*\nWEBHOOK_SECRET=[0-9a-f]{40}\nPUBLIC_URL=http:\/\/localhost:3999\n$/); // prettier-ignore
    expect(place.github.violations()).toEqual([]);

    await app.stop();
    const again = place.start();
    await again.saying(/(agent-pool is ready)/);
    expect(again.said()).not.toContain("/probot");
  });

  it("keeps the other lines of a file that is there", async () => {
    await using place = await makePlace();
    await writeFile(join(place.folder, ".env"), "# ours\nLOG_LEVEL=warn\nPUBLIC_URL=http://localhost:1\n\nALLOWED_OWNERS=acme\n");
    const app = place.start();
    const link = await app.saying(LINK);

    await browse((await askGitHub(link, PUBLIC_URL)).back);

    await app.saying(/(Next: install)/);
    expect(await readFile(join(place.folder, ".env"), "utf8")).toMatch(
      /^# ours\nLOG_LEVEL=warn\n\nALLOWED_OWNERS=acme\nAPP_ID=77\n/,
    );
  });

  it("opens by the link it printed, and by nothing else", async () => {
    await using place = await makePlace();
    const app = place.start();
    const link = new URL(await app.saying(LINK));
    const status = async (path: string, headers?: Record<string, string>) =>
      (await browse(`${link.origin}${path}`, headers)).status;

    expect(await browse(`${link.origin}/${link.search}`)).toMatchObject({ status: 302, location: `probot${link.search}` });
    expect(await status("/probot")).toBe(403);
    expect(await status("/probot?key=0")).toBe(403);
    expect(await status("/probot?owner=acme&url=https://agents.acme.dev")).toBe(403);
    expect(await status(`/probot${link.search}`, { host: "agents.acme.dev" })).toBe(200);
  });

  it("sends the browser back to this machine where it is here, and to the public address where it isn't", async () => {
    await using place = await makePlace();
    const link = await place.start().saying(LINK);
    const query = `&owner=acme&url=${encodeURIComponent("https://agents.acme.dev")}`;
    const manifestOf = async (headers: Record<string, string>) =>
      JSON.parse(readPage((await browse(link + query, headers)).text, /name="manifest" value="([^"]*)"/)) as Record<
        string,
        unknown
      >;

    expect(await manifestOf({})).toMatchObject({ redirect_url: `${new URL(link).origin}/probot/setup` });
    expect(await manifestOf({ host: "agents.acme.dev" })).toMatchObject({ redirect_url: "https://agents.acme.dev/probot/setup" });
  });

  it("keeps to PUBLIC_URL where it is set; an empty one is none, before the App is made and after", async () => {
    await using place = await makePlace();
    const set = place.start({ PUBLIC_URL: "https://agents.acme.dev" });
    const { manifest } = await askGitHub(await set.saying(LINK), "https://elsewhere.example.com");
    expect(manifest).toMatchObject({ hook_attributes: { url: "https://agents.acme.dev/api/github/webhooks" } });
    await set.stop();
    expect(await set.code()).toBe(0);

    const app = place.start({ PUBLIC_URL: "", ALLOWED_OWNERS: "" });
    await browse((await askGitHub(await app.saying(LINK), PUBLIC_URL)).back);
    await app.saying(/(agent-pool is ready)/);
    expect(app.said()).toContain(`"publicUrl":"${PUBLIC_URL}"`);
  });

  it("goes on where the browser left before it was answered, and lets GitHub be asked again where it didn't answer", async () => {
    await using place = await makePlace();
    const app = place.start();
    const { back } = await askGitHub(await app.saying(LINK), PUBLIC_URL);
    place.github.onCall("POST /app-manifests/{code}/conversions", ({ phase }) =>
      phase === "before" ? { status: 503 } : undefined,
    );
    const refused = await browse(back);
    expect(refused.status).toBe(502);
    expect(refused.text).toContain("Reload this page");

    const left = new AbortController();
    place.github.onCall("POST /app-manifests/{code}/conversions", async ({ phase }) => {
      if (phase === "before") return;
      left.abort();
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await expect(fetch(back, { signal: left.signal, redirect: "manual" })).rejects.toThrow(/abort/);

    await app.saying(/(agent-pool is ready)/);
  });

  it("takes no App that it didn't ask for, and no code twice", async () => {
    await using place = await makePlace();
    const app = place.start();
    const link = await app.saying(LINK);
    const at = new URL(link).origin;
    const { back } = await askGitHub(link, PUBLIC_URL);
    const spent = new URL(back);
    await fetch(`${place.github.url}/app-manifests/${spent.searchParams.get("code") ?? ""}/conversions`, { method: "POST" });

    expect((await browse(`${at}/probot/setup?code=abc&state=guessed`)).status).toBe(400);
    expect((await browse(`${at}/probot/setup?code=abc`)).status).toBe(400);
    expect((await browse(`${at}/probot/import`, {}, "appId=1")).status).toBe(503);
    const refused = await browse(back);
    expect(refused.status).toBe(502);
    expect(refused.text).toContain("Begin again");
    expect((await browse(back)).status).toBe(400);
  });

  it.each([
    ["an address in the clear", "acme", "http://agents.acme.dev", "should begin with https://"],
    ["no address", "acme", "agents", "should be an address like https://agents.example.com"],
    ["an organisation that is none", "acme/web", PUBLIC_URL, "should be its login"],
    ["markup", '"><script>', 'https://x/"><script>', "&lt;script&gt;"],
  ])("asks again for %s", async (_name, owner, url, said) => {
    await using place = await makePlace();
    const link = await place.start().saying(LINK);

    const { status, text } = await browse(`${link}&${new URLSearchParams({ owner, url }).toString()}`);

    expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining(said) as string });
    expect(text).not.toContain("<script>");
  });

  it("tells everything else that there is no App yet", async () => {
    await using place = await makePlace();
    const at = new URL(await place.start().saying(LINK)).origin;

    expect((await browse(`${at}/healthz`)).status).toBe(200);
    expect(await browse(`${at}/readyz`)).toMatchObject({ status: 503, text: expect.stringContaining("open the link") as string });
    expect((await browse(`${at}/api/github/webhooks`, {}, "{}")).status).toBe(503);
  });

  it("says what to do where the App's key can't be kept", async () => {
    await using place = await makePlace();
    const app = place.start();
    const { back } = await askGitHub(await app.saying(LINK), PUBLIC_URL);
    await rm(join(place.folder, ".env"));
    await mkdir(join(place.folder, ".env/full"), { recursive: true });

    const { status, text } = await browse(back);

    expect(status).toBe(500);
    expect(text).toMatch(/EISDIR.*Delete it at/s);
  });

  it("ends with one line where `.env` can't be read, or only half an App is named", async () => {
    await using place = await makePlace();
    const half = place.start({ WEBHOOK_SECRET: "s" });
    expect(await half.code()).toBe(2);
    expect(half.said()).toMatch(/^agent-pool: APP_ID is not set.*\n$/);

    await mkdir(join(place.folder, ".env"));
    const app = place.start();
    expect(await app.code()).toBe(2);
    expect(app.said()).toMatch(/^agent-pool: \.env can't be read: EISDIR.*\n$/);
    await rm(join(place.folder, ".env"), { recursive: true });

    // The name under which it is written first is taken.
    await mkdir(join(place.folder, ".env.new/full"), { recursive: true });
    const unwritable = place.start();
    expect(await unwritable.code()).toBe(2);
    expect(unwritable.said()).toMatch(/^agent-pool: there is no APP_ID, and for the page .+\.env must be writable \(.+\)\n$/);
  });
});
