import { resolve } from "node:path";
import { readSurroundings } from "#action/runner/inputs.ts";
import { installTool, TOOLS, type ToolId } from "#action/tools.ts";

/** `node action/src/prefetch.ts <folder>` fills a tool cache, for an image, or for tests without a network later on. */
const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: node action/src/prefetch.ts <folder>\n");
  process.exit(2);
}
const surroundings = { ...readSurroundings(process.env, []), toolCache: resolve(folder) };
for (const id of Object.keys(TOOLS) as ToolId[]) {
  const tool = await installTool(id, surroundings);
  process.stdout.write(`${tool.ok ? `${id} ${tool.value.version}: ${tool.value.executable}` : tool.error.detail}\n`);
  if (!tool.ok) process.exitCode = 1;
}
