import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Script } from "#playground/model/script.ts";
import type { Person } from "#playground/types.ts";
import { waitForComment } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import type { TaskId } from "#core/wire/ids.ts";
import { FORMS } from "#core/request/command.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import { connectEmbedded } from "#adapters/store/connect.ts";
import { openStore } from "#adapters/store/store.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

vi.setConfig({ testTimeout: 150_000 });

/** An operator, and people who may ask for two tiers. */
const POLICY = `version: 1
pool:
  - { name: platform-api, provider: anthropic, jobs: 100 }
  - { name: ada-max, provider: anthropic, kind: seat, owner: ada, serves: everyone }
runner: acme/agent-runner
budget: $900/month
roles:
  operator: { people: [ada] }
  requester: { people: [maintainer, pat], tiers: [light, standard] }
`;

/** A comment as its golden file has it: ids, instants and what a run has taken are of the day. */
function toGolden(body: string): string {
  return body
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID")
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "TIME")
    .replace(/pull request #\d+/g, "pull request #N")
    .replace(/\[run\]\([^)]*\)/g, "")
    .replace(/`[0-9a-f]{7}`/g, "`COMMIT`");
}

/** All that was said to any of the worlds. */
const said: string[] = [];

/** What somebody does and what comes of it, in one world. */
function acting(world: World) {
  let aside: number | undefined;
  const ours = (issue: number) =>
    world.github.comments(PRODUCT, issue).filter(({ login }) => login === world.github.app.botLogin);
  const reactions = (issue: number, id: number) =>
    world.github.comments(PRODUCT, issue).find((comment) => comment.id === id)?.reactions ?? [];
  const until = async (done: () => boolean, what: string, forMs = 40_000) => {
    const deadline = performance.now() + forMs;
    while (!done()) {
      if (performance.now() > deadline)
        throw new Error(`${what}: not within ${String(forMs)} ms\n${world.app.output().slice(-3_000)}`);
      await sleep(20);
    }
  };
  const openIssue = async (person: Person = world.maintainer, labels: readonly string[] = []) =>
    (await person.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels })).number;
  /** Comments, and waits for the reaction: `+1` to what is followed, `confused` to what isn't. */
  async function say(person: Person, issue: number, words: string, reaction: "+1" | "confused" = "+1"): Promise<void> {
    said.push(words);
    const { id } = await person.comment(PRODUCT, issue, words);
    await until(() => reactions(issue, id).length > 0, `a reaction to ${words.slice(0, 80)}`);
    expect(reactions(issue, id), words.slice(0, 80)).toEqual([`${world.github.app.botLogin} ${reaction}`]);
  }
  return {
    ours,
    reactions,
    until,
    openIssue,
    say,
    /** Waits until the one comment says this, and answers it. */
    async shown(issue: number, says: RegExp, forMs = 40_000): Promise<string> {
      const shows = await waitForComment(world, PRODUCT, issue, (body) => says.test(body), forMs);
      expect(shows, `${String(says)}\n${ours(issue)[0]?.body ?? "no comment"}\n${world.app.output().slice(-3_000)}`).toBe(true);
      expect(ours(issue)).toHaveLength(1);
      return toGolden(ours(issue)[0]?.body ?? "");
    },
    /** Waits until all that was sent before has been worked off: what is asked after it, elsewhere, has its answer. */
    async settled(): Promise<void> {
      await world.github.delivered();
      await say(world.maintainer, (aside ??= await openIssue()), "/agent help");
      await sleep(300);
    },
  };
}

const STARTED = /· started, waiting for a runner/;
const CANCELLED = /\*\*agent-pool\*\* · cancelled/;

/** Compares it with `golden/command-NAME.md`. */
const golden = (text: string, name: string) => expect(text).toMatchFileSnapshot(`golden/command-${name}.md`);

