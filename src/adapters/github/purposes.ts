import type { InstallationId } from "#core/wire/ids.ts";
import { POLICY_REPOSITORY } from "#core/config/policy.ts";
import type { Place } from "#ports/github.ts";
import type { Purpose } from "./tokens.ts";

/** Every token may see that the repository is there. */
function inRepository(place: Place, permissions: Purpose["permissions"]): Purpose {
  return {
    installation: place.installation,
    repositoryIds: [place.repository.id],
    permissions: { ...permissions, metadata: "read" },
  };
}

export function writePurpose(place: Place): Purpose {
  return inRepository(place, { contents: "write", issues: "write", pull_requests: "write" });
}

/** Saying something on its issues and pull requests: with what else is written there, but for the policy, which nothing said may change. */
export function sayPurpose(place: Place): Purpose {
  if (place.repository.name !== POLICY_REPOSITORY) return writePurpose(place);
  return inRepository(place, { issues: "write", pull_requests: "write" });
}

/** The issue for receipts and what stands in it: no pull request. */
export function receiptsPurpose(place: Place): Purpose {
  return inRepository(place, { issues: "write" });
}

/** How a pull request stands, to its base as well, and what its reviews say. */
export function pullPurpose(place: Place): Purpose {
  return inRepository(place, { contents: "read", pull_requests: "read" });
}

/** What has been said on its issues. */
export function commentsPurpose(place: Place): Purpose {
  return inRepository(place, { issues: "read" });
}

/** How a repository's CI has ended: GitHub calls that checks. */
export function checksPurpose(place: Place): Purpose {
  return inRepository(place, { checks: "read" });
}

/** How it has ended, and what its jobs have printed. */
export function failedChecksPurpose(place: Place): Purpose {
  return inRepository(place, { checks: "read", actions: "read" });
}

/** What a configuration file says at a commit, and how our own checks ended. */
export function ownChecksPurpose(place: Place): Purpose {
  return inRepository(place, { checks: "write", contents: "read" });
}

/** What was merged, which issues that closed, and the files on both sides of it. */
export function historyPurpose(place: Place): Purpose {
  return inRepository(place, { contents: "read", issues: "read", pull_requests: "read" });
}

/** Who is in a team, and nothing of the repository but that it is there. */
export function membersPurpose(place: Place): Purpose {
  return inRepository(place, { members: "read" });
}

/** Asking teams for a review: they are found by `members`, though GitHub's page names `pull_requests` alone. Source: github/docs#35057. */
export function teamReviewPurpose(place: Place): Purpose {
  return inRepository(place, { pull_requests: "write", members: "read" });
}

export function runnerPurpose(installation: InstallationId, name: string): Purpose {
  return { installation, repositories: [name], permissions: { actions: "write", metadata: "read" } };
}
