import { describe, expect, it } from "vitest";
import { readInitOptions } from "#cli/init-options.ts";
import { readPipedKeys } from "#cli/terminal.ts";

const read = (line: string) => readInitOptions(line.split(" ").filter(Boolean));

describe("the options of init", () => {
  it("are read", () => {
    const options = read(
      `acme --credential a:anthropic --credential ada-max:anthropic:seat:ada --runner Acme/jobs --app-url https://agents.example.com/ --budget $5/day --repository acme/web --action fork/agent-pool@${"a".repeat(40)} --base-url openai=https://proxy.example.com --review --yes`,
    );

    expect(options).toEqual({
      ok: true,
      value: {
        owner: "acme",
        pool: [
          { name: "a", provider: "anthropic", kind: "api-key" },
          { name: "ada-max", provider: "anthropic", kind: "seat", owner: "ada" },
        ],
        runner: "Acme/jobs",
        appUrl: "https://agents.example.com",
        budget: "$5/day",
        repositories: ["acme/web"],
        action: { repository: "fork/agent-pool", commit: "a".repeat(40) },
        baseUrls: { openai: "https://proxy.example.com" },
        freshWorkflow: false,
        merge: false,
        yes: true,
        dryRun: false,
        undo: false,
      },
    });
  });

  it.each([
    ["", "`init` takes one word"],
    ["acme more", "`init` takes one word"],
    ["ac_me", "ac_me is no GitHub login"],
    ["acme --credential x", "should be one of anthropic"],
    ["acme --credential X:anthropic", "should be NAME:PROVIDER"],
    ["acme --credential x:anthropic:key", "should be one of api-key"],
    ["acme --identity x.rule=1", "with the NAME of a workload-identity --credential"],
    ["acme --credential x:anthropic --identity x.rule=1", "with the NAME of a workload-identity --credential"],
    ["acme --credential x:anthropic:workload-identity --identity x=1", "should be NAME.FIELD=VALUE"],
    ["acme --credential x:anthropic:seat", "a seat, and nothing else, names its owner"],
    ["acme --credential x:anthropic:api-key:ada", "a seat, and nothing else, names its owner"],
    ["acme --credential x:anthropic --credential x:openai", "two credentials are called x"],
    ["acme --runner other/jobs", "other/jobs is not acme's"],
    ["acme --runner jobs", 'should be a repository, like "acme/agent-runner"'],
    ["acme --repository other/web", "other/web is not acme's"],
    ["acme --app-url http://agents.example.com", "should begin with https://"],
    ["acme --budget 200", "should be an amount a day, week or month"],
    ["acme --action agent-pool/agent-pool@v1", "with all 40 digits"],
    ["acme --base-url nobody=https://x.example.com", "should be PROVIDER=URL"],
    ["acme --base-url openai=ftp://x.example.com", "the address"],
    ["acme --nothing", "see agent-pool init --help"],
  ])("`%s` is refused in one line", (line, why) => {
    const options = read(line);

    expect(options.ok ? "" : options.error).toContain(why);
    expect(options.ok ? "\n" : options.error).not.toContain("\n");
  });
});

describe("keys that are piped in", () => {
  it("are read by their names, or alone", () => {
    expect(readPipedKeys("a=sk-1\nb=sk=2\n", ["a", "b"])).toEqual({
      ok: true,
      value: new Map([
        ["a", "sk-1"],
        ["b", "sk=2"],
      ]),
    });
    expect(readPipedKeys("sk-1\n", ["a"])).toEqual({ ok: true, value: new Map([["a", "sk-1"]]) });
    expect(readPipedKeys("", ["a"])).toEqual({ ok: true, value: new Map() });
  });

  it.each([
    ["sk-1\nsk-2", ["a"]],
    ["c=sk-1\na=sk-2", ["a", "b"]],
    ["a=sk 1", ["a"]],
    ["sk-1", ["a", "b"]],
  ])("are refused without being said: %s", (piped, names) => {
    const keys = readPipedKeys(piped, names);

    expect(keys.ok).toBe(false);
    expect(keys.ok ? "sk" : keys.error).not.toMatch(/sk[- ]/);
  });
});
