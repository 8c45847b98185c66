/** Sessions with a text of their own. */
export const OTHERS = ['one', 'two', 'three'] as const;
/** Sessions that a visit deletes at its end. */
export const DELETED = ['one', 'copy', 'two', 'three', 'four', 'five'] as const;
/** Bytes that may be stored where there is a budget: room for the book, but not for all others beside it. */
export const DISK = 2_000_000;
