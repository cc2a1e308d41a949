import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KEY, makeOrganisation } from "../kit/operator.ts";

const INIT = "init acme --yes --repository acme/web";

describe("agent-pool init", () => {
  it("sets an organisation up, changes nothing the second time, and takes it all back", async () => {
    await using place = await makeOrganisation();
    const { github, folder, run } = place;
    const before = await github.snapshot("acme");

    const first = await run(INIT, `${KEY}\n`);
    expect(first, first.err).toMatchObject({ code: 0, err: "" });
    const after = await github.snapshot("acme");
    expect(JSON.stringify(after)).toContain(KEY);
    expect(first.out).not.toContain(KEY);
    expect(first.out).toContain("done: put the key of platform-api there");
    expect((await github.pulls("acme/.github")).map(({ state, login }) => [state, login])).toEqual([["closed", "ada"]]);

    github.resetCalls();
    const second = await run(INIT);
    expect(second).toMatchObject({ code: 0, err: "" });
    expect(second.out).toContain("Everything is there; nothing to do.");
    expect(await github.snapshot("acme")).toEqual(after);
    expect(Object.keys(github.calls()).filter((route) => !route.startsWith("GET "))).toEqual([]);

    const undone = await run("init acme --undo --yes");
    expect(undone, undone.out).toMatchObject({ code: 0, err: "" });
    expect(await github.snapshot("acme")).toEqual(before);
    expect((await readdir(folder)).filter((name) => name !== "github")).toEqual([]);
    expect(github.violations()).toEqual([]);
  });

  it("shows what it would do, and does nothing of it", async () => {
    await using place = await makeOrganisation();
    const before = await place.github.snapshot("acme");

    const shown = await place.run("init acme --dry-run --repository acme/web");

    expect(shown).toMatchObject({ code: 0, err: "" });
    expect(shown.out).toContain("1. create the private repository acme/agent-runner");
    expect(shown.out).toContain("- name: platform-api");
    expect(shown.out).toContain("  + app-url: https://pool.example.com\n");
    expect(shown.out).not.toContain("runs-on:");
    expect(await place.github.snapshot("acme")).toEqual(before);
  });

  it("goes on where it was broken off, and knows all of it when it is taken back", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    const before = await github.snapshot("acme");
    github.onCall("PUT /repos/{owner}/{repo}/branches/{branch}/protection", ({ phase }) =>
      phase === "after" ? "drop" : undefined,
    );

    const broken = await run(INIT, KEY);
    expect(broken.code).toBe(1);
    expect(broken.err).toContain("2 steps of 12 done; run it again to go on, or with --undo to take that back");
    expect((await run(INIT, KEY)).code).toBe(0);
    expect((await run("init acme --undo --yes")).code).toBe(0);
    expect(await github.snapshot("acme")).toEqual(before);
  });

  it("leaves what others have put into a repository that it made", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await run(INIT, KEY);
    await github.push("acme/.github", "main", { "profile/README.md": "# We\n" }, "a profile");

    const undone = await run("init acme --undo --yes");

    expect(undone.code).toBe(1);
    expect(undone.out).toContain(
      "not done, since it holds what init did not write: profile/README.md: delete the repository acme/.github",
    );
    expect(JSON.stringify(await github.snapshot("acme"))).toContain("profile/README.md");
    expect(JSON.stringify(await github.snapshot("acme"))).not.toContain(KEY);
  });

  it("puts back what stood there before, and leaves what was changed since", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { "README.md": "ours" } });
    await github.createRepository({ owner: "acme", name: "agent-runner", private: true, files: { "README.md": "ours" } });
    github.createEnvironment("acme/agent-runner", "platform-api", { branches: ["dev"], secrets: {}, variables: {} });
    const before = await github.snapshot("acme");
    await run(INIT, KEY);

    expect((await run("init acme --undo --yes")).code).toBe(0);
    expect(await github.snapshot("acme")).toEqual(before);

    await run(INIT, KEY);
    await github.push("acme/.github", "main", { ".github/agent-pool.yml": "version: 1\n" }, "by hand");
    const undone = await run("init acme --undo --yes");
    expect(undone.out).toContain("not done, since it has been changed since: remove .github/agent-pool.yml from acme/.github");
  });

  it("says what a token lacks before it does anything", async () => {
    await using place = await makeOrganisation();
    const { github, run, useToken } = place;
    const before = await github.snapshot("acme");
    useToken(github.personToken("ada", ["repo"]));

    const refused = await run(INIT, KEY);

    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /your token lacks read:org, workflow; run `gh auth refresh -h 127\.0\.0\.1 -s read:org -s workflow`/,
    );
    expect(await github.snapshot("acme")).toEqual(before);
  });

  it("refuses where keys could not be kept, and says the ways out", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    github.setPlan("acme", "free");
    expect((await run(INIT, KEY)).err).toContain("is on GitHub Free");

    github.setPlan("acme", "team");
    await github.createRepository({ owner: "acme", name: "agent-runner", private: false, files: { "README.md": "ours" } });
    expect((await run(INIT, KEY)).err).toContain("acme/agent-runner is not private");
  });

  it("refuses a person who administers none of it", async () => {
    await using place = await makeOrganisation();
    const { github, run, useToken } = place;
    await github.createPerson("bob");
    github.setRole("acme/web", "bob", "write");
    useToken(github.personToken("bob"));

    expect((await run(INIT, KEY)).err).toContain("you are no admin of acme/web");
    useToken("gho_of_nobody");
    expect((await run(INIT, KEY)).err).toContain("run `gh auth login`");
  });

  it("leaves the policy to reviewers where it is told to, and where GitHub wants one", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;

    const first = await run(`${INIT} --review`, KEY);

    expect(first.out).toContain("have the policy's pull request merged:");
    expect((await github.pulls("acme/.github")).map(({ state }) => state)).toEqual(["open"]);
    const again = await run(`${INIT} --review`);
    expect(again.out).toContain("Everything is there; nothing to do.");
    const merged = await run(INIT);
    expect(merged.out).toContain("done: merge pull request #1 in acme/.github");
  });

  it("asks for nobody's confirmation by a pipe", async () => {
    await using place = await makeOrganisation();
    const before = await place.github.snapshot("acme");

    const refused = await place.run("init acme", KEY);

    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--yes") as string });
    expect(await place.github.snapshot("acme")).toEqual(before);
  });

  it("goes on without a key, and says how it is set later", async () => {
    await using place = await makeOrganisation();

    const { out, code } = await place.run(INIT, "");

    expect(code).toBe(0);
    expect(out).toContain("gh secret set AGENT_POOL_KEY --repo acme/agent-runner --env platform-api");
    expect(out).not.toContain("done: put the key");
  });

  it("sets up a credential without a key, and asks for none", async () => {
    await using place = await makeOrganisation();
    const identity = "--identity wif.rule=fdrl_1 --identity wif.organization=org_1";

    const { out, err, code } = await place.run(`init acme --yes --credential wif:anthropic:workload-identity ${identity}`);

    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("rule: fdrl_1");
    expect(out).not.toContain("gh secret set");
  });

  it.each([
    ["--credential o:openai:seat:ada", "is given out by anthropic alone"],
    ["--credential w:anthropic:workload-identity", "identity"],
  ])("refuses what does not go together before it does anything: %s", async (options, why) => {
    await using place = await makeOrganisation();
    const before = await place.github.snapshot("acme");

    const refused = await place.run(`init acme --yes ${options}`, KEY);

    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(why) as string });
    expect(await place.github.snapshot("acme")).toEqual(before);
  });

  it("takes no key for one that is there already, and says how it is replaced", async () => {
    await using place = await makeOrganisation();
    await place.run(INIT, KEY);

    const refused = await place.run(INIT, `${KEY}-new`);

    expect(refused.code).toBe(1);
    expect(refused.err).toContain("none is asked for: each credential of the pool has one");
    expect(refused.err).not.toContain(`${KEY}-new`);
  });

  it("keeps its journal from others' eyes, without a key in it", async () => {
    await using place = await makeOrganisation();
    await place.run(INIT, KEY);

    const journal = await readFile(join(place.folder, ".agent-pool-init.acme.json"), "utf8");

    expect(journal).toContain('"did": "set-key"');
    expect(journal).not.toContain(KEY);
  });
});

