// What a workgroup of a product has: a thread for each of its outputs, and of those four rows each, or eight.
override OUTPUTS: u32 = 64;
override QUADS: u32 = 1; // 1 or 2
