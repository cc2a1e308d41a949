import type { Octokit } from "@octokit/rest";
import { DeliveryId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Tried } from "#core/request/missed.ts";
import { EFFECTS } from "#core/task/effects.ts";
import type { GitHub } from "#ports/github.ts";
import { answer, at, timeout } from "./client.ts";
import { readLabelled } from "./labelled.ts";
import { commentsPurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** Five thousand failures, newest first: of an outage with more, the oldest are asked for once these are delivered. */
const MAX_PAGES = 50;

/** What nobody heard. Deliveries are the App's own, and asked for under its key. */
export function findingMissed(
  app: Octokit,
  under: Under,
): Pick<GitHub, "readFailedDeliveries" | "redeliver" | "readLabelled" | "readIssue"> {
  return {
    async readFailedDeliveries(since) {
      const route = "GET /app/hook/deliveries";
      const found: Tried[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        // An older server doesn't know `status`, and tells of all of them.
        const query = { per_page: 100, status: "failure" as const, ...(cursor === undefined ? {} : { cursor }) };
        const listed = await answer(route, () => app.request(route, { ...query, request: timeout() }));
        if (!listed.ok) return listed;
        const tries = listed.value.data.map(({ id, guid, delivered_at: at, event, status_code: status }) => ({
          id: Number(id),
          guid: DeliveryId(guid),
          at: EpochMs(Date.parse(at)),
          event,
          succeeded: status >= 200 && status < 300,
        }));
        found.push(...tries.filter(({ at }) => at >= since));
        cursor = nextCursor(listed.value.headers.link);
        if (cursor === undefined || tries.some(({ at }) => at < since)) break;
      }
      return ok(found);
    },

    async redeliver(id) {
      const asked = await answer(EFFECTS.redeliver, () =>
        app.request(EFFECTS.redeliver, { delivery_id: id, request: timeout() }),
      );
      return asked.ok ? ok(undefined) : asked;
    },

    readLabelled: (place, labels, since) => under(commentsPurpose(place), (client) => readLabelled(client, place, labels, since)),

    readIssue: (place, issue) =>
      under(commentsPurpose(place), async (client) => {
        const route = "GET /repos/{owner}/{repo}/issues/{issue_number}";
        const wanted = { ...at(place), issue_number: issue };
        const read = await answer(route, () => client.request(route, { ...wanted, request: timeout() }));
        if (!read.ok) return read;
        const { state, locked, labels } = read.value.data;
        const names = labels.map((label) => (typeof label === "string" ? label : (label.name ?? "")));
        return ok({ isOpen: state === "open", isLocked: locked, labels: names });
      }),
  };
}

/** Of the header's `<…?cursor=…>; rel="next"`. */
function nextCursor(link: string | undefined): string | undefined {
  const next = link?.split(",").find((part) => part.includes('rel="next"'));
  const address = /<(?<address>[^>]+)>/.exec(next ?? "")?.groups?.["address"];
  return address === undefined ? undefined : (new URL(address).searchParams.get("cursor") ?? undefined);
}
