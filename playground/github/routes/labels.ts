import { answer, invalid, notFound, notSupplied, textField } from "../answers.ts";
import { makeLabel, removeLabel } from "../issues.ts";
import { toLabel } from "../shapes/issue.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getLabel: RepositoryHandler = (github, { repository, params }) => {
  const label = repository.labels.get((params["name"] ?? "").toLowerCase());
  return label === undefined ? notFound() : answer(200, toLabel(github, repository, label));
};

export const createLabel: RepositoryHandler = (github, { repository, body }) => {
  const name = textField(body, "name");
  if (name === undefined) return notSupplied("name");
  if (name.trim() === "") return invalid({ resource: "Label", code: "missing_field", field: "name" });
  if (repository.labels.has(name.toLowerCase())) return invalid({ resource: "Label", code: "already_exists", field: "name" });
  const color = textField(body, "color") ?? "ededed";
  if (!/^[0-9a-f]{6}$/i.test(color)) return invalid({ resource: "Label", code: "invalid", field: "color" });
  const label = makeLabel(github, repository, { name, color, description: textField(body, "description") ?? "" });
  const shape = toLabel(github, repository, label);
  return answer(201, shape, { location: String(shape["url"]) });
};

export const deleteLabel: RepositoryHandler = (_github, { repository, params }) => {
  const label = repository.labels.get((params["name"] ?? "").toLowerCase());
  if (label === undefined) return notFound();
  removeLabel(repository, label);
  return answer(204);
};
