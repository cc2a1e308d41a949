import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectAppView } from "#adapters/github/app-view.ts";
import type { AppView } from "#ports/app-view.ts";
import { makeOrganisation } from "../kit/operator.ts";

describe("the App's own view", () => {
  const stack = new AsyncDisposableStack();
  let github: Awaited<ReturnType<typeof makeOrganisation>>["github"];
  let view: AppView;

  beforeAll(async () => {
    ({ github } = stack.use(await makeOrganisation()));
    await github.installApp("acme");
    const { id, privateKeyPem } = github.app;
    view = connectAppView({ appId: id, privateKey: privateKeyPem, apiUrl: github.url });
  });
  afterAll(() => stack.disposeAsync());

  it.each([
    { route: "GET /app/hook/deliveries", status: 503, shows: { lastDelivery: null } },
    { route: "GET /app/hook/config", status: 404, shows: { webhookUrl: "" } },
  ] as const)("is of the App all the same where $route answers $status", async ({ route, status, shows }) => {
    github.onCall(route, ({ phase }) => (phase === "before" ? { status, body: { message: "no" } } : undefined));

    expect(await view.readApp()).toMatchObject({ ok: true, value: { id: github.app.id, slug: "agent-pool", ...shows } });
  });

  it("tells whose the App is", async () => {
    const read = await view.readApp();

    expect(read.ok && read.value.owner?.login).toEqual(expect.stringMatching(/./));
  });

  it("gives back the token of a probe that GitHub didn't start", async () => {
    const installation = await view.readInstallation("acme");
    github.resetCalls();

    const started = await view.startProbe(installation.ok ? (installation.value?.id ?? 0) : 0, {
      id: "probe-1",
      credential: "platform-api",
      repository: "acme/web",
      branch: "main",
      workflow: "none.yml",
    });

    expect(started).toMatchObject({ ok: false, error: { reason: "github-refused" } });
    expect(github.calls()).toMatchObject({ "DELETE /installation/token": 1 });
  });
});