/** A world of its own for each group, as GitHub allows 80 calls a minute that create content; in it what is started waits. */
function inWaitingWorld() {
  let world: World;
  let act: ReturnType<typeof acting>;
  let begun = 0;
  beforeAll(async () => {
    world = await createWorld({
      product: { files: sampleFiles() },
      policy: POLICY,
      pool: [
        { name: "platform-api", kind: "api-key" },
        { name: "ada-max", kind: "seat", owner: "ada" },
      ],
      script: sampleScript(),
      runner: false,
    });
    act = acting(world);
    await world.app.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const runs = () => world.github.runs(RUNNER);
  /** Once the comment says so, there is one run more, and no second one. */
  async function startedOn(issue: number): Promise<string> {
    const text = await act.shown(issue, STARTED);
    begun += 1;
    await act.until(() => runs().length >= begun, "a run");
    expect(runs()).toHaveLength(begun);
    return text;
  }
  return {
    get world() {
      return world;
    },
    get act() {
      return act;
    },
    get ada() {
      return world.seatOwners[0]!.person;
    },
    get maintainer() {
      return world.maintainer;
    },
    runs,
    begun: () => begun,
    startedOn,
    /** An issue with work that no runner has taken yet. */
    async started(): Promise<number> {
      const issue = await act.openIssue();
      await act.say(world.maintainer, issue, "/agent");
      await startedOn(issue);
      return issue;
    },
  };
}

describe("commands that start work, or stop it", () => {
  const w = inWaitingWorld();

  it("starts work by `/agent`, which then has one run", async () => {
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, "/agent");

    await golden(await w.startedOn(issue), "agent");
  });

  it("uses what it is told to, in any order", async () => {
    const texts: string[] = [];
    for (const words of ["/agent use standard claude-code", "/agent use claude-code standard"]) {
      const issue = await w.act.openIssue();
      await w.act.say(w.maintainer, issue, words);
      texts.push(await w.startedOn(issue));
    }

    expect(texts[1]).toBe(texts[0]);
    await golden(texts[0] ?? "", "use");
  });

  it("takes the size that it is told", async () => {
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, "/agent size m");

    await golden(await w.startedOn(issue), "size");
  });

  it("says by `/agent plan` what it would do, and does none of it", async () => {
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, "/agent plan use standard");

    await golden(await w.act.shown(issue, /a plan, not started/), "plan");
    expect(w.runs()).toHaveLength(w.begun());
  });

  it("waits for an operator where a role allows no more, and does it once one approves", async () => {
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, "/agent use frontier");
    await golden(await w.act.shown(issue, /waiting for approval/), "approve-asked");
    await w.act.say(w.maintainer, issue, "/agent approve", "confused");
    await golden(await w.act.shown(issue, /is an operator's to say here/), "approve-refused");
    expect(w.runs()).toHaveLength(w.begun());
    await w.act.say(w.ada, issue, "/agent approve");

    await golden(await w.startedOn(issue), "approve");
  });

  it("is cancelled before a runner has taken it, its run too", async () => {
    const issue = await w.started();
    await w.act.say(w.maintainer, issue, "/agent cancel");

    await golden(await w.act.shown(issue, CANCELLED), "cancel");
    expect(w.runs().at(-1)).toMatchObject({ status: "completed", conclusion: "cancelled" });
  });

  it("does it again with the text that it had, or afresh with that of now", async () => {
    const issue = await w.started();
    await w.act.say(w.maintainer, issue, "/agent cancel");
    await w.act.shown(issue, CANCELLED);
    await w.maintainer.editIssue(PRODUCT, issue, { body: "250 customers, 200 lines, and no header." });
    await w.act.say(w.maintainer, issue, "/agent retry");
    const again = await w.startedOn(issue);
    tasks.again = taskOn(issue);
    await w.act.say(w.maintainer, issue, "/agent cancel");
    await w.act.shown(issue, CANCELLED);
    await w.act.say(w.maintainer, issue, "/agent retry fresh");
    const afresh = await w.startedOn(issue);
    tasks.afresh = taskOn(issue);

    await golden(again, "retry");
    await golden(afresh, "retry-fresh");
  });
  /** Looked at once the app has let go of its store. */
  const tasks: { again?: string; afresh?: string } = {};
  const taskOn = (issue: number) => parseCommentMarker(w.act.ours(issue)[0]?.body ?? "")!;

  it("keeps GitHub's contract", () => {
    expect(w.world.github.violations()).toEqual([]);
  });

  it("has frozen the text at the first request, and anew only afresh", async () => {
    await w.world.app.stop();
    const store = await openStore({ directory: join(w.world.dataDir, "store") });
    const read = async (id: string | undefined) => (await store.readTask(id as TaskId))?.brief.issue.body;
    try {
      expect([await read(tasks.again), await read(tasks.afresh)]).toEqual([
        SAMPLE_ISSUE.body,
        "250 customers, 200 lines, and no header.",
      ]);
    } finally {
      await store.close();
    }
  });
});

