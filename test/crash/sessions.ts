/** Sessions that a visit deletes at its end. */
export const DELETED = ['one', 'copy', 'two', 'three'] as const;
