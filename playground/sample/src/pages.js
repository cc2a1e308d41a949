/**
 * How many pages a list of `total` items has.
 *
 * @param {number} total
 * @param {number} pageSize
 */
export function pageCount(total, pageSize) {
  if (!Number.isInteger(pageSize) || pageSize < 1) {
    throw new RangeError(`pageSize must be a positive integer, not ${pageSize}`);
  }
  return Math.floor(total / pageSize);
}

/**
 * All items of a paged list. Pages are numbered from 1; the first one tells how many items there are.
 *
 * @template T
 * @param {(page: number, pageSize: number) => Promise<{ items: T[], total: number }>} fetchPage
 * @param {number} pageSize
 * @returns {AsyncGenerator<T>}
 */
export async function* allItems(fetchPage, pageSize) {
  const first = await fetchPage(1, pageSize);
  yield* first.items;
  for (let page = 2; page <= pageCount(first.total, pageSize); page += 1) {
    const { items } = await fetchPage(page, pageSize);
    yield* items;
  }
}
