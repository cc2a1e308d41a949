import { createHash, randomBytes } from "node:crypto";
import { DAY_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { NewArtifact } from "../types.ts";
import { refusal, type Answer } from "./answers.ts";
import { nextId, nowOf, type GitHub, type Run } from "./state.ts";

/** A repository's own number, and the most that it allows (docs, "Storing and sharing data from a workflow"). */
const RETENTION_DAYS = 90;

/** Keeps an archive that a run uploaded. Undefined when the run already has one of that name. */
export function storeArtifact(github: GitHub, run: Run, { name, archive, retentionDays }: NewArtifact): number | undefined {
  const { artifacts } = run.repository;
  if ([...artifacts.values()].some((other) => other.run === run && other.name === name)) return undefined;
  const days = Math.min(RETENTION_DAYS, retentionDays > 0 ? retentionDays : RETENTION_DAYS);
  const createdAt = nowOf(github);
  const digest = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
  const artifact = { id: nextId(github), name, run, archive, digest, createdAt, expiresAt: createdAt + days * DAY_MS };
  artifacts.set(artifact.id, artifact);
  return artifact.id;
}

/** Where a file can be fetched by whoever knows the address. It is good for one minute, as GitHub's is (docs, "Download an artifact"). */
export function downloadUrl(github: GitHub, file: Buffer, type: string): string {
  const path = `/_downloads/${randomBytes(24).toString("base64url")}`;
  github.downloads.set(path, { file, type, until: nowOf(github) + MINUTE_MS });
  return `${github.url}${path}`;
}

/** The file at such an address, for whoever asks; undefined for any other path. */
export function answerDownload(github: GitHub, method: string, path: string): Answer | undefined {
  if (method !== "GET" || !path.startsWith("/_downloads/")) return undefined;
  const download = github.downloads.get(path);
  if (download === undefined || nowOf(github) >= download.until) return refusal(403, "This address is not good any more");
  return { status: 200, headers: { "content-type": download.type }, body: download.file };
}
