import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adoptComments } from "#app/adopt.ts";
import { commentMarker } from "#core/task/markers.ts";
import { InstallationId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Place } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";
import { fakeGitHub, refused } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const place = (name: string, id: number): Place => ({
  installation: InstallationId(5),
  owner: { id: OwnerId(10), login: "acme" },
  repository: { id: RepositoryId(id), name, private: true },
});

describe("a store that is new", () => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  afterAll(() => store.close());

  it("takes over what earlier comments show, though GitHub refuses an owner, and one repository of another", async () => {
    const [bare, web] = [place("bare", 19), place("web", 20)];
    const { error: failure } = refused(403);
    const body = `${commentMarker(TaskId("11111111-2222-4333-8444-555555555555"), true)}\nAt work.`;
    const github = fakeGitHub({
      readPlaces: () =>
        Promise.resolve(ok({ places: [bare, web], refused: [{ owner: { id: OwnerId(11), login: "corp" }, failure }] })),
      readOwnComments: ({ repository }) =>
        Promise.resolve(repository.name === "bare" ? refused(410) : ok([{ id: 70, issue: 7, body }])),
    });
    const warned: unknown[] = [];
    const silent = makeRuntime().log;
    const runtime = makeRuntime({ log: { ...silent, warn: (fields) => void warned.push(fields) } });

    await adoptComments({ store, github, runtime }, new AbortController().signal);

    const comments = await connection.db.selectFrom("comments").select(["repository_id", "issue_number", "comment_id"]).execute();
    expect(comments).toEqual([{ repository_id: 20, issue_number: 7, comment_id: 70 }]);
    expect(warned).toEqual([{ owner: "corp", failure }, { repository: 19, failure: refused(410).error }, { tasks: 1 }]);
  });
});
