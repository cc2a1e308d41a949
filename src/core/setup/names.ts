/** The owner's part of `owner/name`, as it is compared. Pure. */
export function ownerOf(repository: string): string {
  return (repository.split("/")[0] ?? "").toLowerCase();
}
