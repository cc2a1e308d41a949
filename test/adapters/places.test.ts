import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GitHub } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect } from "./kit.ts";

const MINT = "POST /app/installations/{installation_id}/access_tokens";
const LIST = "GET /installation/repositories";
/** As GitHub words it. */
const ALLOW_LIST = {
  status: 403,
  body: {
    message:
      "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
  },
};

describe("what the App is installed on", () => {
  let stage: Stage;
  let github: GitHub;
  let installed: Readonly<Record<"acme" | "corp", number>>;
  beforeAll(async () => {
    stage = await makeStage();
    await stage.github.createOwner({ login: "corp", kind: "Organization" });
    await stage.github.createRepository({ owner: "corp", name: "site", private: false, files: { a: "a" } });
    installed = { acme: await stage.github.installApp("acme"), corp: await stage.github.installApp("corp") };
  });
  beforeEach(() => {
    github = connect(stage);
    stage.github.resetCalls();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  async function read(isWanted: (login: string) => boolean = () => true) {
    const places = await github.readPlaces(({ login }) => isWanted(login));
    if (!places.ok) return places.error.reason;
    return {
      places: places.value.places.map(({ owner, repository }) => `${owner.login}/${repository.name}`),
      refused: places.value.refused.map(({ owner, failure }) => [owner.login, failure.reason]),
    };
  }

  it("is every repository of every owner that is wanted", async () => {
    expect(await read()).toEqual({ places: ["acme/web", "corp/site"], refused: [] });
  });

  it("is asked of GitHub with no token of an owner that is not wanted", async () => {
    expect(await read((login) => login === "corp")).toEqual({ places: ["corp/site"], refused: [] });

    const minted = stage.github.callList().filter(({ route }) => route === MINT);
    expect(minted.map(({ path }) => path)).toEqual([`/app/installations/${String(installed.corp)}/access_tokens`]);
  });

  it("is the others' where GitHub refuses one owner's, by an IP allow list", async () => {
    const mend = stage.github.onCall(LIST, ({ phase }) => (phase === "before" ? ALLOW_LIST : undefined), "once");
    const found = await read();
    mend();

    expect(found).toEqual({ places: ["corp/site"], refused: [["acme", "github-refused"]] });
  });

  it("is the others' where GitHub gives no token of one owner's", async () => {
    const ofAcme = `/app/installations/${String(installed.acme)}/`;
    const mend = stage.github.onCall(MINT, ({ phase, request: { path } }) => (phase === "before" && path.startsWith(ofAcme) ? ALLOW_LIST : undefined), "always");
    const found = await read();
    mend();

    expect(found).toEqual({ places: ["corp/site"], refused: [["acme", "github-refused"]] });
  });

  it("is not known while GitHub gives no answer for one owner", async () => {
    const mend = stage.github.onCall(LIST, ({ phase }) => (phase === "before" ? { status: 502 } : undefined), "once");
    const found = await read();
    mend();

    expect(found).toBe("github-unavailable");
  });

  it("is nothing of an installation that is suspended", async () => {
    stage.github.setInstallation("corp", { suspended: true });
    const found = await read();
    stage.github.setInstallation("corp", { suspended: false });

    expect(found).toEqual({ places: ["acme/web"], refused: [] });
  });
}); // prettier-ignore
