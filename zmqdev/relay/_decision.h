/* A message on its way through the routes: its frames, its new name, and its progress.
 *
 * The same as Decision in routing/decide.py; _route.h executes its steps.
 */

typedef enum { LOST_NOT, LOST_ROUTE, LOST_UNROUTED, LOST_FULL } lost_t;

/* A message on its way. `frames` are those after the envelope. */
typedef struct {
    span_t *frames;
    size_t count, room, bytes;
    int at;            /* the route to look at next */
    uint64_t serial;   /* its number */
    uint64_t *given;   /* for each backend, the number of the last message that it got */
    int *waits, waiting; /* the backends that it waits for */
    int *order;        /* room for the targets of a route */
    bool any;          /* one of the backends in `waits` is enough */
    bool blocks;       /* it waits for a backend that is full */
    bool ended;
    bool renamed;      /* `name` is the first frame of what is offered */
    buffer_t name;
    size_t name_size;
    lost_t lost;       /* why a backend, or all, did not get it */
} decision_t;

/* ---- frames ---- */

/* Frame `number`, from the end when it is negative; false when there is none. */
static bool frame_of(const decision_t *decision, int number, span_t *frame)
{
    size_t at = number < 0 ? decision->count - (size_t)-(int64_t)number : (size_t)number;
    if (at >= decision->count) return false;
    *frame = decision->frames[at];
    return true;
}

/* The key of a route; empty where the message has no such frame. */
static span_t key_of(const decision_t *decision, int number)
{
    span_t key = {(const unsigned char *)"", 0};
    frame_of(decision, number, &key);
    return key;
}

/* ---- the new name ---- */

/* Return what the first star matched, in the first matching pattern for the first frame. */
static span_t captured(const route_t *route, span_t first)
{
    span_t taken = {first.bytes, 0};
    for (size_t at = 0; at < route->count; at++) {
        const condition_t *condition = &route->conditions[at];
        if (condition->kind != OF_FRAME || condition->number != 0) continue;
        for (size_t i = 0; i < condition->count; i++)
            if (matches(&condition->patterns[i], first, &taken)) return taken;
    }
    return (span_t){first.bytes, 0};
}

static void append(decision_t *decision, span_t part)
{
    if (part.size) memcpy(decision->name.bytes + decision->name_size, part.bytes, part.size);
    decision->name_size += part.size;
}

/* Set the new first frame; < 0 without memory. */
static int rename_first(const route_t *route, decision_t *decision)
{
    decision->renamed = route->rename.wanted && decision->count;
    decision->name_size = 0;
    if (!decision->renamed) return 0;
    span_t star = {NULL, 0};
    if (route->rename.captured) star = captured(route, decision->frames[0]);
    size_t size = route->rename.before.size + star.size + route->rename.after.size;
    if (!has_room(&decision->name, size + 1)) return -1;
    append(decision, route->rename.before);
    append(decision, star);
    append(decision, route->rename.after);
    return 0;
}

/* ---- memory ---- */

static int decision_make(decision_t *decision, int backends)
{
    size_t count = backends ? (size_t)backends : 1;
    *decision = (decision_t){.ended = true};
    decision->given = calloc(count, sizeof *decision->given);
    decision->waits = calloc(count, sizeof *decision->waits);
    decision->order = calloc(count, sizeof *decision->order);
    if (decision->given && decision->waits && decision->order) return 0;
    PyErr_NoMemory();
    return -1;
}

static void decision_free(decision_t *decision)
{
    free(decision->frames), free(decision->given), free(decision->waits), free(decision->order);
    free(decision->name.bytes);
    *decision = (decision_t){.ended = true};
}

/* Make room for `count` frames. */
static bool frames_room(decision_t *decision, size_t count)
{
    if (count <= decision->room) return true;
    size_t room = decision->room ? decision->room : 8;
    while (room < count) room *= 2;
    span_t *frames = realloc(decision->frames, room * sizeof *frames);
    if (!frames) return false;
    decision->frames = frames, decision->room = room;
    return true;
}
