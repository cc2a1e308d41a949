import { sinceOfReceipt, receiptOf, type LentSeat, type Receipt } from "#core/pool/receipt.ts";
import { RECEIPTS_ISSUE, renderReceipt } from "#core/pool/receipt-words.ts";
import { isLent } from "#core/pool/consent.ts";
import { toSnapshot } from "#core/pool/snapshot.ts";
import { periodOf } from "#core/pool/windows.ts";
import { POLICY_REPOSITORY, type Policy } from "#core/config/policy.ts";
import { receiptMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import { describe } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { GitHubFailure, Place } from "#ports/github.ts";
import type { ClaimedReceipts, Lending, WrittenReceipt } from "#ports/receipts.ts";
import type { Deps, Worked } from "./deps.ts";
import { readServed } from "./places.ts";
import { readPolicy } from "./policy.ts";

/** What one lender is to be told. `standing`: what is lent, in short. */
type Told = {
  readonly lender: Lending["lender"];
  readonly body: string;
  readonly standing: string;
  readonly isLast: boolean;
};

/**
 * Brings the receipts of everyone who lends an owner a seat up to date: once a day at most, and at once when one is lent or taken
 * back. Each has one comment in one issue of the policy repository, written again only where it says something else.
 */
export async function writeReceipts(deps: Deps, row: ClaimedReceipts): Promise<Worked> {
  const { store, runtime } = deps;
  const now = await store.now();
  const known = await store.readLendings(row.owner, sinceOfReceipt(now));
  const tomorrow = { restMs: known.some((lending) => isAwaited(lending, row)) ? periodOf("day", now).end - now : null };
  const skip = (why: string, facts: object = {}): Worked => {
    runtime.log.info({ owner: row.owner, ...facts }, `no receipts are written: ${why}`);
    return tomorrow;
  };
  if (!known.some((lending) => !isOver(lending) || toldOf(lending, row) !== undefined)) return { restMs: null };
  const places = await readServed(deps, row.owner);
  if (!places.ok) return { failed: places.error };
  const place = places.value.find(({ repository }) => repository.name === POLICY_REPOSITORY);
  if (place === undefined) return skip("the App is not installed on the policy repository");
  const lendings = known.filter((lending) => isAwaited(lending, row) || isShown(lending, row, place));
  if (lendings.length === 0) return { restMs: null };
  const policy = await readCurrent(deps, place, now);
  if (!policy.ok) return { failed: policy.error };
  if ("unfit" in policy.value) return skip("the policy can't be read", { why: policy.value.unfit });
  if (!policy.value.policy.receipts) return nextLook(lendings, tomorrow);
  const told = await tellings(deps, place, policy.value, { now, lendings });
  if (!told.some((each) => isDue(deps, row.written, each, now))) return nextLook(lendings, tomorrow);

  const issue = await findIssue(deps, row, place);
  if (!issue.ok) return { failed: issue.error };
  if (issue.value === "lost") return "done";
  if (issue.value === "closed") return skip("a person has closed their issue");
  if (issue.value === "locked") return skip("their issue is locked");
  // In another issue than before nothing is told yet.
  const written = row.issue === issue.value ? row.written : [];
  for (const each of told.filter((one) => isDue(deps, written, one, now))) {
    const known = written.find(({ lender }) => lender === each.lender.id);
    const comment = await write(deps, place, { issue: issue.value, known, told: each });
    if (!comment.ok) return { failed: comment.error };
    const { standing, isLast } = each;
    const record = { lender: each.lender.id, comment: comment.value, hash: runtime.hash(each.body), standing, isLast };
    if (!(await store.recordReceipt(row, record))) return "done";
  }
  return nextLook(lendings, tomorrow);
}

/** None of their consents counts any more. */
function isOver({ seats }: Lending): boolean {
  return seats.every(({ state }) => state !== "lent");
}

function toldOf({ lender: { id } }: Lending, { written }: ClaimedReceipts): WrittenReceipt | undefined {
  return written.find(({ lender }) => lender === id);
}

/** Who lends, and who has not been told yet that they no longer do. */
function isAwaited(lending: Lending, row: ClaimedReceipts): boolean {
  return !isOver(lending) || toldOf(lending, row)?.isLast === false;
}

/** What was written while nobody else read it, and all the world now reads: a last receipt, too, may name people. */
function isShown(lending: Lending, row: ClaimedReceipts, { repository }: Place): boolean {
  return !repository.private && toldOf(lending, row)?.standing.endsWith(IN_PUBLIC) === false;
}

function nextLook(lendings: readonly Lending[], tomorrow: Worked): Worked {
  return lendings.some((lending) => !isOver(lending) || lending.live > 0) ? tomorrow : { restMs: null };
}

async function readCurrent(
  { store, github }: Deps,
  place: Place,
  readAt: EpochMs,
): Promise<Result<{ readonly policy: Policy; readonly commit: string } | { readonly unfit: string }, GitHubFailure>> {
  const setUp = await github.readSetUp(place);
  if (!setUp.ok) return setUp.error.reason === "github-unavailable" ? setUp : ok({ unfit: setUp.error.message });
  const read = readPolicy(place.owner, setUp.value.policy);
  if (!read.ok) return ok({ unfit: describe(read.error) });
  const { policy, text, commit } = read.value;
  await store.recordPolicy(place.owner.id, { text, commit, readAt });
  return ok({ policy, commit });
}

async function tellings(
  { store }: Deps,
  place: Place,
  { policy, commit }: { readonly policy: Policy; readonly commit: string },
  { now, lendings }: { readonly now: EpochMs; readonly lendings: readonly Lending[] },
): Promise<readonly Told[]> {
  const { stored } = await store.readPool(place.owner.id);
  const { credentials, upstreams } = toSnapshot(policy, commit, stored, 0);
  return lendings.map((lending) => {
    const { lender, draws, live } = lending;
    const seats = lending.seats.map(({ name, state }): LentSeat => {
      const entry = policy.pool.find((each) => each.name === name && each.kind === "seat");
      const known = credentials.find((each) => each.name === name);
      const serves = entry !== undefined && isLent(entry, [{ credential: name, login: lender.login }]);
      return {
        name,
        state: state === "lent" && !serves ? "not-serving" : state,
        keepForOwner: entry === undefined ? null : (entry["keep-for-owner"] ?? 0),
        account: known?.upstream ?? `credential:${name}`,
        windows: upstreams.find(({ id }) => id === known?.upstream)?.windows ?? [],
      };
    });
    const receipt = receiptOf({ now, lender, seats, draws });
    return {
      lender,
      body: `${receiptMarker(lender.id)}\n${renderReceipt(receipt, !place.repository.private)}`,
      standing: standingOf(receipt, place),
      isLast: isOver(lending) && live === 0,
    };
  });
}

/** What is lent, and that people are not named with it. */
function standingOf({ seats }: Receipt, { repository }: Place): string {
  return `${seats.map(({ name, state }) => `${name} ${state}`).join(", ")}${repository.private ? "" : IN_PUBLIC}`;
}
const IN_PUBLIC = "; in public";

/**
 * It says something else than what stands there, and either that is of what is lent or of who may read it, or nothing was written yet
 * today.
 */
function isDue({ runtime }: Deps, written: readonly WrittenReceipt[], told: Told, now: EpochMs): boolean {
  const known = written.find(({ lender }) => lender === told.lender.id);
  if (known === undefined) return true;
  if (told.isLast !== known.isLast || told.standing !== known.standing) return true;
  return known.hash !== runtime.hash(told.body) && known.at < periodOf("day", now).start;
}

/** The issue to write in; made where there is none, or none any more. */
async function findIssue(
  { store, github, runtime }: Deps,
  row: ClaimedReceipts,
  place: Place,
): Promise<Result<number | "closed" | "locked" | "lost", GitHubFailure>> {
  let number = row.issue ?? undefined;
  let state = number === undefined ? undefined : await github.readIssue(place, number);
  if (state !== undefined && isGone(state)) {
    runtime.log.info({ owner: row.owner, issue: number }, "the issue for receipts is gone");
    if (!(await store.recordReceiptsIssue(row, null))) return ok("lost");
    state = undefined;
  }
  if (state === undefined) {
    const found = await github.findReceipts(place);
    if (!found.ok) return found;
    number = found.value;
    state = number === undefined ? undefined : await github.readIssue(place, number);
  }
  if (state !== undefined && !state.ok) return state;
  if (state?.value.isOpen === false) return ok("closed");
  if (state?.value.isLocked === true) return ok("locked");
  if (number === undefined) {
    const { title, body } = RECEIPTS_ISSUE;
    const made = await github.openIssue(place, { title, body: `${RECEIPTS_MARKER}\n${body}` });
    if (!made.ok) return made;
    number = made.value;
  }
  return ok((await store.recordReceiptsIssue(row, number)) ? number : "lost");
}

/** Deleted: 410, or 404 where GitHub doesn't say. */
function isGone(answered: Result<unknown, GitHubFailure>): boolean {
  return !answered.ok && answered.error.reason === "github-refused" && [404, 410].includes(answered.error.status);
}

/** The comment's id, once it says so. One that is gone, or whose making was never heard of, is looked for first. */
async function write(
  { github, runtime }: Deps,
  place: Place,
  { issue, known, told }: { readonly issue: number; readonly known: WrittenReceipt | undefined; readonly told: Told },
): Promise<Result<number, GitHubFailure>> {
  if (known !== undefined) {
    if (known.hash === runtime.hash(told.body)) return ok(known.comment);
    const edited = await github.updateComment(place, known.comment, told.body, "news");
    if (edited.ok) return ok(known.comment);
    if (!isGone(edited)) return edited;
  }
  const found = await github.findReceipt(place, issue, told.lender.id);
  if (!found.ok) return found;
  if (found.value === undefined) return github.createComment(place, issue, told.body);
  const edited = await github.updateComment(place, found.value, told.body, "news");
  return edited.ok ? ok(found.value) : edited;
}
