/** What goes wrong instead of a good answer. */
export type FaultEffect =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** The provider's own error body for that status when absent. */
      readonly body?: unknown;
      readonly message?: string;
    }
  /** Never answers, or sends so many events of a good stream and then nothing more. */
  | { readonly kind: "hang"; readonly afterEvents?: number }
  /** Sends each event of a good stream after a pause. */
  | { readonly kind: "slow"; readonly pauseMs: number }
  /** Sends so many events of a good stream, then drops the connection. */
  | { readonly kind: "cut"; readonly afterEvents: number }
  /** Sends so many events, then an error event, as when a provider is overloaded in the middle. */
  | { readonly kind: "errorEvent"; readonly afterEvents: number; readonly type: string; readonly message: string };

/** Which conversation requests a fault meets. Counts are of requests that match `keys` and `models`. */
export type Fault = {
  readonly effect: FaultEffect;
  /** This many go well first. Default 0. */
  readonly after?: number;
  /** This many are met. Default 1; `Infinity` for all. */
  readonly times?: number;
  readonly keys?: readonly string[];
  readonly models?: readonly string[];
};

/** Chooses faults for requests, in the order given; counts what each has seen. */
export function makeFaults(initial: readonly Fault[]) {
  const entries = initial.map((fault) => ({ fault, seen: 0 }));

  function add(fault: Fault): void {
    entries.push({ fault, seen: 0 });
  }

  function next(request: { readonly key: string | undefined; readonly model: string }): FaultEffect | undefined {
    let effect: FaultEffect | undefined;
    for (const entry of entries) {
      const { after = 0, times = 1, keys, models } = entry.fault;
      if (keys !== undefined && (request.key === undefined || !keys.includes(request.key))) continue;
      if (models !== undefined && !models.includes(request.model)) continue;
      entry.seen += 1;
      if (entry.seen > after && entry.seen <= after + times) effect ??= entry.fault.effect;
    }
    return effect;
  }

  return { add, next };
}
