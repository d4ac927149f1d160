/* Finding one field of a JSON text by its path, reading no further than needed. The rules are those
 * of routing/json_field.py: the first of equal names, no maps or lists as values, no validation.
 */
enum { DEEPEST = 64, CHUNK = 512 };

/* A text that is read. `at` is the next byte, and never passes `end`. */
typedef struct {
    const unsigned char *at, *end;
} text_t;

/* A buffer for a string without its escapes. */
typedef struct {
    unsigned char *bytes;
    size_t room;
} buffer_t;

/* What a byte can be in JSON. */
enum { SPACE = 1, END = 2, OPENS = 4, CLOSES = 8, JOINS = 16 };
static const unsigned char json_class[256] = {
    [' '] = SPACE | END, ['\t'] = SPACE | END, ['\n'] = SPACE | END, ['\r'] = SPACE | END,
    [','] = END | JOINS, [':'] = JOINS, ['{'] = OPENS, ['['] = OPENS,
    ['}'] = END | CLOSES, [']'] = END | CLOSES,
};

/* Skip to the next byte that is no space; false at the end of the text. */
static bool skip_space(text_t *text)
{
    while (text->at < text->end && json_class[*text->at] & SPACE) text->at++;
    return text->at < text->end;
}

/* Find `byte` among eight bytes: the high bit of the first match is set, and no lower bit. */
static uint64_t equal_bytes(uint64_t word, unsigned char byte)
{
    uint64_t other = word ^ 0x0101010101010101u * byte;
    return (other - 0x0101010101010101u) & ~other & 0x8080808080808080u;
}

/* Find the first quote or backslash; `end` when there is none. Most names are short, and for them
 * eight bytes at a time are faster than a call. After that it goes in chunks, so that no byte is
 * searched again and again because of a match far away. */
static const unsigned char *string_end(const unsigned char *at, const unsigned char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (int word = 0; word < 4 && end - at >= 8; word++, at += 8) {
        uint64_t there = load(at, 8);
        uint64_t hit = equal_bytes(there, '"') | equal_bytes(there, '\\');
        if (hit) return at + __builtin_ctzll(hit) / 8;
    }
#endif
    for (size_t size; at < end; at += size) {
        size = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        const unsigned char *quote = memchr(at, '"', size);
        const unsigned char *escape = memchr(at, '\\', quote ? (size_t)(quote - at) : size);
        if (escape || quote) return escape ? escape : quote;
    }
    return end;
}

/* Skip a string, from its quote; `inner` is what is between the quotes, `escapes` whether it has
 * any escapes. */
static bool skip_string(text_t *text, span_t *inner, bool *escapes)
{
    const unsigned char *begin = ++text->at, *at = string_end(begin, text->end);
    for (*escapes = false; at < text->end && *at == '\\'; at = string_end(at + 2, text->end)) {
        *escapes = true;
        if (text->end - at < 2) return false;
    }
    if (at == text->end) return false;
    *inner = (span_t){begin, (size_t)(at - begin)};
    text->at = at + 1;
    return true;
}

static void skip_word(text_t *text)
{
    while (text->at < text->end && !(json_class[*text->at] & END)) text->at++;
}

/* Skip the value that begins here. */
static bool skip_value(text_t *text)
{
    int deep = 0;
    span_t unused;
    bool escapes;
    while (text->at < text->end) {
        unsigned char kind = json_class[*text->at];
        if (*text->at == '"') {
            if (!skip_string(text, &unused, &escapes)) return false;
        } else if (kind & OPENS) {
            text->at++;
            if (++deep > DEEPEST) return false;
        } else if (kind & CLOSES) text->at++, deep--;
        else if (kind & (JOINS | SPACE)) text->at++;
        else skip_word(text);
        if (deep <= 0) return true;
    }
    return false;
}

/* ---- strings with escapes ---- */

