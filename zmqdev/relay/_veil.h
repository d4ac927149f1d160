/* Hiding the numbers that a ROUTER gives its peers; the same as veil.py. */

enum { VEIL_ROUNDS = 6, NUMBER_SIZE = 5 };

static uint64_t veil_keys[VEIL_ROUNDS];

static uint16_t mixed(uint16_t half, uint64_t key)
{
    uint64_t value = (half + key) * 0xD6E8FEB86659FD93u;
    value ^= value >> 32;
    return (uint16_t)((value * 0xD6E8FEB86659FD93u) >> 48);
}

/* Return the four bytes of a number in its frame; NULL when it has another form. The data of such
 * a small frame is part of its zmq_msg_t and not shared. */
static unsigned char *number_of(message_t *frame)
{
    if (zmq_msg_size(frame) != NUMBER_SIZE) return NULL;
    unsigned char *bytes = zmq_msg_data(frame);
    return bytes[0] ? NULL : bytes + 1;
}

static void put_halves(unsigned char *at, uint16_t first, uint16_t second)
{
    at[0] = first >> 8, at[1] = first & 255, at[2] = second >> 8, at[3] = second & 255;
}

static void veil(message_t *frame)
{
    unsigned char *at = number_of(frame);
    if (!at) return;
    uint16_t left = (uint16_t)(at[0] << 8 | at[1]), right = (uint16_t)(at[2] << 8 | at[3]);
    for (int round = 0; round < VEIL_ROUNDS; round++) {
        uint16_t next = left ^ mixed(right, veil_keys[round]);
        left = right, right = next;
    }
    put_halves(at, right, left);
}

static void unveil(message_t *frame)
{
    unsigned char *at = number_of(frame);
    if (!at) return;
    uint16_t right = (uint16_t)(at[0] << 8 | at[1]), left = (uint16_t)(at[2] << 8 | at[3]);
    for (int round = VEIL_ROUNDS - 1; round >= 0; round--) {
        uint16_t next = right ^ mixed(left, veil_keys[round]);
        right = left, left = next;
    }
    put_halves(at, left, right);
}

/* What some numbers became, by the last byte of each: the peers of a device are mostly few, and
 * the six rounds take longer than a look. */
enum { KNOWN = 64 };
typedef struct {
    uint64_t used; /* a bit for each place */
    uint32_t from[KNOWN], to[KNOWN];
} known_t;

static inline void by_known(known_t *known, message_t *frame, void (*make)(message_t *))
{
    unsigned char *at = number_of(frame);
    if (!at) return;
    uint32_t number;
    memcpy(&number, at, sizeof number);
    unsigned place = at[3] % KNOWN;
    if (known->used >> place & 1 && known->from[place] == number) {
        memcpy(at, &known->to[place], sizeof number);
        return;
    }
    make(frame);
    known->used |= UINT64_C(1) << place;
    known->from[place] = number;
    memcpy(&known->to[place], at, sizeof number);
}
