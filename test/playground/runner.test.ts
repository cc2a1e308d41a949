import { readFileSync } from "node:fs";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { PINNED, makeRunner, workflowOf } from "./runner-host.ts";

const SECRET = "sk-ant-api03-Zk9vQ2xhdWRlLWtleS1mb3ItdGVzdHM";

/** A killed process stays listed as a zombie until its parent asks for it. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("runner", () => {
  it("gives the run the title its workflow asks for and the job its inputs", async () => {
    await using runner = await makeRunner({});

    const ran = await runner.run(
      workflowOf("env: { ATTEMPT: '${{ inputs.attempt }}' }\nsteps: [{ run: 'echo \"is $ATTEMPT\"' }]"),
      {
        attempt: "att_1",
      },
    );

    expect(ran).toMatchObject({ conclusion: "success", title: "agent-pool att_1" });
    expect(ran.log).toContain("is att_1");
  });

  it("ends a workflow that GitHub would reject without a job, with the reason in the log", async () => {
    await using runner = await makeRunner({});

    const ran = await runner.run(workflowOf("steps: [{ run: 'echo ${{ nobody.knows }}' }]"));

    expect(ran).toMatchObject({ conclusion: "failure", title: undefined });
    expect(ran.log).toContain("Unrecognized named-value: 'nobody'");
  });

  it("gives a job the secrets and variables of its own environment; those of another are empty strings", async () => {
    await using runner = await makeRunner({
      environments: {
        one: { secrets: { AGENT_POOL_KEY: SECRET }, variables: { AGENT_POOL_URL: "http://pool" } },
        two: { secrets: { OTHER: "another-secret" } },
      },
    });
    const probe = workflowOf(
      "environment: { name: '${{ inputs.credential }}', deployment: false }\n" +
        "env: { KEY: '${{ secrets.AGENT_POOL_KEY }}', OTHER: '${{ secrets.OTHER }}', URL: '${{ vars.AGENT_POOL_URL }}' }\n" +
        "steps: [{ run: 'echo \"key:${#KEY} other:[$OTHER] url:[$URL]\"' }]",
    );

    expect((await runner.run(probe, { credential: "one" })).log).toContain(`key:${SECRET.length} other:[] url:[http://pool]`);
    expect((await runner.run(probe, { credential: "two" })).log).toContain("key:0 other:[***] url:[]");
  });

  it("fails a job whose ref may not deploy to its environment", async () => {
    await using runner = await makeRunner({ environments: { one: "refused" } });

    const ran = await runner.run(workflowOf("environment: one\nsteps: [{ run: 'echo started' }]"));

    expect(ran.conclusion).toBe("failure");
    expect(ran.log).toContain("not allowed to deploy to one");
    expect(ran.log).not.toContain("started");
  });

  it("keeps secrets out of the log, base64 and added masks included", async () => {
    await using runner = await makeRunner({ environments: { one: { secrets: { AGENT_POOL_KEY: SECRET } } } });

    const ran = await runner.run(
      workflowOf(`environment: one
env: { KEY: '\${{ secrets.AGENT_POOL_KEY }}' }
steps:
  - run: |
      echo "plain $KEY"
      echo "base64 $(printf %s "$KEY" | base64 -w0) $(printf 'x:%s' "$KEY" | base64 -w0)"
      echo "::add-mask::made-at-run-time"
      echo "later made-at-run-time"`),
    );

    expect(ran.conclusion).toBe("success");
    expect(ran.log).toContain("plain ***");
    expect(ran.log).toContain("later ***");
    expect(ran.log).not.toContain(SECRET);
    expect(ran.log).not.toContain(Buffer.from(SECRET).toString("base64"));
    expect(ran.log).not.toContain(Buffer.from(SECRET.slice(1)).toString("base64"));
    expect(ran.log).not.toContain("made-at-run-time");
  });

  it("fails the job when an action is not pinned by SHA or not known", async () => {
    await using runner = await makeRunner({});

    const tag = await runner.run(workflowOf("steps: [{ run: 'echo started' }, { uses: acme/probe/action@v1 }]"));
    const unknown = await runner.run(workflowOf(`steps: [{ uses: acme/other@${"c".repeat(40)} }]`));

    expect(tag).toMatchObject({ conclusion: "failure" });
    expect(tag.log).toContain("not pinned to a full-length commit SHA");
    expect(tag.log).not.toContain("started");
    expect(unknown.log).toContain("Unable to resolve action");
  });

  it("gives an action its inputs as GitHub does and nothing of the runner's own environment", async () => {
    process.env["LEAK_ME"] = "leaked";
    await using runner = await makeRunner({ main: "console.log(JSON.stringify(process.env)); console.log(process.cwd())" });

    const ran = await runner.run(
      workflowOf(`steps: [{ uses: ${PINNED}, with: { app-url: 'http://pool', base-url: '', key: '\${{ secrets.NONE }}' } }]`),
    );
    delete process.env["LEAK_ME"];

    const env = JSON.parse(/^\{.*\}$/m.exec(ran.log)?.[0] ?? "{}") as Record<string, string>;
    expect(env).toMatchObject({
      "INPUT_APP-URL": "http://pool",
      "INPUT_BASE-URL": "",
      INPUT_KEY: "",
      INPUT_WHO: "the agent-pool[bot]",
      GITHUB_RUN_ID: String(ran.id),
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_REPOSITORY: "acme/runner",
      GITHUB_REPOSITORY_ID: "77",
      GITHUB_REPOSITORY_OWNER_ID: "5",
      CI: "true",
    });
    expect(env).not.toHaveProperty("LEAK_ME");
    expect(env).not.toHaveProperty("ACTIONS_ID_TOKEN_REQUEST_URL");
  });

  it("gives an OIDC token of the job to a job with id-token: write, and ends it with the job", async () => {
    await using runner = await makeRunner({
      main: `const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = process.env;
const answer = await fetch(url + "&audience=http%3A%2F%2Fpool", { headers: { authorization: "Bearer " + bearer } });
const refused = await fetch(url, { headers: { authorization: "Bearer guess" } });
console.log("url " + url, "guess " + refused.status, "token " + (await answer.json()).value);`,
    });

    const ran = await runner.run(workflowOf(`permissions: { id-token: write }\nenvironment: one\nsteps: [{ uses: ${PINNED} }]`));

    const [, url, guess, token] = /url (\S+) guess (\d+) token (\S+)/.exec(ran.log) ?? [];
    expect(guess).toBe("401");
    expect(decodeJwt(token ?? "")).toMatchObject({
      aud: "http://pool",
      environment: "one",
      run_id: String(ran.id),
      iss: runner.issuer.url,
    });
    expect((await fetch(url ?? "")).status).toBe(401);
  });

  it("lets a job's permissions replace the workflow's", async () => {
    await using runner = await makeRunner({});
    const steps = "steps: [{ run: 'echo \"[$ACTIONS_ID_TOKEN_REQUEST_URL]\"' }]";

    const inherited = await runner.run(workflowOf(steps, "permissions: { id-token: write }"));
    const replaced = await runner.run(
      workflowOf(`permissions: { contents: read }\n${steps}`, "permissions: { id-token: write }"),
    );
    const none = await runner.run(workflowOf(steps));

    expect(inherited.log).toMatch(/\[http:.*\]/);
    expect(replaced.log).toContain("[]");
    expect(none.log).toContain("[]");
  });

  it("passes outputs, environment and state on, and evaluates conditions", async () => {
    await using runner = await makeRunner({
      main: `import { appendFileSync } from "node:fs"; appendFileSync(process.env.GITHUB_STATE, "mark=kept\\n"); process.exit(3);`,
      post: `console.log("post saw " + process.env.STATE_mark)`,
    });

    const ran = await runner.run(
      workflowOf(`steps:
  - { id: first, run: 'echo "word=hi there" >> $GITHUB_OUTPUT; echo "LATER=yes" >> $GITHUB_ENV' }
  - run: 'echo "\${{ steps.first.outputs.word }} $LATER"'
  - uses: ${PINNED}
  - run: echo must-not-run
  - { if: failure(), run: echo after-failure }`),
    );

    expect(ran.conclusion).toBe("failure");
    expect(ran.log).toContain("hi there yes");
    expect(ran.log).not.toContain("\nmust-not-run");
    expect(ran.log).toContain("\nafter-failure");
    expect(ran.log).toContain("post saw kept");
  });

  it("cancels with SIGINT, then SIGTERM, then kills the whole tree, and still runs the post step", async () => {
    const started = Promise.withResolvers<void>();
    await using runner = await makeRunner({
      main: `import { spawn } from "node:child_process";
process.on("SIGINT", () => console.log("saw SIGINT"));
process.on("SIGTERM", () => console.log("saw SIGTERM"));
const child = spawn("sleep", ["600"], { detached: true });
console.log("child " + child.pid);
setInterval(() => {}, 1000);`,
      post: `console.log("post ran")`,
      runner: {
        cancelLadder: { interruptMs: 300, terminateMs: 300 },
        onEvent: (event) => {
          if (event.kind === "line" && event.line.startsWith("child ")) started.resolve();
        },
      },
    });
    const id = runner.dispatch(
      workflowOf(`steps: [{ uses: ${PINNED} }, { run: echo next }, { if: always(), run: echo cleanup }]`),
    );
    await started.promise;

    runner.cancel(id);

    expect(await runner.conclusion(id)).toBe("cancelled");
    const log = runner.runner.logs(id);
    expect(log).toMatch(/saw SIGINT[\s\S]*saw SIGTERM[\s\S]*\ncleanup[\s\S]*post ran/);
    expect(log).not.toContain("\nnext");
    const pid = Number(/child (\d+)/.exec(log)?.[1]);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("ends a job at its time limit as cancelled", async () => {
    await using runner = await makeRunner({ runner: { cancelLadder: { interruptMs: 100, terminateMs: 100 } } });

    const ran = await runner.run(workflowOf("timeout-minutes: 0.005\nsteps: [{ run: sleep 60 }]"));

    expect(ran.conclusion).toBe("cancelled");
    expect(ran.log).toContain("exceeded the maximum execution time");
  });

  it("leaves no process and no folder behind when it is disposed in the middle of a run", async () => {
    const started = Promise.withResolvers<number>();
    const runner = await makeRunner({
      runner: {
        onEvent: (event) => {
          if (event.kind === "line" && event.line.startsWith("pid ")) started.resolve(Number(event.line.slice(4)));
        },
      },
    });
    runner.dispatch(workflowOf("steps: [{ run: 'sleep 600 & echo pid $!; wait' }]"));
    const pid = await started.promise;

    await runner[Symbol.asyncDispose]();

    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});
