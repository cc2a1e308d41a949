import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { reservePort } from "#playground/reserved-port.ts";

describe("a reserved port", () => {
  it("is nobody else's while it is held, whether or not anything listens on it", async () => {
    const reserved = await Promise.all(Array.from({ length: 200 }, () => reservePort()));

    expect(new Set(reserved.map(({ port }) => port)).size).toBe(200);
    await Promise.all(reserved.map((each) => each[Symbol.asyncDispose]()));
  });

  it("lies outside what Linux hands out by itself, and can be listened on again and again", async () => {
    await using reserved = await reservePort();

    expect(reserved.port).toBeLessThan(32_768);
    for (let start = 0; start < 3; start += 1) {
      const server = createServer();
      server.listen(reserved.port, "127.0.0.1");
      await once(server, "listening");
      server.close();
      await once(server, "close");
    }
  });
});
