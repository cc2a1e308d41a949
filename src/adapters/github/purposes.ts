import type { InstallationId } from "#core/wire/ids.ts";
import { POLICY_REPOSITORY } from "#core/config/policy.ts";
import type { Place } from "#ports/github.ts";
import type { Purpose } from "./tokens.ts";

export function writePurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { contents: "write", issues: "write", pull_requests: "write", metadata: "read" },
  };
}

/** Saying something on its issues and pull requests: with what else is written there, but for the policy, which nothing said may change. */
export function sayPurpose(place: Place): Purpose {
  if (place.repository.name !== POLICY_REPOSITORY) return writePurpose(place);
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { issues: "write", pull_requests: "write", metadata: "read" },
  };
}

/** The issue for receipts and what stands in it: no pull request. */
export function receiptsPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { issues: "write", metadata: "read" },
  };
}

/** How a pull request stands, to its base as well, and what its reviews say. */
export function pullPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { contents: "read", pull_requests: "read", metadata: "read" },
  };
}

/** What has been said on its issues. */
export function commentsPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { issues: "read", metadata: "read" },
  };
}

/** How a repository's CI has ended: GitHub calls that checks. */
export function checksPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { checks: "read", metadata: "read" },
  };
}

/** How it has ended, and what its jobs have printed. */
export function failedChecksPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { checks: "read", actions: "read", metadata: "read" },
  };
}

/** What a configuration file says at a commit, and how our own checks ended. */
export function ownChecksPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { checks: "write", contents: "read", metadata: "read" },
  };
}

/** What was merged, which issues that closed, and the files on both sides of it. */
export function historyPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { contents: "read", issues: "read", pull_requests: "read", metadata: "read" },
  };
}

/** Who is in a team, and nothing of the repository but that it is there. */
export function membersPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { members: "read", metadata: "read" },
  };
}

/** Asking teams for a review: they are found by `members`, though GitHub's page names `pull_requests` alone. Source: github/docs#35057. */
export function teamReviewPurpose(place: Place): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { pull_requests: "write", members: "read", metadata: "read" },
  };
}

export function runnerPurpose(installation: InstallationId, name: string): Purpose {
  return { installation, repositories: [name], permissions: { actions: "write", metadata: "read" } };
}
