import assert from "node:assert/strict";
import { test } from "node:test";
import { exportCustomers } from "../src/export.js";
import { pageCount } from "../src/pages.js";

function crmWith(count) {
  const customers = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    name: `Customer ${index + 1}`,
    email: `c${index + 1}@example.com`,
  }));
  return async (page, pageSize) => ({
    items: customers.slice((page - 1) * pageSize, page * pageSize),
    total: customers.length,
  });
}

test("a name with a comma is quoted", async () => {
  const listCustomers = async () => ({ items: [{ id: 1, name: "Lovelace, Ada", email: "ada@example.com" }], total: 1 });

  const csv = await exportCustomers({ listCustomers });

  assert.equal(csv, 'id,name,email\n1,"Lovelace, Ada",ada@example.com\n');
});

test("full pages are exported", async () => {
  const csv = await exportCustomers({ listCustomers: crmWith(200), pageSize: 100 });

  assert.equal(csv.trimEnd().split("\n").length, 1 + 200);
});

test("the last page is exported when it is not full", async () => {
  const csv = await exportCustomers({ listCustomers: crmWith(250), pageSize: 100 });

  assert.equal(csv.trimEnd().split("\n").length, 1 + 250);
});

test("a page size that makes no sense is refused", () => {
  assert.throws(() => pageCount(10, 0), RangeError);
});
