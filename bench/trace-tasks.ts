/** One task of a page's main thread: milliseconds of the processor, and in words what took them. */
export interface Task {
  readonly milliseconds: number;
  readonly causes: string;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly data?: Record<string, unknown> };
}

const CAUSES = 4;

/** What an event is about: a function and its file, the type of an event, or its own name. */
const nameOf = ({ name, args }: TraceEvent): string => {
  const { functionName, url, type } = args?.data ?? {};
  const file = typeof url === 'string' && url !== '' ? url.replace(/.*\//, '') : '';
  if (typeof functionName === 'string') return `${functionName || 'a function'} ${file}`.trim();
  if (name === 'EventDispatch') return `${name} ${type}`;
  return `${name} ${file}`.trim();
};

/** Own time of the events within a task, those that take most first. */
const causesOf = (task: TraceEvent, inside: readonly TraceEvent[]): string => {
  const own = new Map<string, number>();
  const add = (event: TraceEvent, time: number): void => {
    own.set(nameOf(event), (own.get(nameOf(event)) ?? 0) + time);
  };
  const open: TraceEvent[] = [task];
  add(task, timeOf(task));
  for (const event of inside) {
    while (event.ts >= endOf(open.at(-1)!) && open.length > 1) open.pop();
    add(event, timeOf(event));
    add(open.at(-1)!, -timeOf(event));
    open.push(event);
  }
  return [...own]
    .sort((a, b) => b[1] - a[1])
    .slice(0, CAUSES)
    .filter(([, time]) => time >= 0.5)
    .map(([name, time]) => `${name.replace('RunTask', 'the rest')} ${time.toFixed(1)}`)
    .join(', ');
};

const timeOf = ({ dur = 0, tdur = dur }: TraceEvent): number => tdur / 1000;
const endOf = ({ ts, dur = 0 }: TraceEvent): number => ts + dur;

/** How many tasks the thread had that set a mark, and the `most` longest of them, the longest first. */
export const readTrace = (
  trace: Buffer,
  mark: string,
  most: number,
): { readonly count: number; readonly longest: readonly Task[] } => {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: readonly TraceEvent[] };
  const own = traceEvents.filter(({ name }) => name === mark).at(-1);
  if (!own) throw new Error(`The trace has no mark ${mark}.`);
  const all = traceEvents
    .filter(({ pid, tid, ph }) => pid === own.pid && tid === own.tid && ph === 'X')
    .sort((a, b) => a.ts - b.ts || endOf(b) - endOf(a));
  const isTask = ({ name }: TraceEvent): boolean => name === 'RunTask';
  const tasks = all.filter(isTask).sort((a, b) => timeOf(b) - timeOf(a));
  const within = (task: TraceEvent): TraceEvent[] =>
    all.filter((event) => !isTask(event) && event.ts >= task.ts && endOf(event) <= endOf(task));
  return {
    count: tasks.length,
    longest: tasks
      .slice(0, most)
      .map((task) => ({ milliseconds: timeOf(task), causes: causesOf(task, within(task)) })),
  };
};
