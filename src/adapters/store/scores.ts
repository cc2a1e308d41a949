import { sql, type Kysely } from "kysely";
import type { OwnerId, RepositoryId } from "#core/wire/ids.ts";
import type { Score } from "#core/plan/score.ts";
import { NO_FAULT_ENDINGS, SCORE_MS, type Attempted } from "#core/plan/scoreboard.ts";
import { NOW, words } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/**
 * An owner's judged attempts of late. `tried`: it says something of its route, since it came to a verdict of its own (neither lost
 * nor refused nor kept from working), and where it was solved some check ran: in its job (`proved`), or CI on its commit, which has
 * the last word. A move is no attempt, and a follow-up says nothing of how hard an issue is.
 */
const judgedOf = (owner: OwnerId) => sql`
  select attempts.*, tasks.repository_id, tasks.brief, tasks.plan, tasks.fate, tasks.pull_number, tasks.commit_sha,
    solved and pull_number is not null as opened,
    coalesce(solved and not ci_failed and (proved or ci_passed), false) as verified,
    coalesce(case
      when solved then ci_failed or ci_passed or proved
      else attempts.state in ('failed', 'noChange') and coalesce(why ->> 'why', '') <> 'blocked'
        and coalesce(why ->> 'ending', '') not in (${words(NO_FAULT_ENDINGS)})
    end, false) as tried
  from attempts join tasks on tasks.id = attempts.task_id,
  lateral (select
    attempts.state = 'solved' as solved,
    coalesce(jsonb_array_length(ci_checks -> 'failed'), 0) > 0 as ci_failed,
    coalesce((ci_checks ->> 'passed')::integer, 0) > 0 as ci_passed) as ended
  where attempts.owner_id = ${owner} and attempts.created_at >= ${NOW} - ${SCORE_MS}::bigint and attempts.state <> 'open'
    and tasks.follows is null`;

export async function readScores(
  db: Kysely<Schema>,
  owner: OwnerId,
  repository: RepositoryId,
): Promise<{ readonly repository: readonly Score[]; readonly owner: readonly Score[] }> {
  const { rows } = await sql<Score & { everywhere: number }>`
    select grouping(repository_id)::integer as everywhere, route ->> 'harness' as harness, route ->> 'model' as model,
      count(*)::integer as tried, (count(*) filter (where verified))::integer as verified, sum(expected) as expected
    from (${judgedOf(owner)}) as judged
    where tried and expected is not null
    group by grouping sets ((repository_id, harness, model), (harness, model))
    having grouping(repository_id) = 1 or repository_id = ${repository}
    order by harness, model`.execute(db);
  const at = (wanted: number) => rows.flatMap(({ everywhere, ...score }) => (everywhere === wanted ? [score] : []));
  return { repository: at(0), owner: at(1) };
}

export async function readAttempts(db: Kysely<Schema>, owner: OwnerId): Promise<readonly Attempted[]> {
  const { rows } = await sql<Omit<Attempted, "pull"> & { opened: boolean } & NonNullable<Attempted["pull"]>>`
    select task_id as task, tried, verified, opened, fate, chance,
      first_value(brief #>> '{repository,name}') over (partition by repository_id order by created_at desc, number desc) as repository,
      plan ->> 'size' as size, (plan #>> '{ladder,worth}')::bigint as worth,
      jsonb_build_object('tier', route -> 'tier', 'harness', route -> 'harness', 'model', route -> 'model') as route,
      coalesce((select sum(ledger.listed) from ledger join leases on leases.id = ledger.lease_id
        where leases.attempt_id = judged.id), 0)::bigint as cost,
      case when opened then coalesce((select sum(ledger.listed) from tasks as followers
        join leases on leases.task_id = followers.id join ledger on ledger.lease_id = leases.id
        where followers.owner_id = judged.owner_id and followers.repository_id = judged.repository_id
          and followers.issue_number = judged.pull_number and followers.follows is not null), 0) else 0 end::bigint as "followUps",
      opened and exists (
        select from reverts where reverts.owner_id = judged.owner_id and reverts.repository_id = judged.repository_id
          and reverted in ('#' || pull_number, commit_sha, fate #>> '{merged,commit}')) as reverted
    from (${judgedOf(owner)}) as judged
    order by task_id, number`.execute(db);
  return rows.map(({ opened, fate, reverted, followUps, ...attempted }) => ({
    ...attempted,
    pull: opened ? { fate, reverted, followUps } : null,
  }));
}
