import { writeSync } from "node:fs";
import { pick } from "#core/pool/pick.ts";
import { OwnerId, RunId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { openStore } from "#adapters/store/store.ts";
import { beat } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makePolicy } from "../kit/briefs.ts";

/**
 * Another process at the same database, for tests that need real ones: to ask at once, and to be killed. Says in one line of
 * output what it has done.
 */
const [databaseUrl = "", doing, count = "0", budget = "$200/month"] = process.argv.slice(2);
const OWNER = OwnerId(10);
const policy = makePolicy(["one", "two", "three"], budget);
const store = await openStore({ databaseUrl });
const say = (what: unknown) => writeSync(1, `${JSON.stringify(what)}\n`);

if (doing === "ask") {
  // So many requests, all of them made before the first is answered.
  const granted: string[] = [];
  await Promise.all(
    Array.from({ length: Number(count) }, async () => {
      const decision = await decide(store, OWNER, policy, pick);
      if (decision.kind === "grant") granted.push(decision.task);
    }),
  );
  say(granted);
  await store.close();
} else if (doing === "hold") {
  const leases: string[] = [];
  for (let at = 0; at < Number(count); at += 1) {
    const decision = await decide(store, OWNER, policy, pick);
    if (decision.kind === "wait") throw new Error("nothing to hold");
    const lease = (await store.readLeases(decision.task)).at(-1);
    if (lease === undefined) throw new Error("a grant without a lease");
    // Every other one is offered still.
    if (at % 2 === 0) {
      await store.claimLease(lease.id, RunId(9_000 + at), "check", "hash");
      await store.recordHeartbeat(lease.id, beat(), MicroUsd(100));
    }
    leases.push(lease.id);
  }
  say(leases);
  setInterval(() => undefined, 60_000);
} else if (doing === "decide") {
  await store.admit(OWNER, policy, (snapshot) => {
    say(snapshot.queue.length);
    // Under the lock, and for ever.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  });
} else if (doing === "advance") {
  // A task claimed from the queue, and nothing more heard of its worker.
  const task = await store.claimTask();
  say(task?.id ?? null);
  setInterval(() => undefined, 60_000);
}
