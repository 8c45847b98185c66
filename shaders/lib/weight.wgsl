// Where the words of a weight's rows lie in the buffer of a slice. Rows stand in panels of `panel` (64, or all there are):
// word w of `width` words of every row of a panel lie side by side, so that neighbouring threads read neighbouring words.
// First all rows' codes, then their halves (f16 scales and minimums), then small (int8) scales and minimums.
struct Layout {
  panel: u32,      // rows in a panel
  codeWords: u32,  // of a row
  halfWords: u32,
  smallWords: u32,
  halvesAt: u32,   // words before the halves of the first row
  smallsAt: u32,
}

fn word_at(section: u32, panel: u32, width: u32, row: u32, word: u32) -> u32 {
  return section + ((row / panel) * width + word) * panel + row % panel;
}

fn signed_byte(word: u32, byte: u32) -> i32 {
  return i32(word << (24u - 8u * byte)) >> 24u;
}
