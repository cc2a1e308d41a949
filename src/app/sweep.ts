import { DeliveryId } from "#core/wire/ids.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { DAY_MS, EpochMs, HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import { labelOf, STANDBY_LABEL } from "#core/config/agents.ts";
import { parsePolicy } from "#core/config/policy-file.ts";
import { cleanText, type Brief } from "#core/request/brief.ts";
import { TRIGGER_LABEL } from "#core/request/command.ts";
import { isReceiptsIssue } from "#core/task/markers.ts";
import { askedBy, asksForWork } from "#core/request/label.ts";
import { findUndelivered, readMissedRequest, type MissedRequest } from "#core/request/missed.ts";
import type { GitHubFailure, LabelledIssue, Place } from "#ports/github.ts";
import type { ClaimedSweep } from "#ports/sweep.ts";
import type { Deps, Worked } from "./deps.ts";
import { HEARD } from "./intake.ts";
import { GHOST } from "./intake-issues.ts";
import { wasHeardElsewhere } from "./late.ts";
import { readServed } from "./places.ts";
import { issueAt } from "./request.ts";

const SWEEP_EVERY_MS = HOUR_MS;
/** GitHub keeps deliveries for three days and delivers none anew by itself. Source: docs, "Redelivering webhooks", read 2026-11-23. */
const REDELIVERED_FOR_MS = 3 * DAY_MS;
/** No label is older news than a budget's longest period. */
const LOOKS_BACK_MS = 31 * DAY_MS;
/** What was under way when the last sweep looked. */
const OVERLAP_MS = HOUR_MS;
/** What was said later may still be on its way. */
const ON_ITS_WAY_MS = 2 * MINUTE_MS;
/** A minute holds 180 writes by GitHub's secondary limits (900 points, five each), which others need too. */
const MOST_ASKED = 100;
const MORE_AFTER_MS = MINUTE_MS;

/**
 * What nobody heard while the app was down. GitHub is asked to deliver anew what it could not; a minute later, when that has come,
 * issues are looked through that carry the label and have no task since it was set. Nothing is asked for twice within an hour, and
 * what is told twice all the same is known by its id.
 */
export async function sweep(deps: Deps, row: ClaimedSweep): Promise<Worked> {
  const { store } = deps;
  const asked = await askForUndelivered(deps, row);
  if (!asked.ok) return { failed: asked.error };
  if (asked.value > 0) {
    deps.runtime.log.info({ deliveries: asked.value }, "GitHub was asked to deliver anew what it could not");
    return { restMs: MORE_AFTER_MS };
  }
  // Before the first sweep nobody waited for an answer from here.
  if (row.sweptUntil !== null) {
    const looked = await findUnheardLabels(deps, row, row.sweptUntil);
    if (!looked.ok) return { failed: looked.error };
  }
  await store.finishSweep(row, SWEEP_EVERY_MS);
  return "done";
}

/** How many were asked for. */
async function askForUndelivered({ store, github, runtime }: Deps, row: ClaimedSweep): Promise<Result<number, GitHubFailure>> {
  const longest = row.now - REDELIVERED_FOR_MS;
  const since = EpochMs(Math.max(longest, (row.sweptUntil ?? longest) - OVERLAP_MS));
  const tries = await github.readFailedDeliveries(since);
  if (!tries.ok) return tries;
  let asked = 0;
  for (const { guid, saidAt, failedAt, lastTry } of findUndelivered(tries.value, HEARD)) {
    if (asked === MOST_ASKED) break;
    if (!(await store.expectLate(guid, { saidAt, failedAt }))) continue;
    const done = await github.redeliver(lastTry);
    if (!done.ok) {
      if (done.error.reason === "github-unavailable") return done;
      // It has just become too old.
      runtime.log.warn({ delivery: guid, status: done.error.status }, "GitHub does not deliver this anew");
    }
    await store.recordAsked(guid);
    asked += 1;
  }
  return ok(asked);
}

