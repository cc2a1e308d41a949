import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { MANIFEST, makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const MEMBERSHIP = "GET /orgs/{org}/teams/{team_slug}/memberships/{username}";

let stage: Stage;
let place: Place;
let github: GitHub;
beforeAll(async () => {
  stage = await makeStage();
  await stage.github.createRepository({ owner: "acme", name: ".github", private: true, files: { a: "a" } });
  place = await placeOf(stage, "acme/web");
  for (const login of ["ada", "pat", "eve"]) await stage.github.createPerson(login);
  stage.github.setTeam("acme", "platform", { ada: "active" });
  stage.github.setTeam("acme", "product", { ada: "active", pat: "pending" });
});
beforeEach(() => {
  github = connect(stage);
});
afterEach(() => {
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("the teams of a login", () => {
  it.each([
    ["an active member", "ada", ["product", "platform"], ["product", "platform"]],
    ["who was invited and has not accepted", "pat", ["platform", "product"], []],
    ["no member", "eve", ["platform", "product"], []],
    ["a login nobody has", "nobody", ["platform"], []],
    ["a team that isn't there", "ada", ["nowhere", "platform"], ["platform"]],
  ])("are those it is active in: %s", async (_name, login, teams, expected) => {
    const read = await github.readTeams(place, login, teams);

    expect(read).toEqual({ ok: true, value: expected });
  });

  it("cost nothing where no team is named", async () => {
    stage.github.resetCalls();

    const read = await github.readTeams(place, "ada", []);

    expect(read).toEqual({ ok: true, value: [] });
    expect(stage.github.calls()).toEqual({});
  });

  it("are remembered where it is in, and asked for again where it is not: somebody may have added it", async () => {
    await github.readTeams(place, "pat", ["platform", "product"]);
    stage.github.setTeam("acme", "platform", { ada: "active", pat: "active" });
    const added = await github.readTeams(place, "pat", ["platform", "product"]);
    stage.github.resetCalls();

    const again = await github.readTeams(place, "pat", ["platform", "product"]);

    expect([added, again]).toEqual([
      { ok: true, value: ["platform"] },
      { ok: true, value: ["platform"] },
    ]);
    expect(stage.github.calls()).toEqual({ [MEMBERSHIP]: 1 });
    stage.github.setTeam("acme", "platform", { ada: "active" });
  });

  it.each([
    ["gives no answer", "drop", "github-unavailable"],
    ["is broken", { status: 502 }, "github-unavailable"],
    ["asks to wait", { status: 429, headers: { "retry-after": "7" } }, "github-unavailable"],
    ["refuses", { status: 403, body: { message: "Resource not accessible by integration" } }, "github-refused"],
  ] as const)("are a failure, neither membership nor none, where GitHub %s", async (_name, answer, reason) => {
    const mend = stage.github.onCall(MEMBERSHIP, ({ phase }) => (phase === "before" ? answer : undefined), "always");

    const members = await github.readTeams(place, "ada", ["platform"]);
    const strangers = await github.readTeams(place, "eve", ["platform"]);
    mend();

    expect([members, strangers]).toMatchObject([
      { ok: false, error: { reason } },
      { ok: false, error: { reason } },
    ]);
  });

  it("are a failure after one was found, where GitHub answers for the next no more", async () => {
    await github.readTeams(place, "ada", ["platform"]);
    const mend = stage.github.onCall(MEMBERSHIP, ({ phase }) => (phase === "before" ? "drop" : undefined), "always");

    const both = await github.readTeams(place, "ada", ["platform", "product"]);
    const remembered = await github.readTeams(place, "ada", ["platform"]);
    mend();

    expect(both.ok).toBe(false);
    expect(remembered).toEqual({ ok: true, value: ["platform"] });
  });

  it("are a failure where the App was not given members: read", async () => {
    const { members: _members, ...permissions } = MANIFEST.default_permissions;
    await using narrow = await makeStage({ appManifest: { ...MANIFEST, default_permissions: permissions } });
    await narrow.github.createPerson("ada");
    narrow.github.setTeam("acme", "platform", { ada: "active" });

    const read = await connect(narrow).readTeams(await placeOf(narrow, "acme/web"), "ada", ["platform"]);

    expect(read).toMatchObject({ ok: false, error: { reason: "github-refused", status: 422 } });
  });

  it("are a failure where the App is gone, whose 404 says nothing of a team", async () => {
    const read = await github.readTeams({ ...place, installation: InstallationId(1) }, "ada", ["platform"]);

    expect(read).toMatchObject({ ok: false, error: { reason: "github-refused", status: 404 } });
  });

  it("are none at a personal account, for which GitHub isn't asked", async () => {
    const owner = await stage.github.createOwner({ login: "solo", kind: "User" });
    const installation = InstallationId(await stage.github.installApp("solo"));
    const { id } = await stage.github.createRepository({ owner: "solo", name: "web", private: true, files: { a: "a" } });
    const home: Place = {
      installation,
      owner: { id: OwnerId(owner.id), login: "solo" },
      repository: { id: RepositoryId(id), name: "web", private: true },
    };

    const read = await github.readTeams(home, "ada", ["platform"]);

    expect(read).toEqual({ ok: true, value: [] });
    expect(stage.github.callList().filter(({ path }) => path.includes("/orgs/solo"))).toEqual([]);
  });

  it("are read under a token for that and nothing else", async () => {
    stage.github.resetCalls();

    await github.readTeams(place, "ada", ["platform"]);

    const call = stage.github.callList().find(({ route }) => route === MEMBERSHIP);
    expect(call?.grant).toEqual({ permissions: { members: "read", metadata: "read" }, repositoryIds: [place.repository.id] });
  });
});

describe("the role of a login", () => {
  it("is none for a bot, whatever it was given", async () => {
    stage.github.setRole("acme/web", stage.github.app.botLogin, "admin");
    stage.github.setRole("acme/web", "ada", "maintain");

    const [bot, person] = [await github.readRole(place, stage.github.app.botLogin), await github.readRole(place, "ada")];

    expect(bot).toEqual({ ok: true, value: undefined });
    expect(person).toMatchObject({ ok: true, value: { permission: "write", name: "maintain" } });
  });
});
