import { describe, expect, it } from "vitest";
import { publishable } from "#core/change/publishable.ts";
import { Policy } from "#core/config/policy.ts";
import { isLent, NOTICE, NOTICE_HASH, type Consent } from "#core/pool/consent.ts";
import { toSnapshot, type Stored } from "#core/pool/snapshot.ts";
import { describeNotice } from "#core/task/notice.ts";
import { ActorId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import { makePlanRow } from "../kit/briefs.ts";

const seat = (more: object = {}) => ({ name: "ada-max", provider: "anthropic", kind: "seat", owner: "ada", ...more });
const policyOf = (...pool: readonly object[]) =>
  Policy.parse({ version: 1, pool, runner: "acme/agent-runner", budget: "$200/month" });
const ADA: Consent = { credential: "ada-max", login: "ada" };

describe("a consent", () => {
  it.each<[string, object, readonly Consent[], boolean]>([
    ["lends a seat that the policy says serves everyone", { serves: "everyone" }, [ADA], true],
    ["does so whatever the case of the login", { serves: "everyone", owner: "Ada" }, [{ ...ADA, login: "aDA" }], true],
    ["is needed whatever the policy says", { serves: "everyone" }, [], false],
    ["is not enough where the policy says nothing", {}, [ADA], false],
    ["is not enough where the policy says owner", { serves: "owner" }, [ADA], false],
    ["by another person counts for nothing", { serves: "everyone" }, [{ ...ADA, login: "bob" }], false],
    ["to another seat counts for nothing", { serves: "everyone" }, [{ ...ADA, credential: "ada-pro" }], false],
    ["lapses when the policy names another owner", { serves: "everyone", owner: "ada-new" }, [ADA], false],
  ])("%s", (_name, more, consents, lent) => {
    const [entry] = policyOf(seat(more)).pool;

    expect(isLent(entry!, consents)).toBe(lent);
  });
});

describe("a seat", () => {
  const ASKERS = { ada: ActorId(30), bob: ActorId(31) };
  function servedBy(entry: object, consents: readonly Consent[], ...askers: readonly (keyof typeof ASKERS)[]) {
    const { asker, ...plan } = makePlanRow();
    const queue = askers.map((login) => ({
      task: TaskId(login),
      plan: { ...plan, asker: { ...asker, login, person: ASKERS[login] } },
      queuedAt: EpochMs(1),
      passedOverAt: null,
      movedFrom: [],
      spent: MicroUsd(0),
    }));
    const stored: Stored = {
      now: EpochMs(1), queue, spent: [], held: [], live: [], credentials: [], cooldowns: [], windows: new Map(), teams: [], seen: new Map(), consents, onStandby: [], drawn: null,
    }; // prettier-ignore
    const [credential] = toSnapshot(policyOf(entry), "c0ffee", stored, 1).credentials;
    return { serves: credential?.serves, owner: credential?.owner, maxLive: credential?.maxLive };
  }

  it.each<[string, object, readonly Consent[], readonly ("ada" | "bob")[], string, ActorId | null]>([
    ["serves its owner alone, by default", {}, [ADA], ["bob", "ada"], "owner", ASKERS.ada],
    ["knows no owner while they ask for nothing", {}, [], ["bob"], "owner", null],
    ["isn't lent before they agree", { serves: "everyone" }, [], ["bob", "ada"], "not-lent", ASKERS.ada],
    ["serves everyone once they agree", { serves: "everyone" }, [ADA], ["bob"], "everyone", null],
  ])("%s", (_name, more, consents, askers, serves, owner) => {
    expect(servedBy(seat(more), consents, ...askers)).toEqual({ serves, owner, maxLive: 1 });
  });
});

describe("the notice", () => {
  it("is published as it is", () => {
    expect(publishable(NOTICE)).toBe(NOTICE);
    expect(NOTICE_HASH).toMatch(/^[0-9a-f]{64}$/);
  });

  it("stands once in the answer to a lender, with the way back", () => {
    const text = describeNotice({ answer: "seat-lent", seat: "ada-max", login: "ada", inPolicy: true });

    for (const paragraph of NOTICE.split("\n\n")) expect(text.split(paragraph)).toHaveLength(2);
    expect(text).toContain("`/agent unlend ada-max`");
  });
});