/** Issues whose label was set and never heard of: each becomes the request that it is, or says why not. */
async function findUnheardLabels(deps: Deps, row: ClaimedSweep, sweptUntil: EpochMs): Promise<Result<void, GitHubFailure>> {
  const { github, runtime } = deps;
  const from = EpochMs(Math.max(row.now - LOOKS_BACK_MS, sweptUntil - OVERLAP_MS));
  const until = EpochMs(row.now - ON_ITS_WAY_MS);
  const places = await readServed(deps);
  if (!places.ok) return places;
  const found: string[] = [];
  for (const place of places.value) {
    const issues = await github.readLabelled(place, await labelsOf(deps, place.owner), from);
    if (!issues.ok) {
      if (issues.error.reason === "github-unavailable") return issues;
      // Gone since it was listed, or without issues.
      runtime.log.warn({ repository: place.repository.id, status: issues.error.status }, "its labels were not looked through");
      continue;
    }
    for (const issue of issues.value) {
      // The app's own, which asks for nothing.
      if (isReceiptsIssue(issue)) continue;
      const missed = readMissedRequest(issue, asksForWork, { from, until });
      if (missed === undefined) continue;
      const heard = await hearOf(deps, place, issue, missed);
      if (!heard.ok) return heard;
      if (heard.value) found.push(`${place.owner.login}/${place.repository.name}#${String(issue.number)}`);
    }
  }
  if (row.now - sweptUntil > REDELIVERED_FOR_MS)
    runtime.log.warn(
      { sweptUntil: new Date(sweptUntil).toISOString(), issues: found },
      "nothing was heard for more than three days: GitHub delivers anew only what is younger, and these issues' labels were found; comments from before are lost",
    );
  else if (found.length > 0) runtime.log.warn({ issues: found }, "labels were found that no delivery has told of");
  return ok(undefined);
}

/** Those that ask for work of an owner: whose specialists there are, the policy says as it was last read. */
async function labelsOf({ store }: Deps, owner: Place["owner"]): Promise<readonly string[]> {
  const kept = await store.readPolicy(owner.id);
  const policy = kept === undefined ? undefined : parsePolicy(owner.login, kept.text);
  const agents = policy?.ok === true ? Object.entries(policy.value.agents) : [];
  return [TRIGGER_LABEL, STANDBY_LABEL, ...agents.map(([name, agent]) => labelOf(name, agent))];
}

/** As if GitHub had told of it. False where a task has followed it, or it was found before. */
async function hearOf(
  { store, github }: Deps,
  place: Place,
  issue: LabelledIssue,
  missed: MissedRequest,
): Promise<Result<boolean, GitHubFailure>> {
  const { saidAt, by, edited } = missed;
  const id = DeliveryId(`label ${missed.id}`);
  const brief = toBrief(place, issue, missed);
  await store.expectLate(id, { saidAt, failedAt: saidAt });
  const late = await store.readLate(id, issueAt(brief));
  if (late === undefined || late.isOvertaken) return ok(false);
  if (edited === null) return ok(await store.recordDelivery({ id, owner: place.owner.id, event: { kind: "request", brief } }));
  // Nobody has asked for what it says now.
  const elsewhere = await wasHeardElsewhere({ store, github }, brief, late.agoMs);
  if (!elsewhere.ok || elsewhere.value) return elsewhere;
  await store.notice(brief, { reason: "edited-since", login: by.login, by: edited.by }, false);
  return ok(true);
}

function toBrief({ installation, owner, repository }: Place, issue: LabelledIssue, { at, by, label }: MissedRequest): Brief {
  const { number, title, body, labels, author } = issue;
  return {
    installation,
    owner,
    repository,
    issue: { number, title: cleanText(title), body: cleanText(body), labels },
    author: author ?? GHOST,
    requester: by,
    comment: null,
    askedAt: at,
    ...askedBy([label], labels),
  };
}
