/** The cut of GitHub's OpenAPI in `contract/rest.json`. Schemas are OpenAPI 3.0's, with `nullable` and no prose. */
export type ContractSchema = { readonly [keyword: string]: unknown };

export type ContractParameter = {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: ContractSchema;
};

export type ContractOperation = {
  readonly operationId: string;
  readonly parameters: readonly ContractParameter[];
  readonly body?: { readonly required: boolean; readonly schema: ContractSchema };
  /** By status; null where the answer has no body. */
  readonly responses: Readonly<Record<string, ContractSchema | null>>;
};

export type RestContract = {
  /** By route: `GET /repos/{owner}/{repo}`. */
  readonly operations: Readonly<Record<string, ContractOperation>>;
  readonly schemas: Readonly<Record<string, ContractSchema>>;
};
