import { expect, test, vi } from 'vitest';
import { whenQuiet } from '../../../src/kv/when-quiet.js';

test('waits until nobody was at work for a while, and is done once', async () => {
  vi.useFakeTimers();
  try {
    const work = vi.fn(async () => undefined);
    const quiet = whenQuiet(work, 100);
    for (let n = 0; n < 5; n++) {
      vi.advanceTimersByTime(99);
      quiet.notYet();
    }
    expect(work).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(work).toHaveBeenCalledTimes(1);
    quiet.notYet();
    vi.advanceTimersByTime(1000);
    await quiet.now();
    expect(work).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});

test('who needs it done has it done at once, and hears how it ended', async () => {
  const quiet = whenQuiet(async () => {
    throw new Error('no room');
  });
  await expect(quiet.now()).rejects.toThrow('no room');
  await expect(quiet.now()).rejects.toThrow('no room');
});
