import type { Row } from "./series.ts";

const [OURS, THEIRS] = ["#1f6feb", "#8c959f"];
const [WIDTH, ROW, LEFT, RIGHT] = [760, 18, 170, 60];

/** Aborts and wasted work of every policy, one panel a scenario and load: bars on a logarithmic scale, least first. */
export function renderPlot(rows: readonly Row[]): string {
  const panels = [...Map.groupBy(rows, ({ scenario, load }) => `${scenario}, load ${String(load)}`)];
  let y = 10;
  const parts = panels.map(([title, found]) => {
    const bars = found.filter(({ policy }) => policy !== "bound").toSorted((a, b) => a.abortsPer100 - b.abortsPer100);
    const panel = renderPanel(title, bars, y);
    y += 46 + bars.length * ROW;
    return panel;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function renderPanel(title: string, rows: readonly Row[], top: number): string {
  const half = (WIDTH - LEFT - 2 * RIGHT) / 2;
  const bar = (value: number, most: number) => (half * Math.log10(1 + 100 * value)) / Math.log10(1 + 100 * most);
  const mostAborts = Math.max(1, ...rows.map(({ abortsPer100 }) => abortsPer100));
  const mostWasted = Math.max(0.01, ...rows.map(({ wastedShare }) => wastedShare)) * 100;
  const second = LEFT + half + RIGHT;
  const head = [
    text(10, top + 14, title, "start", "bold"),
    text(LEFT, top + 32, "aborts per 100 jobs (log)"),
    text(second, top + 32, "work wasted, % (log)"),
  ];
  return [
    ...head,
    ...rows.flatMap(({ policy, abortsPer100, wastedShare }, at) => {
      const y = top + 40 + at * ROW;
      const colour = policy === "paced" ? OURS : THEIRS;
      const [aborts, wasted] = [bar(abortsPer100, mostAborts), bar(wastedShare * 100, mostWasted)];
      return [
        text(LEFT - 8, y + 12, policy, "end"),
        `<rect x="${LEFT}" y="${y + 2}" width="${aborts.toFixed(1)}" height="13" fill="${colour}"/>`,
        text(LEFT + aborts + 4, y + 12, abortsPer100.toFixed(2)),
        `<rect x="${second}" y="${y + 2}" width="${wasted.toFixed(1)}" height="13" fill="${colour}"/>`,
        text(second + wasted + 4, y + 12, (wastedShare * 100).toFixed(1)),
      ];
    }),
  ].join("\n");
}

function text(x: number, y: number, content: string, anchor = "start", weight = "normal"): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" font-weight="${weight}">${safe}</text>`;
}
