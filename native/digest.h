/* The compression of BLAKE3 for as many inputs at once as this machine has lanes: 16 with AVX-512, 8 with AVX2, else 4.

   Rules: chosen when it runs, not when it is compiled, so that one build suits every machine of its kind. */

#ifndef WATCHKEEP_DIGEST_H
#define WATCHKEEP_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "digest.h loads words as they lie in memory: teach it this machine's byte order"
#endif

enum { DIGEST_BLOCK = 64 };

/* One node of a tree: a piece of at most 1024 bytes, or two digests of 32. */
struct digest_input {
    const unsigned char *data;
    size_t size;
    uint64_t counter;
    uint32_t flags; /* of every block */
    uint32_t first; /* of the first one as well */
    uint32_t last;  /* of the last one as well */
    unsigned char *out;
};

static const uint32_t digest_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#define DIGEST_TURN(word, by) ((word) >> (by) | (word) << (32 - (by)))
#define DIGEST_MIX(a, b, c, d, x, y) \
    s[a] += s[b] + m[x]; s[d] = DIGEST_TURN(s[d] ^ s[a], 16); s[c] += s[d]; s[b] = DIGEST_TURN(s[b] ^ s[c], 12); \
    s[a] += s[b] + m[y]; s[d] = DIGEST_TURN(s[d] ^ s[a], 8); s[c] += s[d]; s[b] = DIGEST_TURN(s[b] ^ s[c], 7);
#define DIGEST_ROUND(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15) \
    DIGEST_MIX(0, 4, 8, 12, i0, i1) DIGEST_MIX(1, 5, 9, 13, i2, i3) DIGEST_MIX(2, 6, 10, 14, i4, i5) DIGEST_MIX(3, 7, 11, 15, i6, i7) \
    DIGEST_MIX(0, 5, 10, 15, i8, i9) DIGEST_MIX(1, 6, 11, 12, i10, i11) DIGEST_MIX(2, 7, 8, 13, i12, i13) DIGEST_MIX(3, 4, 9, 14, i14, i15)

#define DIGEST_UNROLL _Pragma("GCC unroll 16")
#define DIGEST_LOW(lane, lanes, step) (lane) & (step) ? (lanes) + (lane) - (step) : (lane)
#define DIGEST_HIGH(lane, lanes, step) (lane) & (step) ? (lanes) + (lane) : (lane) + (step)
#define DIGEST_EACH(of, n, s) \
    {of(0, n, s), of(1, n, s), of(2, n, s), of(3, n, s), of(4, n, s), of(5, n, s), of(6, n, s), of(7, n, s), \
     of(8, n, s), of(9, n, s), of(10, n, s), of(11, n, s), of(12, n, s), of(13, n, s), of(14, n, s), of(15, n, s)}

#define LANES 4
#define TARGET
#define NAME(what) digest_##what##_4
#define VECTOR digest_vector_4
#include "digest_lanes.h"

#ifdef __x86_64__

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define NAME(what) digest_##what##_8
#define VECTOR digest_vector_8
#include "digest_lanes.h"

#define LANES 16
#define TARGET __attribute__((target("avx512f")))
#define NAME(what) digest_##what##_16
#define VECTOR digest_vector_16
#include "digest_lanes.h"

static int digest_width(void)
{
    return __builtin_cpu_supports("avx512f") ? 16 : __builtin_cpu_supports("avx2") ? 8 : 4;
}

/* At most `width` inputs, and a width of at most digest_width(). */
static void digest_compress(const struct digest_input *inputs, size_t count, int width)
{
    if (width == 16)
        digest_compress_16(inputs, count);
    else if (width == 8)
        digest_compress_8(inputs, count);
    else
        digest_compress_4(inputs, count);
}

#else

static int digest_width(void)
{
    return 4;
}

static void digest_compress(const struct digest_input *inputs, size_t count, int width)
{
    (void) width;
    digest_compress_4(inputs, count);
}

#endif
#endif