describe("commands about what is under way, or for the whole pool", () => {
  const w = inWaitingWorld();

  it("is told how it stands, and why it has its credential", async () => {
    const issue = await w.started();
    await w.act.say(w.maintainer, issue, "/agent status");
    const status = await w.act.shown(issue, STARTED);
    await w.act.say(w.maintainer, issue, "/agent why");

    await golden(status, "status");
    await golden(await w.act.shown(issue, /asked why/), "why");
    await w.act.say(w.maintainer, issue, "/agent ci", "confused");
    await golden(await w.act.shown(issue, /`\/agent ci`/), "ci-elsewhere");
    await w.act.say(w.maintainer, issue, "/agent fix the names", "confused");
    await golden(await w.act.shown(issue, /`\/agent fix`/), "fix-elsewhere");
    const empty = await w.act.openIssue();
    await w.act.say(w.maintainer, empty, "/agent status", "confused");
    await golden(await w.act.shown(empty, /nothing is under way here/), "status-none");
  });

  it("shows what can be said, and what was probably meant", async () => {
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, "/agent help");
    await golden(await w.act.shown(issue, /what can be asked/), "help");
    await w.act.say(w.maintainer, issue, "/agent cancle", "confused");

    await golden(await w.act.shown(issue, /Did you mean `\/agent cancel`\?/), "typo");
  });

  it("starts nothing more while an operator has paused the pool; what waits is cancelled, or goes on after", async () => {
    const issue = await w.act.openIssue(w.ada);
    await w.act.say(w.maintainer, issue, "/agent pause", "confused");
    await w.act.shown(issue, /is an operator's to say here/);
    await w.act.say(w.ada, issue, "/agent pause");
    await golden(await w.act.shown(issue, /the pool is paused/), "pause");
    const [waits, goesOn] = [await w.act.openIssue(), await w.act.openIssue()];
    await w.act.say(w.maintainer, waits, "/agent");
    await golden(await w.act.shown(waits, /has paused the pool: it starts once/), "queued-paused");
    await w.act.say(w.maintainer, goesOn, "/agent");
    await w.act.shown(goesOn, /has paused the pool: it starts once/);
    await w.act.say(w.maintainer, waits, "/agent cancel");
    await golden(await w.act.shown(waits, CANCELLED), "cancel-waiting");
    expect(w.runs()).toHaveLength(w.begun());
    await w.act.say(w.ada, issue, "/agent resume");

    await golden(await w.act.shown(issue, /drawn on again/), "resume");
    await w.startedOn(goesOn);
  });

  it("has a seat lent by its owner and nobody else, and taken back", async () => {
    const issue = await w.act.openIssue(w.ada);
    await w.act.say(w.maintainer, issue, "/agent lend ada-max", "confused");
    await w.act.shown(issue, /only its owner lends a seat/);
    await w.act.say(w.ada, issue, "/agent lend ada-max");
    await golden(await w.act.shown(issue, /lends `ada-max`\./), "lend");
    await w.act.say(w.ada, issue, "/agent unlend ada-max");

    await golden(await w.act.shown(issue, /lends `ada-max` no longer/), "unlend");
  });

  it("is cancelled by its label's being taken off, and by its issue's being closed", async () => {
    const labelled = await w.act.openIssue(w.maintainer, ["agent"]);
    await w.startedOn(labelled);
    const closed = await w.act.openIssue(w.maintainer, ["Agent"]);
    await w.startedOn(closed);
    await w.maintainer.unlabel(PRODUCT, labelled, "agent");
    await w.maintainer.closeIssue(PRODUCT, closed);

    await golden(await w.act.shown(labelled, CANCELLED), "label-off");
    await golden(await w.act.shown(closed, CANCELLED), "closed");
    await w.maintainer.reopenIssue(PRODUCT, closed);
    await w.act.settled();
    expect(w.act.ours(closed)[0]?.body).toMatch(CANCELLED);
    await w.act.say(w.maintainer, closed, "/agent");
    await w.startedOn(closed);
  });

  it("keeps GitHub's contract", () => {
    expect(w.world.github.violations()).toEqual([]);
  });
});

