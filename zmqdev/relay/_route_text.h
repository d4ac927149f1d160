/* Patterns and the hashes of keys, the same as in routing/pattern.py and routing/rendezvous.py.
 * This file knows neither libzmq nor Python.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const unsigned char *bytes;
    size_t size;
} span_t;

/* The text between two stars. Where `any` has a 1, every byte matches; it may be NULL. */
typedef struct {
    span_t text;
    const unsigned char *any;
} segment_t;

typedef struct {
    segment_t *segments;
    size_t count;
} pattern_t;

static bool same(const unsigned char *one, const unsigned char *other, size_t size)
{
    return !size || !memcmp(one, other, size);
}

/* Return whether the segment matches at `at`, where there are enough bytes. */
static bool fits(const segment_t *segment, const unsigned char *at)
{
    if (!segment->any) return same(segment->text.bytes, at, segment->text.size);
    for (size_t i = 0; i < segment->text.size; i++)
        if (!segment->any[i] && segment->text.bytes[i] != at[i]) return false;
    return true;
}

/* Return the first place from `at` where it matches and ends by `end`; NULL for none. */
static const unsigned char *find(
    const segment_t *segment, const unsigned char *at, const unsigned char *end)
{
    size_t size = segment->text.size;
    for (; at <= end && (size_t)(end - at) >= size; at++) {
        if (!segment->any && size) {
            at = memchr(at, segment->text.bytes[0], (size_t)(end - at) - size + 1);
            if (!at) return NULL;
        }
        if (fits(segment, at)) return at;
    }
    return NULL;
}

/* Return whether the pattern matches; `taken` is what its first star matched, empty without one. */
static bool matches(const pattern_t *pattern, span_t data, span_t *taken)
{
    const segment_t *first = pattern->segments, *last = first + pattern->count - 1;
    *taken = (span_t){data.bytes, 0};
    if (data.size < first->text.size || !fits(first, data.bytes)) return false;
    if (first == last) return data.size == first->text.size;
    if (data.size - first->text.size < last->text.size) return false;
    const unsigned char *at = data.bytes + first->text.size;
    const unsigned char *end = data.bytes + data.size - last->text.size, *star_end = NULL;
    taken->bytes = at;
    for (const segment_t *segment = first + 1; segment < last; segment++) {
        const unsigned char *found = find(segment, at, end);
        if (!found) return false;
        if (!star_end) star_end = found;
        at = found + segment->text.size;
    }
    taken->size = (size_t)((star_end ? star_end : end) - taken->bytes);
    return fits(last, end);
}

/* Return whether it matches exactly the data that begin with certain bytes. */
static bool is_prefix(const pattern_t *pattern)
{
    const segment_t *segments = pattern->segments;
    bool begins = segments[0].text.size && !segments[0].any;
    return begins && pattern->count == 2 && !segments[1].text.size;
}

/* ---- hashes ---- */

static uint64_t fnv1a(span_t data)
{
    uint64_t value = 0xCBF29CE484222325u;
    for (size_t at = 0; at < data.size; at++) value = (value ^ data.bytes[at]) * 0x100000001B3u;
    return value;
}

/* The finisher of MurmurHash3. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCDu;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53u;
    return value ^ value >> 33;
}

static uint64_t load(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

/* Return eight bytes as a little-endian number. */
static uint64_t number_at(const unsigned char *at)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return load(at, 8);
#else
    return __builtin_bswap64(load(at, 8));
#endif
}

/* Return the first eight bytes as a little-endian number, filled up with zeros. */
static uint64_t head_of(span_t data)
{
    if (data.size >= 8) return number_at(data.bytes);
    uint64_t value = 0;
    for (size_t at = 0; at < data.size; at++) value |= (uint64_t)data.bytes[at] << 8 * at;
    return value;
}

/* Return the head of the first `size` bytes of data with this head. */
static uint64_t cut(uint64_t head, size_t size)
{
    return size < 8 ? head & ((UINT64_C(1) << 8 * size) - 1) : head;
}

/* Return a fast hash of bytes and their head, for a table in memory only. It takes eight bytes at a
 * time; the last eight may overlap the ones before. */
static uint64_t quick(uint64_t head, span_t data)
{
    uint64_t value = (head ^ data.size) * 0xD6E8FEB86659FD93u;
    for (size_t at = 8; at < data.size; at += 8) {
        size_t from = at + 8 <= data.size ? at : data.size - 8;
        value = (value ^ value >> 32 ^ number_at(data.bytes + from)) * 0xD6E8FEB86659FD93u;
    }
    return value ^ value >> 32;
}
