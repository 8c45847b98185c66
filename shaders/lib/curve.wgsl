// The int8 codes that the four nibbles in the bytes of `word` are indexes of: IQ4_NL's and IQ4_XS's table.
const CURVE = array<u32, 4>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);

fn curve(word: u32) -> u32 {
  var codes = 0u;
  for (var shift = 0u; shift < 32u; shift += 8u) {
    let index = (word >> shift) & 15u;
    codes |= ((CURVE[index >> 2u] >> ((index & 3u) * 8u)) & 0xffu) << shift;
  }
  return codes;
}
