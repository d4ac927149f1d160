/* The conditions that count: a share of what matches, and a rate; the same as routing/limits.py. */

enum { WHOLE = 10000 }; /* a share of 1 */
enum { SLOTS = 65536, NEIGHBOURS = 8 };

/* Take `part` of WHOLE messages, evenly spread. */
static bool share_takes(int64_t part, int64_t *due)
{
    *due += part;
    if (*due < WHOLE) return false;
    *due -= WHOLE;
    return true;
}

/* The bucket of a key is the time at which it will be full again, ns. */
typedef struct {
    uint64_t key;
    int64_t full_at;
    bool used;
} slot_t;

typedef struct {
    int64_t cost, depth; /* ns of one message, and of a whole bucket */
    slot_t *slots; /* made when the first message comes; one alone without a key */
    bool keyed;
} rate_t;

/* Return the slot of a key: its own, a free neighbour, or the neighbour used longest ago. */
static slot_t *slot_of(slot_t *slots, uint64_t key, int64_t now)
{
    slot_t *best = NULL;
    for (uint64_t step = 0; step < NEIGHBOURS; step++) {
        slot_t *slot = &slots[(key + step) % SLOTS];
        if (slot->used && slot->key == key) return slot;
        bool better = !best || (best->used && (!slot->used || slot->full_at < best->full_at));
        if (better) best = slot;
    }
    *best = (slot_t){key, now, true};
    return best;
}

/* Return whether a message is within the rate of its key; -1 without memory for the table. */
static int rate_takes(rate_t *rate, int64_t now, uint64_t key)
{
    if (!rate->slots) rate->slots = calloc(rate->keyed ? SLOTS : 1, sizeof *rate->slots);
    if (!rate->slots) return -1;
    slot_t *slot = rate->keyed ? slot_of(rate->slots, key, now) : rate->slots;
    int64_t full_at = slot->full_at > now ? slot->full_at : now;
    if (full_at + rate->cost - now > rate->depth) return 0;
    slot->full_at = full_at + rate->cost;
    return 1;
}
