// What a plan adds to the logits of its ranges' keys, like them in units of ln 2: n lets each key count for 2ⁿ. Plans
// without lifts never come here, and keep their bits.

/** The lift of a range, for keys [from, to) of a block. */
export function liftBlock(block: usize, from: i32, to: i32, lift: f32): void {
  for (; from < to; from++) store<f32>(block + (<usize>from << 2), lift);
}

/** logits += lifts, `bytes` of them, for each of `count` queries `stride` bytes apart. */
export function addLifts(logits: usize, stride: usize, count: i32, lifts: usize, bytes: usize): void {
  for (const end = logits + <usize>count * stride; logits < end; logits += stride) {
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(logits + at, f32x4.add(v128.load(logits + at), v128.load(lifts + at)));
    }
  }
}
