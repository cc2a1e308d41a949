import type { RepositoryFacts } from "#core/setup/facts.ts";

/** A repository of which nothing needs to be mended. */
export function repositoryFacts(name: string): RepositoryFacts {
  return {
    id: 1,
    name,
    private: true,
    archived: false,
    defaultBranch: "main",
    head: "0123456789abcdef0123456789abcdef01234567",
    protection: "reviewed",
    administered: true,
  };
}