describe("what init does not touch", () => {
  const POLICY = "acme/.github";
  const FILE = ".github/agent-pool.yml";

  it("is a policy that was edited since, in a repository that it made; all else of its own goes, the keys first of all", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await run(INIT, KEY);
    await github.push(POLICY, "main", { [FILE]: "version: 1\n" }, "ours by now");

    const undone = await run("init acme --undo --yes");

    expect(undone.out).toContain(`not done, since it holds what init did not write: ${FILE}`);
    expect(undone.out).toContain(`not done, since it has been changed since: remove ${FILE} from ${POLICY}`);
    const left = JSON.stringify(await github.snapshot("acme"));
    expect(left).toContain("agent-pool.yml");
    expect(left).not.toContain(KEY);
  });

  it("is a runner repository that others have put a file into; the key in it goes all the same", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await run(INIT, KEY);
    await github.push("acme/agent-runner", "main", { "notes.md": "ours" }, "notes");

    const undone = await run("init acme --undo --yes");

    expect(undone.code).toBe(1);
    const left = JSON.stringify(await github.snapshot("acme"));
    expect(left).toContain("notes.md");
    expect(left).not.toContain(KEY);
  });

  it("is the lock before a key that was set by hand", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createRepository({ owner: "acme", name: "agent-runner", private: true, files: { "README.md": "ours" } });
    github.createEnvironment("acme/agent-runner", "platform-api", {
      branches: "all",
      secrets: { AGENT_POOL_KEY: "by-hand" },
      variables: {},
    });
    await run(INIT);

    const undone = await run("init acme --undo --yes");

    expect(undone.out).toContain(
      "since it holds a key that init did not put there: put back the rule of the environment platform-api",
    );
    expect(undone.out).toContain("since the environment platform-api holds a key: end the protection of main");
  });

  it("is another's pull request from a branch of the same name, and what was pushed onto its own", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createPerson("mallory");
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { "README.md": "ours" } });
    github.setRole(POLICY, "mallory", "write");
    expect((await run(`${INIT} --review`, KEY)).code).toBe(0);
    await github.push(POLICY, "agent-pool/init", { "evil.md": "x" }, "more", "mallory");

    const again = await run(INIT);

    expect(again.out).toContain("left to you, since it changes something else: merge pull request #1");
    expect((await github.pulls(POLICY)).map(({ state }) => state)).toEqual(["open"]);
  });

  it("is a branch that it did not make", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { "README.md": "ours" } });
    await github.push(POLICY, "agent-pool/init", { "theirs.md": "x" }, "theirs");

    const refused = await run(INIT, KEY);

    expect(refused.err).toContain("a branch agent-pool/init is there that this init did not make");
    expect(JSON.stringify(await github.snapshot("acme"))).toContain("theirs.md");
  });

  it("is a policy that isn't valid, or names another owner's runner", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { [FILE]: "version: 2\n" } });
    expect((await run(INIT, KEY)).err).toContain("the policy that is there is not valid");
    const policy = "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: other/jobs\nbudget: $5/day\n";
    await github.push(POLICY, "main", { [FILE]: policy }, "other");

    expect((await run(INIT, KEY)).err).toContain("names other/jobs as its runner, which is not acme's");
  });

  it("is a branch under a rule of somebody's that asks for no review", async () => {
    await using place = await makeOrganisation();
    const { github, run } = place;
    await github.createRepository({ owner: "acme", name: ".github", private: true, files: { "README.md": "ours" } });
    const token = github.personToken("ada");
    const rule = { required_status_checks: null, enforce_admins: true, required_pull_request_reviews: null, restrictions: null };
    const put = await fetch(`${github.url}/repos/${POLICY}/branches/main/protection`, {
      method: "PUT",
      headers: { authorization: `token ${token}`, "content-type": "application/json" },
      body: JSON.stringify(rule),
    });
    expect(put.status).toBe(200);

    expect((await run(INIT, KEY)).err).toContain("main of acme/.github is protected by a rule that lets any writer push to it");
  });

  it("is an organisation of the same name on another GitHub", async () => {
    await using place = await makeOrganisation();
    await using other = await makeOrganisation();
    await place.run(INIT, KEY);
    const journal = await readFile(join(place.folder, ".agent-pool-init.acme.json"), "utf8");
    await writeFile(join(other.folder, ".agent-pool-init.acme.json"), journal);

    expect((await other.run("init acme --undo --yes")).err).toContain("run this with the same GITHUB_API_URL");
  });
});

describe("agent-pool init in a terminal", () => {
  it("asks what it isn't told, shows the steps, and does them once it is told to", async () => {
    await using place = await makeOrganisation();
    const { github, type } = place;

    const typed = await type("init acme", [
      [/Which private repository/, "\r"],
      [/credential of which provider/, "\r"],
      [/Of which kind/, "\r"],
      [/Its name/, "\r"],
      [/Another credential/, "n\r"],
      [/How much may be spent/, "\r"],
      [/Which repositories/, "web\r"],
      [/Do 12 steps/, "y\r"],
      [/The key of platform-api/, `${KEY}\r`],
    ]);

    expect(typed.code, typed.out).toBe(0);
    expect(typed.out).not.toContain(KEY);
    expect(JSON.stringify(await github.snapshot("acme"))).toContain(KEY);
  });

  it("does nothing where it is told not to", async () => {
    await using place = await makeOrganisation();
    const before = await place.github.snapshot("acme");

    const typed = await place.type(
      "init acme --credential a:anthropic --runner acme/jobs --budget $5/day --repository acme/web",
      [[/Do 12 steps/, "n\r"]],
    );

    expect(typed.code).toBe(1);
    expect(await place.github.snapshot("acme")).toEqual(before);
  });
});
