import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { containing } from "./kit/matchers.ts";
import { hashTree, installTool, TOOLS, type ToolId } from "../../action/src/tools.ts";
import { installed, testSurroundings, TOOL_CACHE } from "./kit/tool-cache.ts";

const IDS = Object.keys(TOOLS) as ToolId[];

async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "tools-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe("the tools", () => {
  test.each(IDS)("pin every package of %s by its archive's sha512, from no host in particular", async (id) => {
    const lock = JSON.parse(await readFile(new URL(`../../action/tools/${id}/package-lock.json`, import.meta.url), "utf8")) as {
      packages: Record<string, { integrity?: string; version?: string; resolved?: string }>;
    };
    const packages = Object.entries(lock.packages).filter(([path]) => path !== "");

    expect(packages.length).toBeGreaterThan(0);
    expect(packages.every(([, it]) => it.integrity?.startsWith("sha512-") && it.resolved === undefined)).toBe(true);
    // Codex has one package, and its platform as a part of the version.
    const versions = [TOOLS[id].version, `${TOOLS[id].version}-linux-x64`];
    expect(packages.some(([path, it]) => TOOLS[id].executable.startsWith(path) && versions.includes(it.version ?? ""))).toBe(
      true,
    );
  });

  test("install several at a time into one place, in place of a broken copy", async () => {
    await using cache = await scratch();
    const surroundings = { ...testSurroundings(), toolCache: cache.path };

    await mkdir(join(cache.path, `agent-pool/srt-${TOOLS.srt.version}-linux-x64/node_modules/evil`), { recursive: true });

    const all = await Promise.all([1, 2, 3].map(() => installTool("srt", surroundings)));

    expect(all.map((it) => it.ok)).toEqual([true, true, true]);
  });

  test("are replaced when an earlier job changed them", async () => {
    const srt = await installed("srt");
    await using cache = await scratch();
    const folder = srt.folder.replace(TOOL_CACHE, cache.path);
    await cp(srt.folder, folder, { recursive: true });
    await writeFile(join(folder, TOOLS.srt.executable), "#!/usr/bin/env node\nconsole.log('not a sandbox')\n");

    const again = await installTool("srt", { ...testSurroundings(), toolCache: cache.path });

    expect(again.ok).toBe(true);
    expect(await hashTree(folder)).toBe(TOOLS.srt.tree);
  });

  test("are refused when they can't be installed, with npm's own words", async () => {
    await using cache = await scratch();
    const network = { npm_config_registry: "http://127.0.0.1:9/", npm_config_fetch_retries: "0" };

    const refused = await installTool("srt", { ...testSurroundings(), toolCache: cache.path, network });

    expect(refused).toMatchObject({
      ok: false,
      error: { reason: "sandboxUnavailable", detail: containing("ECONNREFUSED") },
    });
  });
});
