import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { guardDirectory, StoreInUse } from "#adapters/store/guard.ts";

describe("the guard of an embedded store", () => {
  it("refuses a second holder and names the first", async () => {
    const folder = mkdtempSync(join(tmpdir(), "guard-"));
    const guard = await guardDirectory(folder);

    await expect(guardDirectory(folder)).rejects.toThrow(StoreInUse);
    await expect(guardDirectory(folder)).rejects.toThrow(`process ${String(process.pid)}`);
    await guard[Symbol.asyncDispose]();

    await (await guardDirectory(folder))[Symbol.asyncDispose]();
  });

  it("is free again the moment its holder is killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "guard-"));
    const holder = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { guardDirectory } from "#adapters/store/guard.ts"; await guardDirectory(${JSON.stringify(folder)}); console.log("held"); setInterval(() => {}, 1000);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(holder.stdout, "data");
    await expect(guardDirectory(folder)).rejects.toThrow(`process ${String(holder.pid)}`);

    holder.kill("SIGKILL");
    await once(holder, "exit");

    await expect(guardDirectory(folder)).resolves.toBeDefined();
  });

  it("outlives whoever asks and is gone before the answer", async () => {
    const folder = mkdtempSync(join(tmpdir(), "guard-"));
    await using _guard = await guardDirectory(folder);

    // What is written to a socket whose other end is closed is an error event of that socket.
    for (let times = 0; times < 50; times += 1) {
      const asking = connect(join(folder, "in-use.sock"));
      asking.on("connect", () => asking.destroy());
      await once(asking, "close");
    }

    await expect(guardDirectory(folder)).rejects.toThrow(StoreInUse);
  });
});
