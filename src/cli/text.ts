import { formatUsd, MINUTE_MS, MicroUsd, SECOND_MS } from "#core/wire/units.ts";

/** Words and figures as the command line prints them. */

const BAR = 20;

/** `████████░░░░▒▒▒▒▒▒▒▒`: used, held, and what is kept for its owner at the end. Unknown is dots. */
export function bar(used: number | null, held: number | null, kept: number): string {
  if (used === null) return "·".repeat(BAR);
  const cells = (share: number) => Math.round(Math.min(1, Math.max(0, share)) * BAR);
  const full = cells(used);
  const reserved = Math.min(BAR - full, cells(held ?? 0));
  const owners = Math.min(BAR - full - reserved, cells(kept));
  return "█".repeat(full) + "▓".repeat(reserved) + "░".repeat(BAR - full - reserved - owners) + "▒".repeat(owners);
}

export function percent(share: number | null): string {
  return share === null ? "unknown" : `${String(Math.round(share * 100))}%`;
}

/** `3 h 20 min`, of a span. */
export function span(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS);
  if (ms < MINUTE_MS) return `${String(Math.max(0, Math.round(ms / SECOND_MS)))} s`;
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${String(hours)} h ${String(minutes - hours * 60)} min`;
  return `${String(Math.round(hours / 24))} days`;
}

export function usd(amount: number): string {
  return formatUsd(MicroUsd(Math.round(amount)));
}

/** What `parseArgs` throws, in one line. */
export function wrongOptions(error: unknown, command: string): string {
  return `${error instanceof Error ? error.message.split("\n")[0] : "wrong options"}; see ${command} --help`;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((wide, row) => row.map((cell, at) => Math.max(wide[at] ?? 0, cell.length)), []);
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