static int hex_digit(unsigned char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 32;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Return the number of `\uXXXX` at `at`; < 0 if it does not have four digits. */
static int hex_number(const unsigned char *at, const unsigned char *end)
{
    int value = 0;
    if (end - at < 6) return -1;
    for (int place = 2; place < 6; place++) {
        int digit = hex_digit(at[place]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Write a character as UTF-8, also half of a pair; return how many bytes. */
static size_t put_utf8(unsigned char *to, uint32_t code)
{
    if (code < 0x80) return to[0] = (unsigned char)code, 1;
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t at = size; at-- > 1; code >>= 6) to[at] = (unsigned char)(0x80 | (code & 0x3F));
    to[0] = (unsigned char)((0xF00 >> size & 0xFF) | code);
    return size;
}

/* Read the character of `\uXXXX`, or of a pair; return how many bytes it took, 0 when wrong. */
static size_t code_point(const unsigned char *at, const unsigned char *end, uint32_t *code)
{
    int high = hex_number(at, end);
    if (high < 0) return 0;
    *code = (uint32_t)high;
    if (high < 0xD800 || high >= 0xDC00 || end - at < 8 || at[6] != '\\' || at[7] != 'u') return 6;
    int low = hex_number(at + 6, end);
    if (low < 0) return 0;
    if (low < 0xDC00 || low >= 0xE000) return 6;
    *code = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return 12;
}

static int plain_escape(unsigned char letter)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? meant[found - letters] : -1;
}

/* Decode the escape at `at` into `to`; return how many bytes it took, 0 when wrong. */
static size_t unescape_one(
    const unsigned char *at, const unsigned char *end, unsigned char *to, size_t *made)
{
    uint32_t code;
    if (at[1] == 'u') {
        size_t taken = code_point(at, end, &code);
        if (taken) *made += put_utf8(to, code);
        return taken;
    }
    int byte = plain_escape(at[1]);
    if (byte < 0) return 0;
    *to = (unsigned char)byte;
    ++*made;
    return 2;
}

static bool has_room(buffer_t *buffer, size_t size)
{
    if (size <= buffer->room) return true;
    unsigned char *bytes = realloc(buffer->bytes, size);
    if (!bytes) return false;
    *buffer = (buffer_t){bytes, size};
    return true;
}

/* Decode the escapes of a string into `buffer`; false when one is wrong. The result is never longer
 * than the string. */
static bool unescape(span_t *text, buffer_t *buffer)
{
    if (!has_room(buffer, text->size)) return false;
    const unsigned char *at = text->bytes, *end = at + text->size;
    size_t made = 0;
    while (at < end) {
        size_t taken = 1;
        if (*at == '\\') taken = unescape_one(at, end, buffer->bytes + made, &made);
        else buffer->bytes[made++] = *at;
        if (!taken) return false;
        at += taken;
    }
    *text = (span_t){buffer->bytes, made};
    return true;
}

/* ---- the field ---- */

/* Read the string that begins here, without its escapes. */
static bool read_string(text_t *text, span_t *string, buffer_t *buffer)
{
    bool escapes;
    return skip_string(text, string, &escapes) && (!escapes || unescape(string, buffer));
}

/* Read a name and its colon; false when there is none here, or a wrong one. */
static bool read_name(text_t *text, span_t *name, buffer_t *buffer)
{
    if (text->at == text->end || *text->at != '"' || !read_string(text, name, buffer)) return false;
    if (!skip_space(text) || *text->at != ':') return false;
    text->at++;
    return true;
}

/* Skip to the value of `name` in the map that begins here. */
static bool enter(text_t *text, span_t name, buffer_t *buffer)
{
    span_t found;
    if (!skip_space(text) || *text->at != '{') return false;
    do {
        text->at++;
        if (!skip_space(text) || !read_name(text, &found, buffer)) return false;
        if (found.size == name.size && same(found.bytes, name.bytes, name.size)) return true;
    } while (skip_space(text) && skip_value(text) && skip_space(text) && *text->at == ',');
    return false;
}

static bool read_scalar(text_t *text, span_t *value, buffer_t *buffer)
{
    if (!skip_space(text)) return false;
    if (*text->at == '"') return read_string(text, value, buffer);
    if (json_class[*text->at] & (OPENS | CLOSES | JOINS)) return false;
    value->bytes = text->at;
    skip_word(text);
    value->size = (size_t)(text->at - value->bytes);
    return true;
}

/* Find the value at a path, in the text or in `buffer`; false when there is none. */
static bool field(span_t data, const span_t *path, size_t count, span_t *value, buffer_t *buffer)
{
    text_t text = {data.bytes, data.bytes + data.size};
    for (size_t at = 0; at < count; at++)
        if (!enter(&text, path[at], buffer)) return false;
    return read_scalar(&text, value, buffer);
}
