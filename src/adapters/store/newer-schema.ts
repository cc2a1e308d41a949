export class NewerSchema extends Error {
  constructor(detail: string) {
    super(`the database was written by a newer agent-pool (${detail}); start that version, or restore a backup made by this one`);
  }
}
