import type { TreeEntry } from "../git-repository.ts";
import type { GitHub, Repository } from "../state.ts";
import type { Shape } from "./account.ts";
import { repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** A file, folder, submodule or link, without what is in it. */
export function toContent(github: GitHub, repository: Repository, entry: TreeEntry, ref: string): Shape {
  const root = repositoryUrl(github, repository);
  const html = repositoryHtmlUrl(github, repository);
  const url = `${root}/contents/${encodeURI(entry.path)}?ref=${encodeURIComponent(ref)}`;
  const git = `${root}/git/${entry.type === "tree" ? "trees" : "blobs"}/${entry.sha}`;
  const page = `${html}/${entry.type === "tree" ? "tree" : "blob"}/${ref}/${encodeURI(entry.path)}`;
  return {
    type: entry.type === "tree" ? "dir" : entry.type === "commit" ? "submodule" : entry.mode === "120000" ? "symlink" : "file",
    name: entry.path.split("/").at(-1) ?? "",
    path: entry.path,
    sha: entry.sha,
    size: entry.size ?? 0,
    url,
    html_url: page,
    git_url: git,
    download_url: entry.type === "blob" ? `${html}/raw/${ref}/${encodeURI(entry.path)}` : null,
    _links: { self: url, git, html: page },
  };
}
