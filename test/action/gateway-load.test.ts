import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { CALL, DUMMY, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendError, sendStream } from "./kit/model.ts";

const stream: Reply = (response) => sendStream(response, { text: "Done." });
const MB = 1024 * 1024;
const CHUNK = Buffer.alloc(30 * MB, " ");

type Began = { readonly call: ClientRequest; readonly answer: Promise<{ status: number; type: string }> };

/** A call whose body has begun, and doesn't end by itself. */
function begin(address: string, bytes: number): Promise<Began> {
  const call = request(`http://${address}/v1/messages`, { method: "POST", headers: { "x-api-key": DUMMY } });
  const answer = new Promise<{ status: number; type: string }>((resolve, reject) => {
    call.once("error", reject).once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (it: string) => (text += it));
      response.once("end", () => {
        const { error } = JSON.parse(text) as { error: { type: string } };
        resolve({ status: response.statusCode ?? 0, type: error.type });
      });
    });
  });
  return new Promise((resolve) => call.write(CHUNK.subarray(0, bytes), () => resolve({ call, answer })));
}

function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().arrayBuffers;
}

describe("under load, the gateway", () => {
  test("keeps nothing of what is sent to it while it is closed", async () => {
    await using set = await setUp(stream);
    const before = heldBytes();
    const open = await Promise.all([30, 30].map((it) => begin(set.gateway.address, it * MB)));
    await expect.poll(heldBytes).toBeGreaterThan(before + 50 * MB);
    for (const { call } of open) call.destroy();
    await Promise.allSettled(open.map((it) => it.answer));
    set.gateway.setOpen(false);

    const closed = await Promise.all([30, 30, 30, 30].map((it) => begin(set.gateway.address, it * MB)));
    await expect.poll(heldBytes).toBeLessThan(before + 20 * MB);
    for (const { call } of closed) call.end();

    expect(new Set((await Promise.all(closed.map((it) => it.answer))).map((it) => it.type))).toEqual(new Set(["not_open"]));
    expect(set.model.seen).toEqual([]);
  });

  test("holds at most 64 MB of calls, and takes more once those have ended", async () => {
    await using set = await setUp(stream);
    const first = await Promise.all([30, 30].map((it) => begin(set.gateway.address, it * MB)));
    const third = await begin(set.gateway.address, 10 * MB);
    third.call.end();

    const refused = await third.answer;
    const small = await post(set, CALL);
    for (const { call } of first) call.end();
    const ended = await Promise.all(first.map((it) => it.answer));
    const later = await begin(set.gateway.address, 10 * MB);
    later.call.end();

    expect(refused).toEqual({ status: 429, type: "rate_limit_error" });
    expect(small.status).toBe(200);
    // Read to their end, and found to be no JSON.
    expect([...ended, await later.answer].map((it) => it.status)).toEqual([400, 400, 400]);
  });

  test("refuses a body of more than 32 MB with an answer that arrives", async () => {
    await using set = await setUp(stream);
    const { call, answer } = await begin(set.gateway.address, 30 * MB);
    call.end(CHUNK.subarray(0, 5 * MB));

    expect(await answer).toEqual({ status: 413, type: "request_too_large" });
  });

  test("has at most 1,024 connections, and takes another once those have ended", async () => {
    await using set = await setUp(stream);
    const [host = "", port = ""] = set.gateway.address.split(":");
    const sockets: Socket[] = [];
    const health = async () =>
      await (await fetch(`http://${set.gateway.address}/healthz`, { headers: { connection: "close" } })).text();
    // In lots of 128, as the kernel keeps no more than 511 that nobody has taken yet. It hands them out in turn, so a later
    // one that is answered says that all of a lot were taken.
    for (let lot = 0; lot < 8; lot += 1) {
      if (lot > 0) expect(await health()).toBe("ok\n");
      const opened = Array.from({ length: 128 }, () => connect(Number(port), host).on("error", () => {}));
      sockets.push(...opened);
      await Promise.all(opened.map((it) => once(it, "connect")));
    }

    await expect(health()).rejects.toThrow("fetch failed");
    expect(sockets.filter((it) => it.closed)).toEqual([]);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(
        () =>
          post(set, CALL).then(
            (it) => it.status,
            () => "refused",
          ),
        { timeout: 10_000 },
      )
      .toBe(200);
  });
});

describe("what the provider last said, to the gateway", () => {
  const count = "/v1/messages/count_tokens";

  test("is not changed by counting, whether that succeeds or fails", async () => {
    const answers = [413, 200, 404].values();
    await using set = await setUp((response) => {
      const status = answers.next().value ?? 500;
      if (status !== 200) return sendError(response, status, status === 413 ? "request_too_large" : "not_found_error");
      response.end(JSON.stringify({ input_tokens: 1 }));
    });

    const statuses = [await post(set, CALL), await post(set, CALL, undefined, count)].map((it) => it.status);
    const afterSuccess = set.gateway.facts().lastError;
    statuses.push((await post(set, CALL, undefined, count)).status);

    expect(statuses).toEqual([413, 200, 404]);
    expect([afterSuccess, set.gateway.facts().lastError]).toMatchObject([{ status: 413 }, { status: 413 }]);
  });

  test("is no failure any more after a call that succeeds", async () => {
    await using set = await setUp((response, _seen, nth) =>
      nth === 0 ? sendError(response, 400, "invalid_request_error") : sendStream(response, { text: "Done." }),
    );

    await post(set, CALL);
    const failed = set.gateway.facts().lastError;
    await post(set, CALL);

    expect([failed?.status, set.gateway.facts().lastError]).toEqual([400, null]);
  });
});
