import { answer, notFound, page, refusal } from "../answers.ts";
import { downloadUrl } from "../artifacts.ts";
import { toArtifact } from "../shapes/artifact.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import { listed, nowOf } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const listRunArtifacts: RepositoryHandler = (github, request) => {
  const { repository, params, query } = request;
  const run = repository.runs.get(Number(params["run_id"]));
  if (run === undefined) return notFound();
  const chosen = listed(github, repository.artifacts.values())
    .filter((artifact) => artifact.run === run)
    .filter(({ name }) => query["name"] === undefined || query["name"] === name);
  const url = `${repositoryUrl(github, repository)}/actions/runs/${String(run.id)}/artifacts`;
  const { items, headers } = page(request, url, chosen);
  return answer(200, { total_count: chosen.length, artifacts: items.map((artifact) => toArtifact(github, artifact)) }, headers);
};

/** Sends the client on to the archive. */
export const downloadArtifact: RepositoryHandler = (github, { repository, params }) => {
  const artifact = repository.artifacts.get(Number(params["artifact_id"]));
  if (artifact === undefined || params["archive_format"] !== "zip") return notFound();
  if (nowOf(github) >= artifact.expiresAt) return refusal(410, "Artifact has expired");
  return answer(302, undefined, { location: downloadUrl(github, artifact.archive, "application/zip") });
};
