/* The search of 00 00 01 in a byte stream, 64 bytes a step where there is none.

   Rules: 1. reads nothing outside [at, end).  2. Blocks say only where no code starts; where one does, the plain search says.
   3. Bounded: a block without a code costs at most both looks and one memchr, however many zeros and ones a camera sends.
   Vectors of the compiler, no intrinsics: the same text for every machine; wider ones gained less than a fifth of 0.4 µs a picture. */

#ifndef WATCHKEEP_START_CODE_H
#define WATCHKEEP_START_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { START_CODE = 3, START_CODE_VECTOR = 16, START_CODE_BLOCK = 64, START_CODE_REACH = START_CODE_BLOCK + START_CODE - 1 };

typedef unsigned char start_code_bytes __attribute__((vector_size(START_CODE_VECTOR)));
typedef uint16_t start_code_pairs __attribute__((vector_size(START_CODE_VECTOR)));
typedef uint64_t start_code_halves __attribute__((vector_size(START_CODE_VECTOR)));

/* Whether a code may start in the block: never no when one does, seldom yes when none does.
   Half of all pairs are enough, those that begin at odd offsets: a code at an odd offset is there as 00 00, at an even one as 00 01. */
static inline int start_code_may(const unsigned char *at)
{
    const start_code_bytes bits = {255, 254, 255, 254, 255, 254, 255, 254, 255, 254, 255, 254, 255, 254, 255, 254};
    start_code_halves found = {0, 0};
    for (int part = 0; part < START_CODE_BLOCK; part += START_CODE_VECTOR) {
        start_code_pairs pairs;
        memcpy(&pairs, at + part + 1, sizeof pairs);
        found |= (start_code_halves) ((pairs & (start_code_pairs) bits) == 0);
    }
    return (found[0] | found[1]) != 0;
}

/* Whether a code starts in the block; reads START_CODE_REACH bytes. */
static inline int start_code_does(const unsigned char *at)
{
    start_code_halves found = {0, 0};
    for (int part = 0; part < START_CODE_BLOCK; part += START_CODE_VECTOR) {
        start_code_bytes first, second, third;
        memcpy(&first, at + part, sizeof first);
        memcpy(&second, at + part + 1, sizeof second);
        memcpy(&third, at + part + 2, sizeof third);
        found |= (start_code_halves) ((first | second | (third ^ 1)) == 0);
    }
    return (found[0] | found[1]) != 0;
}

/* As start_code, from one 1 to the next. */
static const unsigned char *start_code_plain(const unsigned char *at, const unsigned char *end)
{
    while (end - at >= START_CODE) {
        const unsigned char *one = memchr(at + 2, 1, (size_t) (end - at - 2));
        if (one == NULL)
            return end;
        if (one[-1] == 0 && one[-2] == 0)
            return one - 2;
        at = one - 1;
    }
    return end;
}

/* Address of the first 00 00 01 at or after `at`; `end` when there is none. */
static const unsigned char *start_code(const unsigned char *at, const unsigned char *end)
{
    while (end - at >= START_CODE_REACH) {
        if (!start_code_may(at)) {
            at += START_CODE_BLOCK;
        } else if (start_code_does(at)) {
            break;
        } else { /* zeros seldom come alone: the next block that matters is where the next 1 is */
            const unsigned char *one = memchr(at + START_CODE_REACH, 1, (size_t) (end - at - START_CODE_REACH));
            if (one == NULL)
                return end;
            at = one - 2;
        }
    }
    return start_code_plain(at, end);
}

#endif
