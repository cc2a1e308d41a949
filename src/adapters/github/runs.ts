import type { Octokit } from "@octokit/rest";
import { RunId, type InstallationId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { runTitle } from "#core/task/markers.ts";
import type { Answer, GitHub, RunnerRepository, WorkflowRun } from "#ports/github.ts";
import { readArtifactFile } from "./artifact.ts";
import { answer, timeout } from "./client.ts";
import { runnerPurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** Runs of the workflow, under a token of the runner repository. */
export function running(
  under: Under,
): Pick<GitHub, "findRun" | "readRun" | "countJobs" | "dispatchRun" | "cancelRun" | "readArtifactFile"> {
  const ofRunner = (runner: RunnerRepository) => ({ owner: runner.owner.login, repo: runner.name });
  function call<T>(
    installation: InstallationId,
    runner: RunnerRepository,
    route: string,
    request: (client: Octokit) => Promise<{ data: T; status: number }>,
  ): Answer<T> {
    return under(runnerPurpose(installation, runner.name), (client) => answer(route, async () => (await request(client)).data));
  }

  return {
    async findRun(installation, runner, workflow, lease) {
      const route = "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs";
      const listed = await call(installation, runner, route, (client) =>
        client.request(route, {
          ...ofRunner(runner),
          workflow_id: workflow,
          event: "workflow_dispatch",
          per_page: 100,
          request: timeout(),
        }),
      );
      if (!listed.ok) return listed;
      // Two runs of one lease can exist after an answer was lost; the oldest is the one, the other finds its claim taken.
      const named = listed.value.workflow_runs.filter((run) => run.display_title === runTitle(lease));
      const oldest = named.toSorted((a, b) => Number(a.id) - Number(b.id))[0];
      return ok(oldest === undefined ? undefined : toRun(oldest));
    },

    async readRun(installation, runner, run) {
      const route = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";
      const read = await call(installation, runner, route, (client) =>
        client.request(route, { ...ofRunner(runner), run_id: run, request: timeout() }),
      );
      return read.ok ? ok(toRun(read.value)) : read;
    },

    async dispatchRun(installation, runner, workflow, inputs) {
      const done = await call(installation, runner, EFFECTS.dispatchRun, (client) =>
        client.request(EFFECTS.dispatchRun, {
          ...ofRunner(runner),
          workflow_id: workflow,
          ref: runner.defaultBranch,
          inputs,
          // Answered with the run's id since 2026-02-19; before, and on older servers, with nothing.
          return_run_details: true,
          request: timeout(),
        }),
      );
      if (!done.ok) return done;
      const id: unknown = typeof done.value === "object" ? Reflect.get(done.value, "workflow_run_id") : undefined;
      const url: unknown = typeof done.value === "object" ? Reflect.get(done.value, "html_url") : undefined;
      return ok(typeof id === "number" && typeof url === "string" ? { id: RunId(id), url } : undefined);
    },

    async countJobs(installation, runner, run) {
      const route = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs";
      const listed = await call(installation, runner, route, (client) =>
        client.request(route, { ...ofRunner(runner), run_id: run, filter: "all", per_page: 1, request: timeout() }),
      );
      return listed.ok ? ok(listed.value.total_count) : listed;
    },

    async cancelRun(installation, runner, run) {
      const done = await call(installation, runner, EFFECTS.cancelRun, (client) =>
        client.request(EFFECTS.cancelRun, { ...ofRunner(runner), run_id: run, request: timeout() }),
      );
      return done.ok ? ok(undefined) : done;
    },

    async readArtifactFile(installation, runner, run, wanted) {
      return under(runnerPurpose(installation, runner.name), (client) => readArtifactFile(client, runner, run, wanted));
    },
  };
}

function toRun(run: { id: number | bigint; html_url: string; status: string | null; conclusion: string | null }): WorkflowRun {
  return { id: RunId(Number(run.id)), url: run.html_url, status: run.status ?? "unknown", conclusion: run.conclusion };
}
