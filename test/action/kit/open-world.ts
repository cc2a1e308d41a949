import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeOtherUser } from "../../../action/src/sandbox/other-user.ts";
import { proveSandbox } from "../../../action/src/sandbox/proof.ts";
import { makeBareRunner, makeSandbox } from "../../../action/src/sandbox/sandbox.ts";
import { makeWorkspace } from "../../../action/src/runner/workspace.ts";
import { installed, testSurroundings } from "./tool-cache.ts";

/**
 * A program of its own, for `unshare --net --mount`: there every address that a sandbox must not reach answers on the
 * loopback, and so does a name server, which the machine that runs the tests may well not have. Prints what the proof of
 * the sandbox named says.
 */
const ANSWERING = [
  ["1.1.1.1", 443],
  ["169.254.169.254", 80],
  ["168.63.129.16", 80],
] as const;
execFileSync("ip", ["link", "set", "lo", "up"]);
for (const [host, port] of ANSWERING) {
  execFileSync("ip", ["address", "add", `${host}/32`, "dev", "lo"]);
  const server = createServer((socket) => {
    socket.on("error", () => {}).end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  });
  await once(server.listen(port, host), "listening");
}
const names = createSocket("udp4");
// The question sent back with the bits of an answer (RFC 1035 §4.1.1): "no such name" is an answer too.
names.on("message", (question, from) => {
  question.writeUInt16BE(0x8183, 2);
  names.send(question, from.port, from.address);
});
names.bind(53, "127.0.0.53");
await once(names, "listening");
const folder = await mkdtemp(join(tmpdir(), "resolv-"));
await writeFile(join(folder, "resolv.conf"), "nameserver 127.0.0.53\n");
execFileSync("mount", ["--bind", join(folder, "resolv.conf"), "/etc/resolv.conf"]);

{
  const surroundings = testSurroundings();
  await using workspace = await makeWorkspace(surroundings.temp);
  const deps = { surroundings, workspace, toolFolders: [] };
  const srt = await installed("srt");
  const user = process.argv[2] === "user" ? await makeOtherUser(deps, srt) : undefined;
  if (user?.ok === false) throw new Error(user.error);
  await using other = user?.value;
  const sandbox = other ?? (process.argv[2] === "none" ? makeBareRunner(deps) : makeSandbox(deps, srt));
  process.stdout.write(JSON.stringify(await proveSandbox(sandbox, deps)));
}
await rm(folder, { recursive: true });
process.exit(0);
