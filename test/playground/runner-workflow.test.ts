import { readFile } from "node:fs/promises";
import { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } from "@actions/workflow-parser";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { makeRunner } from "./runner-host.ts";

const PATH = ".github/workflows/agent-pool.yml";
const text = await readFile(PATH, "utf8");

type Step = { readonly run?: string; readonly uses?: string; readonly with?: Record<string, string> };
type Shape = {
  readonly on: object;
  readonly permissions: object;
  readonly jobs: Record<string, { permissions: object; environment: object; steps: Step[] }>;
};
const workflow = parse(text) as Shape;
const [job] = Object.values(workflow.jobs);
const steps = Object.values(workflow.jobs).flatMap((each) => each.steps);

describe("workflow template", () => {
  it("passes GitHub's own parser without an error", async () => {
    const parsed = parseWorkflow({ name: PATH, content: text }, new NoOperationTraceWriter());
    const template = await convertWorkflowTemplate(parsed.context, parsed.value ?? expect.fail("no value"));

    expect(template.errors ?? []).toEqual([]);
    expect(template.jobs).toHaveLength(1);
  });

  it("starts by dispatch alone, with the two inputs of the contract", () => {
    expect(workflow.on).toEqual({
      workflow_dispatch: {
        inputs: {
          attempt: expect.objectContaining({ type: "string", required: true, description: expect.any(String) }),
          credential: expect.objectContaining({ type: "string", required: true, description: expect.any(String) }),
        },
      },
    });
  });

  it("grants nothing but the OIDC token", () => {
    expect(workflow.permissions).toEqual({});
    expect(job?.permissions).toEqual({ "id-token": "write" });
  });

  it("takes the key from the leased credential's environment, without a deployment record", () => {
    expect(job?.environment).toEqual({ name: "${{ inputs.credential }}", deployment: false });
    expect(text.match(/secrets\.\w+/g)).toEqual(["secrets.AGENT_POOL_KEY"]);
    // A repository's variables are set by anyone with write: where the key is sent is written on the protected branch.
    expect(text).not.toContain("vars.");
  });

  it("puts no expression into a script and pins every action by SHA", () => {
    expect(steps.length).toBeGreaterThan(1);
    for (const { run, uses } of steps) {
      expect(run ?? "").not.toContain("${{");
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/);
    }
  });

  it("is in no concurrency group", () => {
    expect(text).not.toMatch(/^\s*concurrency:/m);
  });

  it("runs here as it is: the preparation changes nothing, and the action gets its environment's key and the addresses that stand in the file", async () => {
    await using runner = await makeRunner({
      environments: {
        "platform-api": { secrets: { AGENT_POOL_KEY: "sk-ant-api03-secret" }, variables: {} },
      },
      main: `const { env } = process;
console.log([env.INPUT_ATTEMPT, env["INPUT_APP-URL"], env.INPUT_KEY, "[" + env["INPUT_ANTHROPIC-BASE-URL"] + "]"].join(" "));
console.log(env.INPUT_KEY.length, Boolean(env.ACTIONS_ID_TOKEN_REQUEST_TOKEN));`,
    });

    const ran = await runner.run(text.replace("agent-pool/agent-pool/action", "acme/probe/action"), {
      attempt: "att_1",
      credential: "platform-api",
    });

    expect(ran).toMatchObject({ conclusion: "success", title: "agent-pool att_1" });
    expect(ran.log).toMatch(/The sandbox is ready|this machine is left as it is/);
    expect(ran.log).toContain("att_1 https://agents.example.com *** [https://api.anthropic.com]");
    expect(ran.log).toContain("19 true");
  });
});
