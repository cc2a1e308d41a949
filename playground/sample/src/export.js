import { allItems } from "./pages.js";

const COLUMNS = ["id", "name", "email"];

/**
 * Every customer as CSV, with a header line.
 *
 * @param {{ listCustomers: Function, pageSize?: number }} options
 */
export async function exportCustomers({ listCustomers, pageSize = 100 }) {
  const lines = [COLUMNS.join(",")];
  for await (const customer of allItems(listCustomers, pageSize)) {
    lines.push(COLUMNS.map((column) => quote(customer[column])).join(","));
  }
  return `${lines.join("\n")}\n`;
}

function quote(value) {
  const text = String(value ?? "");
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
