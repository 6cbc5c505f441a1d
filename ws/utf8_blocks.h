/*
 * The check of utf8_vector.c for blocks of WIDTH bytes; included once for each
 * width. The file that does so says how to LOOKUP() each byte of a block in a
 * table, to SUBTRACT() down to 0, and whether a block HAS_HIGH() bits.
 */
#define block WITH_WIDTH(block)
#define load WITH_WIDTH(load)
#define load_table WITH_WIDTH(load_table)
#define faults WITH_WIDTH(faults)
#define is_ascii WITH_WIDTH(is_ascii)
#define has_fault WITH_WIDTH(has_fault)

typedef uint8_t block __attribute__((vector_size(WIDTH)));

TARGET static inline block load(const uint8_t *data) {
  block b;
  memcpy(&b, data, sizeof(b));
  return b;
}

/* A lookup of 32 bytes is two of 16. */
TARGET static inline block load_table(const uint8_t table[16]) {
  uint8_t bytes[WIDTH];
  memcpy(bytes, table, 16);
  memcpy(bytes + WIDTH - 16, table, 16);
  return load(bytes);
}

/*
 * What is wrong at each byte of a block, seen from the three before it. The
 * third place after E0 and above and the fourth after F0 and above are those
 * where 10...... has to follow 10......, and only those; less 60 or 70, what
 * stands two or three places before shows it in the highest bit.
 */
TARGET static inline block faults(const uint8_t *data) {
  block first = load(data - 1);
  block pairs = LOOKUP(load_table(first_high), first >> 4) &
                LOOKUP(load_table(first_low), first & 0x0f) &
                LOOKUP(load_table(second_high), load(data) >> 4);
  block places = SUBTRACT(load(data - 2), 0xe0 - CONTINUED) |
                 SUBTRACT(load(data - 3), 0xf0 - CONTINUED);
  return pairs ^ (places & CONTINUED);
}

/* True for 64 bytes and the three before them. */
TARGET static inline bool is_ascii(const uint8_t *data) {
  block all = load(data - 3);
  size_t i;
  for (i = 0; i < 64; i += WIDTH) {
    all |= load(data + i);
  }
  return !HAS_HIGH(all);
}

TARGET static bool has_fault(const uint8_t *data, size_t from, size_t len) {
  block found = {0};
  size_t i;
  size_t k;
  for (i = from; i + 64 <= len; i += 64) {
    if (is_ascii(data + i)) {
      continue;
    }
    for (k = 0; k < 64; k += WIDTH) {
      found |= faults(data + i + k);
    }
  }
  for (; i + WIDTH <= len; i += WIDTH) {
    found |= faults(data + i);
  }
  if (i < len) { /* some bytes a second time */
    found |= faults(data + len - WIDTH);
  }
  return HAS_HIGH(found != 0);
}

#undef block
#undef load
#undef load_table
#undef faults
#undef is_ascii
#undef has_fault
#undef WIDTH
#undef WITH_WIDTH
#undef TARGET
#undef LOOKUP
#undef SUBTRACT
#undef HAS_HIGH
