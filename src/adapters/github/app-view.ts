import { record } from "#core/wire/json.ts";
import { err, ok } from "#core/wire/result.ts";
import type { AppView } from "#ports/app-view.ts";
import { at, createAsking, done, type Asking } from "./asking.ts";
import { answer, connectApp, connectToken, timeout, type GitHubApp } from "./client.ts";
import { listInstallations, listRepositories } from "./places.ts";

/** GitHub under the App's own key. */
export function connectAppView(app: GitHubApp): AppView {
  const octokit = connectApp(app);
  const asking = createAsking(octokit);
  const { ask, find } = asking;
  return {
    async readApp() {
      const self = await ask("GET /app", {});
      if (!self.ok) return self;
      if (self.value === null)
        return err({ reason: "github-refused", route: "GET /app", status: 404, message: "there is no such App" });
      // An App without a webhook has no such page.
      const hook = await find("GET /app/hook/config", {});
      if (!hook.ok) return hook;
      const delivered = await ask("GET /app/hook/deliveries", { per_page: 1 });
      const { id, slug = "", html_url: page, permissions, events, owner } = self.value;
      return ok({
        id,
        slug,
        owner: "login" in owner ? { login: owner.login, kind: owner.type } : null,
        page,
        permissions: texts(permissions),
        events,
        webhookUrl: hook.value?.url ?? "",
        lastDelivery: delivered.ok ? (delivered.value[0]?.status_code ?? null) : null,
      });
    },

    async readInstallation(owner) {
      const installations = await listInstallations(asking);
      if (!installations.ok) return installations;
      const found = installations.value.find(
        ({ account }) => account !== null && "login" in account && account.login.toLowerCase() === owner.toLowerCase(),
      );
      if (found === undefined) return ok(undefined);
      const { id, html_url: page, suspended_at: suspended, permissions, events, repository_selection: selection } = found;
      const facts = {
        id,
        page,
        suspended: suspended != null,
        permissions: texts(permissions),
        events,
        selected: selection === "selected",
      };
      // To a suspended one GitHub gives no token.
      if (facts.suspended) return ok({ ...facts, repositories: [] });
      const minted = await ask("POST /app/installations/{installation_id}/access_tokens", {
        installation_id: id,
        permissions: { metadata: "read" },
      });
      if (!minted.ok) return minted;
      const installed = createAsking(connectToken(app, minted.value.token));
      const repositories = await listRepositories(installed);
      if (!repositories.ok) return repositories;
      await revoke(installed);
      return ok({ ...facts, repositories: repositories.value.map((repository) => repository.full_name) });
    },

    async startProbe(installation, { id, credential, repository, branch, workflow }) {
      const minted = await ask("POST /app/installations/{installation_id}/access_tokens", {
        installation_id: installation,
        repositories: [at(repository).repo],
        permissions: { actions: "write", metadata: "read" },
      });
      if (!minted.ok) return minted;
      const runner = createAsking(connectToken(app, minted.value.token));
      const close = () => revoke(runner);
      const started = await runner.ask("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
        ...at(repository),
        workflow_id: workflow,
        ref: branch,
        inputs: { attempt: id, credential },
        return_run_details: true,
      });
      const { workflow_run_id: run, html_url: page } = started.ok ? (record(started.value) ?? {}) : {};
      if (typeof run !== "number" || typeof page !== "string") {
        await close();
        return started.ok ? ok(undefined) : started;
      }
      const place = { ...at(repository), run_id: run };
      return ok({
        page,
        close,
        async readConclusion() {
          const read = await runner.ask("GET /repos/{owner}/{repo}/actions/runs/{run_id}", place);
          return read.ok ? ok(read.value.conclusion ?? undefined) : read;
        },
        async cancel() {
          return done(await runner.ask("POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel", place));
        },
      });
    },

    async setWebhookUrl(url) {
      const route = "PATCH /app/hook/config";
      // Octokit takes a parameter `url` for the address of the request itself.
      return done(await answer(route, () => octokit.request(route, { data: { url }, request: timeout() })));
    },
  };
}

/** Of a token that has done its work. One that could not be revoked runs out within the hour. */
async function revoke({ ask }: Asking): Promise<void> {
  await ask("DELETE /installation/token", {});
}

function texts(given: object): Record<string, string> {
  return Object.fromEntries(Object.entries(given).map(([name, level]) => [name, String(level)]));
}
