import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { at, makeStage, type Stage } from "./github-kit.ts";

const WEB = "/repos/acme/web";
let stage: Stage;
let webId: number;

beforeAll(async () => {
  stage = await makeStage();
  await stage.github.createRepository({ owner: "acme", name: "other", private: true, files: { "x.txt": "x" } });
  await stage.github.createOwner({ login: "rival", kind: "Organization" });
  await stage.github.createRepository({ owner: "rival", name: "secret", private: true, files: { "x.txt": "x" } });
  const reply = await stage.call("GET", WEB, await stage.token());
  webId = Number(reply.body["id"]);
});
afterEach(() => {
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("the App's own token", () => {
  it("is answered when it is fresh, signed by the key and of this App", async () => {
    const reply = await stage.call("GET", "/app", await stage.jwt());

    expect(reply.status).toBe(200);
    expect(reply.body["slug"]).toBe("agent-pool");
  });

  it.each([
    ["lives longer than ten minutes", { lifeSeconds: 700 }, 401],
    ["has expired", { lifeSeconds: -20 }, 401],
    ["names another App", { iss: "1" }, 404],
  ])("is refused when it %s", async (_, claims, status) => {
    expect((await stage.call("GET", "/app", await stage.jwt(claims))).status).toBe(status);
  });

  it("is refused when its signature is somebody else's", async () => {
    const forged = `${(await stage.jwt()).slice(0, -12)}AAAAAAAAAAAA`;

    expect((await stage.call("GET", "/app", forged)).status).toBe(401);
  });

  it("opens no repository", async () => {
    expect((await stage.call("GET", WEB, await stage.jwt())).status).toBe(403);
  });
});

describe("an installation token", () => {
  it("that nobody issued is refused with 401, as is none", async () => {
    const unknown = await stage.call("GET", WEB, "ghs_000000000000000000000000000000000000");

    expect([unknown.status, unknown.body["message"]]).toEqual([401, "Bad credentials"]);
    expect((await stage.call("GET", WEB, undefined)).status).toBe(401);
  });

  it("is refused after it was revoked", async () => {
    const token = await stage.token();
    expect((await stage.call("GET", WEB, token)).status).toBe(200);

    expect((await stage.call("DELETE", "/installation/token", token)).status).toBe(204);

    expect((await stage.call("GET", WEB, token)).status).toBe(401);
  });

  it("opens no App route", async () => {
    expect((await stage.call("GET", "/app", await stage.token())).status).toBe(401);
  });

  it("does not see another owner's repository", async () => {
    expect((await stage.call("GET", "/repos/rival/secret", await stage.token())).status).toBe(404);
  });

  it("narrowed to a repository does not see another, and lists the one in full", async () => {
    const jwt = await stage.jwt();
    const installations = await stage.call("GET", "/app/installations", jwt);
    const path = `/app/installations/${String(installations.list[0]?.["id"])}/access_tokens`;

    const minted = await stage.call("POST", path, jwt, { repositories: ["web"] });

    expect([minted.status, minted.body["repository_selection"]]).toEqual([201, "selected"]);
    expect(at(minted.body, "repositories", 0, "full_name")).toBe("acme/web");
    const token = String(minted.body["token"]);
    expect((await stage.call("GET", WEB, token)).status).toBe(200);
    expect((await stage.call("GET", "/repos/acme/other", token)).status).toBe(404);
  });

  it("narrowed in permissions may do that and no more", async () => {
    const token = await stage.token({ repository_ids: [webId], permissions: { contents: "read" } });

    expect((await stage.call("GET", `${WEB}/contents/README.md`, token)).status).toBe(200);
    const written = await stage.call("POST", `${WEB}/git/blobs`, token, { content: "x" });
    expect([written.status, written.body["message"]]).toEqual([403, "Resource not accessible by integration"]);
    expect((await stage.call("GET", `${WEB}/issues`, token)).status).toBe(403);
  });

  it("can't be asked for more than app.yml grants, nor for a repository outside the installation", async () => {
    const mint = async (body: unknown): Promise<number> => {
      const jwt = await stage.jwt();
      const { list } = await stage.call("GET", "/app/installations", jwt);
      return (await stage.call("POST", `/app/installations/${String(list[0]?.["id"])}/access_tokens`, jwt, body)).status;
    };

    expect(await mint({ permissions: { administration: "write" } })).toBe(422);
    expect(await mint({ permissions: { members: "write" } })).toBe(422);
    expect(await mint({ repositories: ["secret"] })).toBe(422);
    expect(await mint({ repositories: ["nowhere"] })).toBe(422);
  });

  it("sees its own organisation's teams, with members: read and no other permission", async () => {
    await stage.github.createPerson("pat");
    stage.github.setTeam("acme", "support", { pat: "pending" });
    stage.github.setTeam("rival", "support", { pat: "active" });
    const path = (org: string) => `/orgs/${org}/teams/support/memberships/pat`;
    const members = await stage.token({ repository_ids: [webId], permissions: { members: "read" } });

    const own = await stage.call("GET", path("acme"), members);
    const rivals = await stage.call("GET", path("rival"), members);
    const without = await stage.call("GET", path("acme"), await stage.token({ permissions: { contents: "write" } }));

    expect([own.status, own.body["state"], rivals.status, without.status]).toEqual([200, "pending", 404, 403]);
  });

  it("comments on a pull request only with pull_requests, on an issue only with issues", async () => {
    const ada = await stage.github.createPerson("ada");
    const { number } = await ada.openIssue("acme/web", { title: "one", body: "" });
    await stage.github.push("acme/web", "topic", { "t.txt": "t" }, "topic");
    const pull = await stage.call("POST", `${WEB}/pulls`, await stage.token(), { title: "T", head: "topic", base: "main" });
    const comment = async (permissions: Record<string, string>, on: unknown): Promise<number> =>
      (await stage.call("POST", `${WEB}/issues/${String(on)}/comments`, await stage.token({ permissions }), { body: "hi" }))
        .status;

    expect(await comment({ issues: "write" }, number)).toBe(201);
    expect(await comment({ pull_requests: "write" }, number)).toBe(403);
    expect(await comment({ issues: "write" }, pull.body["number"])).toBe(403);
    expect(await comment({ pull_requests: "write" }, pull.body["number"])).toBe(201);
  });

  it("expires after an hour of GitHub's clock", async () => {
    await using own = await makeStage();
    const token = await own.token();

    own.github.advanceClock(3_601_000);

    expect((await own.call("GET", WEB, token)).status).toBe(401);
    expect((await own.call("GET", WEB, await own.token())).status).toBe(200);
  });

  it("has eighty contents a minute, then waits as long as retry-after says", async () => {
    await using own = await makeStage({ limits: { perMinute: 3, perHour: 5 } });
    const ada = await own.github.createPerson("ada");
    const { number } = await ada.openIssue("acme/web", { title: "one", body: "" });
    const token = await own.token();
    const comment = () => own.call("POST", `${WEB}/issues/${String(number)}/comments`, token, { body: "hi" });

    const first = [await comment(), await comment(), await comment(), await comment()];

    expect(first.map(({ status }) => status)).toEqual([201, 201, 201, 403]);
    expect(String(first[3]?.body["message"])).toContain("secondary rate limit");
    own.github.advanceClock(Number(first[3]?.headers.get("retry-after")) * 1000);
    expect([(await comment()).status, (await comment()).status, (await comment()).status]).toEqual([201, 201, 403]);
    expect(own.github.comments("acme/web", number)).toHaveLength(5);
  });
});

describe("git over http", () => {
  const clone = (token: string | undefined, name: string): Promise<string> => {
    const url = new URL(`${stage.github.url}/acme/web.git`);
    if (token !== undefined) Object.assign(url, { username: "x-access-token", password: token });
    return stage.git(["clone", "--quiet", url.href, name]);
  };

  it("asks who clones a private repository, and takes no unknown token", async () => {
    await expect(clone(undefined, "anonymous")).rejects.toThrow(
      /could not read Username|Authentication failed|terminal prompts disabled/,
    );
    await expect(clone("ghs_unknown", "unknown")).rejects.toThrow(/Authentication failed/);
  });

  it("lets contents: read clone and not push", async () => {
    await clone(await stage.token({ permissions: { contents: "read" } }), "readonly");
    const work = join(stage.folder, "readonly");
    await stage.git(["commit", "--quiet", "--allow-empty", "-m", "x"], work);

    await expect(stage.git(["push", "origin", "HEAD:refs/heads/sneaked"], work)).rejects.toThrow(/403/);

    expect((await stage.github.branches("acme/web")).map(({ name }) => name)).not.toContain("sneaked");
  });

  it("refuses a token narrowed to another repository", async () => {
    await expect(clone(await stage.token({ repositories: ["other"] }), "elsewhere")).rejects.toThrow(/not found/);
  });

  it("fetches one commit by its id, shallow", async () => {
    const token = await stage.token({ permissions: { contents: "read" } });
    const [main] = (await stage.github.branches("acme/web")).filter(({ name }) => name === "main");
    await promisify(execFile)("git", ["init", "--quiet", join(stage.folder, "shallow")]);
    const work = join(stage.folder, "shallow");
    const header = `http.extraHeader=Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;

    await stage.git(["-c", header, "fetch", "--quiet", "--depth=1", `${stage.github.url}/acme/web.git`, main?.sha ?? ""], work);

    expect(await stage.git(["rev-parse", "FETCH_HEAD"], work)).toBe(main?.sha);
  });

  it("serves the history of a local repository that was imported", async () => {
    const source = join(stage.folder, "source");
    await stage.git(["init", "--quiet", "-b", "trunk", source]);
    await stage.git(["commit", "--quiet", "--allow-empty", "-m", "first"], source);
    await stage.git(["commit", "--quiet", "--allow-empty", "-m", "second"], source);

    await stage.github.createRepository({ owner: "acme", name: "imported", private: false, fromGit: source });
    await stage.git(["clone", "--quiet", `${stage.github.url}/acme/imported.git`, "imported"]);

    const cloned = join(stage.folder, "imported");
    expect(await stage.git(["log", "--format=%s", "main"], cloned)).toBe("second\nfirst");
    expect(await stage.git(["rev-parse", "HEAD"], cloned)).toBe(await stage.git(["rev-parse", "HEAD"], source));
  });

  it("sends push for what a token with contents: write pushes", async () => {
    await clone(await stage.token(), "writer");
    const work = join(stage.folder, "writer");
    await stage.git(["commit", "--quiet", "--allow-empty", "-m", "pushed"], work);

    await stage.git(["push", "--quiet", "origin", "HEAD:refs/heads/pushed"], work);
    await stage.github.delivered();

    expect(stage.received.filter(({ event }) => event === "push").map(({ payload }) => payload["ref"])).toContain(
      "refs/heads/pushed",
    );
  });
});
