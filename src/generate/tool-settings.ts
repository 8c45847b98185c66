/** Whether the tools of a session may be, or must be, called. */
export interface ToolSettings {
  /**
   * `auto` (default): the model may call a tool, and a call that it begins is of its schema. `none`: it may not. `required`: it
   * calls at least one; `{ name }`: this one. Default `none` beside `schema`, `pattern`, `grammar` and `begin`.
   */
  readonly toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string };
  /** Several calls in one answer. Default true; some models' templates know one only, and then it is one. */
  readonly parallelCalls?: boolean;
}
