import { iso, nowOf, type Artifact, type GitHub } from "../state.ts";
import type { Shape } from "./account.ts";
import { nodeId, repositoryUrl } from "./urls.ts";

/** `artifact` of the REST API. */
export function toArtifact(github: GitHub, { id, name, run, archive, digest, createdAt, expiresAt }: Artifact): Shape {
  const { repository } = run;
  const url = `${repositoryUrl(github, repository)}/actions/artifacts/${String(id)}`;
  return {
    id,
    node_id: nodeId("Artifact", id),
    name,
    size_in_bytes: archive.length,
    url,
    archive_download_url: `${url}/zip`,
    expired: nowOf(github) >= expiresAt,
    created_at: iso(createdAt),
    updated_at: iso(createdAt),
    expires_at: iso(expiresAt),
    digest,
    workflow_run: {
      id: run.id,
      repository_id: repository.id,
      head_repository_id: repository.id,
      head_branch: run.branch,
      head_sha: run.sha,
    },
  };
}
