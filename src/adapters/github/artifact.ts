import type { Octokit } from "@octokit/rest";
import { unzipSync } from "fflate";
import type { RunId } from "#core/wire/ids.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { ArtifactFile, GitHubFailure, RunnerRepository, WantedFile } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

/** What an archive of one stored file has beside it: two headers with its name, a data descriptor and the end. */
const ARCHIVE_BYTES = 4_096;

const LIST = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts";
const DOWNLOAD = "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}";

/** The file in the run's newest artifact of that name; undefined when there is none. Reads no more than it may be long. */
export async function readArtifactFile(
  client: Octokit,
  runner: RunnerRepository,
  run: RunId,
  wanted: WantedFile,
): Promise<Result<ArtifactFile | undefined, GitHubFailure>> {
  const at = { owner: runner.owner.login, repo: runner.name };
  const listed = await answer(LIST, () =>
    client.request(LIST, { ...at, run_id: run, name: wanted.artifact, per_page: 100, request: timeout() }),
  );
  if (!listed.ok) return listed;
  const [artifact] = listed.value.data.artifacts.toSorted((a, b) => b.id - a.id);
  if (artifact === undefined) return ok(undefined);
  if (artifact.expired) return ok({ unfit: "expired" });
  const most = wanted.maxBytes + ARCHIVE_BYTES;
  if (artifact.size_in_bytes > most) return ok({ unfit: "too-large" });
  // Sent on to where the archive lies, without the token: fetch keeps it from another host.
  const archive = await answer(DOWNLOAD, async () => {
    const request = { ...timeout(), parseSuccessResponseBody: false };
    const { data } = await client.request(DOWNLOAD, { ...at, artifact_id: artifact.id, archive_format: "zip", request });
    return readUpTo(data as ReadableStream<Uint8Array>, most);
  });
  if (!archive.ok) return archive;
  return ok(archive.value === undefined ? { unfit: "too-large" } : unpack(archive.value, wanted));
}

async function readUpTo(body: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The one file, which the workflow has stored as it is: what is sealed doesn't compress. So nothing is ever inflated, and an
 * archive can't hold more than its own size.
 */
function unpack(archive: Uint8Array, { file, maxBytes }: WantedFile): ArtifactFile {
  try {
    const files = unzipSync(archive, {
      filter: (entry) => entry.name === file && entry.compression === 0 && entry.size <= maxBytes,
    });
    const bytes = files[file];
    return bytes === undefined ? { unfit: "not-the-file" } : { bytes };
  } catch {
    return { unfit: "no-archive" };
  }
}
