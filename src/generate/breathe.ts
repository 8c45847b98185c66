const waiting: (() => void)[] = [];
let turn: MessagePort | undefined;

/** One channel for everybody: to make and to close one costs more than the turn. Messages come in the order they were sent. */
const openChannel = (): MessagePort => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()!();
  return port2;
};

/** Lets the event loop turn once, so that an abort that is on its way arrives. Cheaper than a timer. */
export const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    waiting.push(resolve);
    turn ??= openChannel();
    turn.postMessage(null);
  });