describe("what commands nothing, or nothing more", () => {
  const w = inWaitingWorld();

  it("follows the line that its author adds to a comment, once, and no line that somebody else adds", async () => {
    const issue = await w.act.openIssue();
    const { id } = await w.maintainer.comment(PRODUCT, issue, "The header is missing too.");
    await w.ada.editComment(PRODUCT, id, "The header is missing too.\n\n/agent use standard");
    await w.act.settled();
    expect(w.act.ours(issue)).toEqual([]);
    await w.maintainer.editComment(PRODUCT, id, "The header is missing too.\n\n/agent use standard\n\n/agent use light");
    await w.startedOn(issue);
    await w.act.until(() => w.act.reactions(issue, id).length > 0, "a reaction to the edit");
    await w.maintainer.editComment(PRODUCT, id, "The header is missing, too.\n\n/agent use standard\n\n/agent use light");
    await w.act.settled();

    expect(w.act.ours(issue)[0]?.body).toMatch(STARTED);
    expect(w.act.ours(issue)[0]?.body).not.toContain("asked again");
  });

  it("follows nothing that somebody quotes, shows or hides", async () => {
    const bodies: Readonly<Record<string, string>> = {
      "a quotation": "> /agent\n\nShall we?",
      "a code block": "Write\n\n```\n/agent\n```\n\nand wait.",
      "the middle of a line": "I would say /agent use frontier",
      "an e-mail's reply": "Thanks!\n\nOn Mon, Nov 30, 2026 at 9:00 AM pat <notifications@github.com> wrote:\n\n> /agent\n",
      "an e-mail's reply that quotes with no sign": `Thanks!\n\n${"_".repeat(32)}\nFrom: pat <notifications@github.com>\n\n/agent\n`,
      "what nobody sees": "Thanks!\n<!--\n/agent\n-->",
    };
    const asked = new Map<string, { issue: number; id: number }>();
    for (const [name, body] of Object.entries(bodies)) {
      const issue = await w.act.openIssue();
      asked.set(name, { issue, id: (await w.maintainer.comment(PRODUCT, issue, body)).id });
    }
    await w.act.settled();

    const heard = [...asked].filter(([, { issue, id }]) => w.act.ours(issue).length + w.act.reactions(issue, id).length > 0);
    expect(heard.map(([name]) => name)).toEqual([]);
  });

  it("answers somebody without a role once, does nothing for them, and doesn't react", async () => {
    const issue = await w.act.openIssue();
    const ids: number[] = [];
    for (const words of ["/agent", "/agent approve", "/agent pause", "/agent nonsense", "/agent cancel"])
      ids.push((await w.world.outsider.comment(PRODUCT, issue, words)).id);
    await w.act.shown(issue, /has the role `none` here/);
    await w.act.settled();

    expect(w.act.ours(issue)).toHaveLength(1);
    expect(ids.flatMap((id) => w.act.reactions(issue, id))).toEqual([]);
    expect(w.runs()).toHaveLength(w.begun());
  });

  it("follows the first of ten commands in a comment, and says nothing of the others", async () => {
    const issue = await w.act.openIssue();
    const others = Array.from({ length: 9 }, (_, at) => ["/agent cancel", "/agent use frontier", "/agent nonsense"][at % 3]);
    await w.act.say(w.maintainer, issue, ["/agent use standard", ...others].join("\n"));

    const shown = await w.startedOn(issue);
    expect(shown).toContain("standard");
    await w.act.settled();
    expect(toGolden(w.act.ours(issue)[0]?.body ?? "")).toBe(shown);
  });

  it("reads a comment of 65,536 characters, and one of as many slashes", async () => {
    const command = "/agent help\n";
    const long = await w.act.openIssue();
    await w.act.say(w.maintainer, long, `${"a".repeat(65_535 - command.length)}\n${command}`);
    await w.act.shown(long, /what can be asked/);
    const issue = await w.act.openIssue();
    await w.act.say(w.maintainer, issue, `/agent ${"/".repeat(65_000)}`, "confused");

    expect((await w.act.shown(issue, /I don't know/)).length).toBeLessThan(4_000);
  });

  it("leaves a closed issue alone", async () => {
    const issue = await w.act.openIssue();
    await w.maintainer.closeIssue(PRODUCT, issue);
    const { id } = await w.maintainer.comment(PRODUCT, issue, "/agent");
    await w.act.settled();

    expect([w.act.ours(issue), w.act.reactions(issue, id)]).toEqual([[], []]);
  });

  it("keeps GitHub's contract", () => {
    expect(w.world.github.violations()).toEqual([]);
  });
});

/** Longer than a person waits before they cancel it. */
const SLOW: Script = [{ run: "sleep 120" }];

describe("commands, while a job runs and after", () => {
  let world: World;
  let act: ReturnType<typeof acting>;
  let script: Script = SLOW;
  let issue = 0;
  beforeAll(async () => {
    world = await createWorld({ product: { files: sampleFiles() }, script: () => script });
    act = acting(world);
    await world.app.start();
    issue = await act.openIssue();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** How far a job has come when it is cancelled is a matter of moments, and what attempts cost is learned from. */
  const priceless = (text: string) => text.replace(/\$\d[\d.]*/g, "$N").replace(/refused \| [^|]+ \|/, "refused | CHECKS |");

  it("cancels the run of a job at work, which reports what it has used", async () => {
    await act.say(world.maintainer, issue, "/agent");
    await act.until(() => world.model.requests().some(({ turn }) => turn === 0), "the model's first turn", 90_000);
    await act.say(world.maintainer, issue, "/agent cancel");

    await golden(priceless(await act.shown(issue, CANCELLED, 90_000)), "cancel-running");
    await world.runner?.idle();
    expect(world.github.runs(RUNNER).map(({ conclusion }) => conclusion)).toEqual(["cancelled"]);
  }, 200_000);

  it("does it afresh, to a pull request", async () => {
    script = sampleScript();
    await act.say(world.maintainer, issue, "/agent retry fresh");

    await golden(priceless(await act.shown(issue, /is ready for review/, 150_000)), "retry-solved");
    expect(await world.github.pulls(PRODUCT)).toHaveLength(1);
  }, 200_000);

  it("has nothing left to cancel, and begins no second one while that is open", async () => {
    await act.say(world.maintainer, issue, "/agent cancel", "confused");
    await act.shown(issue, /nothing is under way here/);
    await act.say(world.maintainer, issue, "/agent", "confused");

    await golden(priceless(await act.shown(issue, /is open for this/)), "pull-open");
    expect(await world.github.pulls(PRODUCT)).toHaveLength(1);
  });

  it("leaves no lease and no hold behind, and keeps GitHub's contract", async () => {
    await world.runner?.idle();
    await world.app.stop();
    const { db, close } = await connectEmbedded(join(world.dataDir, "store"));
    const tasks = await db.selectFrom("tasks").select("state").orderBy("created_at").execute();
    const leases = await db.selectFrom("leases").select("state").orderBy("created_at").execute();
    const holds = await db.selectFrom("holds").selectAll().execute();
    await close();

    expect(tasks.map(({ state }) => state)).toEqual(["cancelled", "solved"]);
    expect(leases.map(({ state }) => state)).toEqual(["settled", "settled"]);
    expect(holds).toEqual([]);
    expect(world.github.violations()).toEqual([]);
  });
});

describe("twenty commands in twenty seconds", () => {
  it("get their reactions without a queue", async () => {
    await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), runner: false });
    const act = acting(world);
    await world.app.start();
    const took = async (words: string) => {
      const issue = await act.openIssue();
      const began = performance.now();
      await act.say(world.maintainer, issue, words, words === "/agent status" ? "confused" : "+1");
      return performance.now() - began;
    };
    // Who may and which policy are read once, as they are in an organisation at work.
    await took("/agent help");
    const lone = [await took("/agent"), await took("/agent plan"), await took("/agent status"), await took("/agent help")];
    const twenty = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        await sleep(1_000 * at);
        return took(["/agent", "/agent plan", "/agent status", "/agent help"][at % 4] ?? "");
      }),
    );

    const [p95, alone] = [twenty.toSorted((a, b) => a - b)[18] ?? 0, Math.max(...lone)];
    process.stdout.write(`a command's reaction: p95 of 20 ${p95.toFixed(0)} ms, alone up to ${alone.toFixed(0)} ms\n`);
    // Two seconds are promised, and held to on a machine at leisure. One that a lone command keeps waiting is busy with something
    // else; a queue that spaces what it writes by three seconds, as Probot's own does, keeps the last waiting for 40 more there too.
    expect(p95).toBeLessThan(Math.max(2_000, 4 * alone));
    expect(world.github.violations()).toEqual([]);
  }, 120_000);
});

describe("the tests of commands", () => {
  it("have said every form there is", () => {
    const known = FORMS.map(({ form }) => new RegExp(`^${form.replace(/WORDS? …/, ".+").replace(/SIZE|NAME/, "\\S+")}$`));

    expect(known.filter((form) => !said.some((words) => form.test(words)))).toEqual([]);
  });
});
