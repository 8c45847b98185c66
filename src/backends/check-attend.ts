import { type AttendOptions, carryWidth, type KvLayer, PAGE, type Plan, type Tensor } from './backend.js';
import { demand } from './kv-shape.js';
import { shape } from './shapes.js';

/** What is wrong with the arguments of `attend`, if anything is: most calls are of one row, and made by the dozen. */
const faultOf = (out: Tensor, q: Tensor, kv: KvLayer, plan: Plan, how: AttendOptions): string | undefined => {
  const { kvHeads, keyDim, valueDim } = kv.shape;
  const { lists, tiles } = plan;
  const { rows } = tiles;
  const { logSumExp, window = 1, softcap = 0, pass } = how;
  const heads = q.cols / keyDim;
  const end = tiles.position + rows;
  if (!Number.isInteger(heads) || q.rows !== rows || out.rows !== rows || out.cols !== heads * valueDim)
    return `attend got ${shape(out)} and ${shape(q)}.`;
  if (lists !== 1 && lists !== kvHeads) return `A plan of ${lists} lists met ${kvHeads} heads.`;
  if (end > kv.pages * PAGE) return `${kv.pages} pages were read up to ${end}.`;
  if (logSumExp && (logSumExp.rows !== rows || logSumExp.cols !== heads))
    return `logSumExp must be (${rows} × ${heads}).`;
  if (!(window >= 1 && Number.isInteger(window))) return `A window of ${window} keys was asked for.`;
  if (!(softcap >= 0 && Number.isFinite(softcap))) return `Logits were to be capped at ${softcap}.`;
  if (!pass) return undefined;
  const { from, to, carry } = pass;
  const width = carryWidth(kv.shape);
  if (!(from >= 0 && from % PAGE === 0 && to >= from && (to % PAGE === 0 || to === Infinity)))
    return `Keys from ${from} to ${to} were asked for; passes are cut between pages of ${PAGE}.`;
  if (carry.rows !== rows * heads || carry.cols !== width)
    return `carry must be (${rows * heads} × ${width}).`;
  return undefined;
};

/** Kernels trust these: throws `internal` where shapes, plan, window, cap or pass do not fit each other. */
export const checkAttend = (...call: Parameters<typeof faultOf>): void => {
  const fault = faultOf(...call);
  if (fault !== undefined) demand(false, fault);
};
