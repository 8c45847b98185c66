// Arguments of kernels whose work is split into items: 32-bit words in memory, read by every thread.

// @ts-ignore: decorator
@inline
export function word(args: usize, index: usize): i32 {
  return load<i32>(args + (index << 2));
}

// @ts-ignore: decorator
@inline
export function address(args: usize, index: usize): usize {
  return <usize>load<u32>(args + (index << 2));
}

// @ts-ignore: decorator
@inline
export function number(args: usize, index: usize): f32 {
  return load<f32>(args + (index << 2));
}
