/* BLAKE3's compression (its paper, 2.2 and 2.3) of LANES inputs side by side: word w of every input is vector m[w], lane l is input l.
   A template: digest.h includes it once for each width, with LANES, TARGET (what the compiler may use), NAME and VECTOR defined.

   Rules: inputs may differ in length; a lane whose input has ended keeps its value.  Reads no byte beyond an input, and writes
   32 bytes to each `out` after all inputs were read.  Vectors of the compiler, no intrinsics: the same text for every machine. */

typedef uint32_t VECTOR __attribute__((vector_size(4 * LANES)));

/* LANES x LANES words: rows become columns.  At each step s the halves of every square of 2s words change places. */
#define EXCHANGE(step) \
    if (LANES > step) { \
        static const uint32_t low[16] = DIGEST_EACH(DIGEST_LOW, LANES, step), high[16] = DIGEST_EACH(DIGEST_HIGH, LANES, step); \
        VECTOR from_low, from_high; \
        memcpy(&from_low, low, sizeof from_low); \
        memcpy(&from_high, high, sizeof from_high); \
        DIGEST_UNROLL for (int at = 0; at < LANES / 2; at++) { \
            int row = at / step * 2 * step + at % step; \
            VECTOR upper = rows[row], lower = rows[(row + step) % LANES]; \
            rows[row] = __builtin_shuffle(upper, lower, from_low); \
            rows[(row + step) % LANES] = __builtin_shuffle(upper, lower, from_high); \
        } \
    }

TARGET static inline __attribute__((always_inline)) void NAME(transpose)(VECTOR *rows)
{
    EXCHANGE(8)
    EXCHANGE(4)
    EXCHANGE(2)
    EXCHANGE(1)
}

/* What the inputs' block number `block` is: where it lies, its size, its flags, and whether there is one. */
struct NAME(blocks) {
    const unsigned char *source[LANES];
    uint32_t sizes[LANES], flags[LANES], goes_on[LANES];
    unsigned char ends[LANES][DIGEST_BLOCK];
};

static void NAME(describe)(struct NAME(blocks) *blocks, const struct digest_input *inputs, size_t count, size_t block)
{
    size_t before = block * DIGEST_BLOCK;
    for (size_t lane = 0; lane < LANES; lane++) {
        const struct digest_input *input = &inputs[lane < count ? lane : 0];
        int there = block == 0 || before < input->size;
        size_t left = there ? input->size - before : 0;
        blocks->source[lane] = input->data + (there ? before : 0);
        blocks->sizes[lane] = (uint32_t) (left < DIGEST_BLOCK ? left : DIGEST_BLOCK);
        blocks->flags[lane] = input->flags | (block == 0 ? input->first : 0) | (left <= DIGEST_BLOCK ? input->last : 0);
        blocks->goes_on[lane] = there ? UINT32_MAX : 0;
        if (left < DIGEST_BLOCK) {
            memset(blocks->ends[lane], 0, DIGEST_BLOCK);
            if (left)
                memcpy(blocks->ends[lane], blocks->source[lane], left);
            blocks->source[lane] = blocks->ends[lane];
        }
    }
}

TARGET static void NAME(compress)(const struct digest_input *inputs, size_t count)
{
    struct NAME(blocks) blocks;
    uint32_t words[8][LANES], low[LANES], high[LANES];
    VECTOR value[8], m[16], s[16], goes_on;
    size_t most = 1, plain = SIZE_MAX; /* blocks of the longest input; those of the shortest that are not its last */

    for (size_t lane = 0; lane < LANES; lane++) {
        const struct digest_input *input = &inputs[lane < count ? lane : 0];
        size_t has = input->size ? (input->size + DIGEST_BLOCK - 1) / DIGEST_BLOCK : 1;
        low[lane] = (uint32_t) input->counter;
        high[lane] = (uint32_t) (input->counter >> 32);
        most = has > most ? has : most;
        plain = has - 1 < plain ? has - 1 : plain;
    }
    for (int i = 0; i < 8; i++)
        value[i] = (VECTOR) {0} + digest_iv[i];
    for (size_t block = 0; block < most; block++) {
        if (block < 2 || block >= plain)
            NAME(describe)(&blocks, inputs, count, block);
        else
            for (int lane = 0; lane < LANES; lane++)
                blocks.source[lane] += DIGEST_BLOCK;
        DIGEST_UNROLL for (int lane = 0; lane < LANES; lane++)
            DIGEST_UNROLL for (int part = 0; part < 16 / LANES; part++)
                memcpy(&m[part * LANES + lane], blocks.source[lane] + part * sizeof(VECTOR), sizeof(VECTOR));
        DIGEST_UNROLL for (int part = 0; part < 16 / LANES; part++)
            NAME(transpose)(m + part * LANES);
        for (int i = 0; i < 8; i++)
            s[i] = value[i];
        for (int i = 0; i < 4; i++)
            s[8 + i] = (VECTOR) {0} + digest_iv[i];
        memcpy(&s[12], low, sizeof low);
        memcpy(&s[13], high, sizeof high);
        memcpy(&s[14], blocks.sizes, sizeof blocks.sizes);
        memcpy(&s[15], blocks.flags, sizeof blocks.flags);
        DIGEST_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        DIGEST_ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
        DIGEST_ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
        DIGEST_ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
        DIGEST_ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
        DIGEST_ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
        DIGEST_ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
        memcpy(&goes_on, blocks.goes_on, sizeof goes_on);
        for (int i = 0; i < 8; i++)
            value[i] = ((s[i] ^ s[8 + i]) & goes_on) | (value[i] & ~goes_on);
    }
    memcpy(words, value, sizeof words);
    for (size_t lane = 0; lane < count; lane++) {
        uint32_t result[8];
        for (int i = 0; i < 8; i++)
            result[i] = words[i][lane];
        memcpy(inputs[lane].out, result, sizeof result);
    }
}

#undef EXCHANGE
#undef LANES
#undef TARGET
#undef NAME
#undef VECTOR
