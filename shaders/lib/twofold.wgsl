// Numbers of twice the precision of f32: a sum of two, the first of them the nearest f32 (Dekker 1971, Knuth's two-sum).
// A compiler that reorders sums leaves f32's precision, no less.
fn sum_of(a: f32, b: f32) -> vec2f {
  let s = a + b;
  let part = s - a;
  return vec2f(s, (a - (s - part)) + (b - part));
}

fn product_of(a: f32, b: f32) -> vec2f {
  let p = a * b;
  let shiftedA = a * 4097.0;
  let highA = shiftedA - (shiftedA - a);
  let lowA = a - highA;
  let shiftedB = b * 4097.0;
  let highB = shiftedB - (shiftedB - b);
  let lowB = b - highB;
  return vec2f(p, ((highA * highB - p) + highA * lowB + lowA * highB) + lowA * lowB);
}

fn twofold_sum(a: vec2f, b: vec2f) -> vec2f {
  let s = sum_of(a.x, b.x);
  return sum_of(s.x, s.y + (a.y + b.y));
}

fn twofold_product(a: vec2f, b: vec2f) -> vec2f {
  let p = product_of(a.x, b.x);
  return sum_of(p.x, p.y + (a.x * b.y + a.y * b.x));
}

// a > 0.
fn twofold_root(a: vec2f) -> vec2f {
  let root = sqrt(a.x);
  let square = product_of(root, root);
  let rest = twofold_sum(a, -square);
  return sum_of(root, rest.x / (2.0 * root));
}

fn twofold_quotient(a: vec2f, b: vec2f) -> vec2f {
  let first = a.x / b.x;
  let rest = twofold_sum(a, -twofold_product(vec2f(first, 0.0), b));
  let second = rest.x / b.x;
  let left = twofold_sum(rest, -twofold_product(vec2f(second, 0.0), b));
  let found = sum_of(first, second);
  return sum_of(found.x, found.y + left.x / b.x);
}
