/** What happens next: a binary heap by time; what was added first comes first at one instant. */
export type Agenda<Event> = {
  readonly add: (at: number, event: Event) => void;
  readonly next: () => { readonly at: number; readonly event: Event } | undefined;
};

export function makeAgenda<Event>(): Agenda<Event> {
  type Entry = { at: number; order: number; event: Event };
  const heap: Entry[] = [];
  let order = 0;
  const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);
  return {
    add(at, event) {
      const entry = { at, order: order++, event };
      let here = heap.length;
      heap.push(entry);
      while (here > 0) {
        const above = (here - 1) >> 1;
        const parent = heap[above];
        if (parent === undefined || !isBefore(entry, parent)) break;
        heap[here] = parent;
        here = above;
      }
      heap[here] = entry;
    },
    next() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      let here = 0;
      for (;;) {
        const [left, right] = [heap[2 * here + 1], heap[2 * here + 2]];
        const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
        if (child === undefined || !isBefore(child, last)) break;
        const below = child === left ? 2 * here + 1 : 2 * here + 2;
        heap[here] = child;
        here = below;
      }
      heap[here] = last;
      return first;
    },
  };
}
