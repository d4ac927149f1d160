/* The relay's loop: it moves whole messages between two sockets, both ways.
 *
 * The rules of twin.py hold here too. How it sleeps:
 * - In poll(2) on the sockets' own descriptors (ZMQ_FD). zmq_poll would read EVENTS of
 *   every socket twice for each sleep.
 * - Such a descriptor signals a command only once, and any call on the socket may process
 *   the command. So the last call on a socket before a sleep must find nothing to do. `dry`
 *   (of a source) and `waiting` (of a held message) record that.
 * - An XPUB with NODROP always reports POLLOUT. A target that refuses nevertheless is
 *   tried again when its descriptor becomes readable, and each LIAR_TICK.
 */
#include <poll.h>
#include <time.h>

/* Bytes of one direction's part of Origins, in origins.py. */
enum { ORIGINS = 65536 };

/* The cells of one direction, in the order of STATISTICS in counters.py. */
enum { MESSAGES, BYTES, UNREACHABLE, FULL, NOT_SUBSCRIPTION, TOPIC_TOO_LONG, TOO_MANY_FRAMES,
       TOO_LARGE, ROUTE, UNROUTED, COPIED, HOOK, BLOCKED_NS, WIDTH };
static const char *const row_names[] = {"messages", "bytes", "unreachable", "full",
    "not_subscription", "topic_too_long", "too_many_frames", "too_large", "route",
    "unrouted", "copy", "hook", "blocked_ns", NULL};

enum { BATCH = 1000 };       /* messages before the other direction has its turn */
enum { UNHEARD = 100 };      /* the same, for a target that drops messages without room */
#define TICK 100000000LL     /* ns between two looks at EVENTS of every socket */
#define LIAR_TICK 10000000LL /* ns */

/* For functions that the loop calls for every message. A relay with routes calls some of them too,
 * and without this attribute the compiler would not inline them. */
#define HOT static inline __attribute__((always_inline))

enum { RAISED = -2, FAILED = -1, NOTHING = 0, DONE = 1 }; /* FAILED: see errno */

typedef struct {
    void *socket;
    int fd, type;
    bool dry; /* its last call found nothing to receive */
} end_t;

typedef struct {
    end_t *source, *target;
    uint64_t *cells;
    uint8_t *origins;
    char mark;
    unsigned char label_size; /* 0: copies for the capture have no label */
    char label[UINT8_MAX];
    bool active, drop_when_full, subscriptions_only;
    uint64_t topic_limit, max_frames, max_bytes;
    known_t veiled, unveiled; /* of its source, of its target */
    frames_t message, copies; /* a message left after its turn is held */
    uint64_t bytes;
    int64_t since; /* when the wait was last counted, ns; 0 when none */
    int64_t refused_at; /* since when its message waits, ns; 0 when none does */
    bool waiting; /* for the target to take the held message */
    bool claimed; /* EVENTS said POLLOUT since the last refusal */
    bool noting;  /* the origin of each message, in this turn */
} lane_t;

typedef struct {
    PyObject_HEAD
    PyObject *sockets, *counters; /* kept alive: (frontend, backend, wake) */
    end_t ends[2], wake;
    lane_t lanes[2];
    uint64_t *turns;
    uint8_t *origins_wanted;
    void *capture, *tap;
    bool running, handles_signals;
    PyThreadState *thread;
} relay_t;

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Add to a counter. There is one writer; readers in other threads see a whole number. */
static void add(uint64_t *cell, uint64_t amount)
{
    __atomic_store_n(cell, *cell + amount, __ATOMIC_RELAXED);
}

/* Mark the connection of a whole message. */
static void note_origin(lane_t *lane, const message_t *frame)
{
    int descriptor = zmq_msg_get(frame, ZMQ_SRCFD);
    if (descriptor < 0) return;
    __atomic_store_n(&lane->origins[descriptor % ORIGINS], 1, __ATOMIC_RELAXED);
}

/* Return whether to swap the first two frames: between two ROUTERs, the receiver's id comes after
 * the sender's, as in pyzmq's monitored_queue. */
static bool swaps(const lane_t *lane)
{
    return lane->source->type == ZMQ_ROUTER && lane->target->type == ZMQ_ROUTER;
}

/* Swap two messages as bytes, which is safe as a message has no pointer to itself. */
static void exchange(message_t *one, message_t *other)
{
    message_t kept = *one;
    *one = *other, *other = kept;
}

/* Receive a whole message from the source. As soon as it breaks a limit, what was received is
 * released. */
HOT int gather(lane_t *lane, uint64_t *seen)
{
    frames_t *frames = &lane->message;
    bool more = true;
    for (*seen = lane->bytes = 0; more; ++*seen) {
        message_t *frame = next_slot(frames);
        int size = frame ? receive(frame, lane->source->socket) : FAILED;
        if (size < 0) {
            int error = errno;
            clear(frames);
            errno = error;
            return FAILED;
        }
        frames->count++;
        lane->bytes += size < INT32_MAX ? (size_t)size : zmq_msg_size(frame);
        more = zmq_msg_more(frame);
        if (!more && lane->noting) note_origin(lane, frame);
        if ((lane->max_frames && *seen >= lane->max_frames)
            || (lane->max_bytes && lane->bytes > lane->max_bytes))
            clear(frames);
    }
    if (!frames->count) return DONE;
    if (lane->source->type == ZMQ_ROUTER) by_known(&lane->veiled, frames->slots, veil);
    if (swaps(lane) && frames->count > 1) exchange(frames->slots, frames->slots + 1);
    if (lane->target->type == ZMQ_ROUTER) by_known(&lane->unveiled, frames->slots, unveil);
    return DONE;
}

/* Return the counter for the reason why a message is dropped, or MESSAGES. */
HOT int refusal(const lane_t *lane, uint64_t seen)
{
    if (lane->max_frames && seen > lane->max_frames) return TOO_MANY_FRAMES;
    if (lane->max_bytes && lane->bytes > lane->max_bytes) return TOO_LARGE;
    if (lane->target->type == ZMQ_ROUTER && seen == 1) return UNREACHABLE;
    if (!lane->subscriptions_only && !lane->topic_limit) return MESSAGES;
    size_t size = zmq_msg_size(lane->message.slots);
    bool subscription = size && *(unsigned char *)zmq_msg_data(lane->message.slots) < 2;
    if (lane->subscriptions_only && !(subscription && seen == 1)) return NOT_SUBSCRIPTION;
    if (lane->topic_limit && subscription && size - 1 > lane->topic_limit) return TOPIC_TOO_LONG;
    return MESSAGES;
}

static int copy(lane_t *lane)
{
    for (size_t at = 0; at < lane->message.count; at++) {
        message_t *slot = next_slot(&lane->copies);
        if (!slot) return FAILED;
        zmq_msg_copy(slot, &lane->message.slots[at]);
        lane->copies.count++;
    }
    if (lane->target->type == ZMQ_ROUTER) veil(lane->copies.slots);
    return DONE;
}

/* Send a copy to a PUB, which never waits; a copy that it refuses is lost. */
static void publish(void *socket, lane_t *lane, const char *front, size_t front_size)
{
    frames_t *frames = &lane->copies;
    int size = 0;
    if (front_size) RETRY(size, zmq_send(socket, front, front_size, ZMQ_DONTWAIT | ZMQ_SNDMORE));
    for (size_t at = 0; size >= 0 && at < frames->count; at++) {
        message_t frame;
        zmq_msg_init(&frame);
        zmq_msg_copy(&frame, &frames->slots[at]);
        size = hand(&frame, socket, at + 1 < frames->count);
        zmq_msg_close(&frame);
    }
}

static void drop(lane_t *lane, int row)
{
    add(&lane->cells[row], 1);
    clear(&lane->message);
}

/* Handle a refused first frame: hold the message, or drop it and count the reason. */
static int refuse(lane_t *lane)
{
    if (errno == EHOSTUNREACH) drop(lane, UNREACHABLE);
    else if (errno != EAGAIN) return FAILED;
    else if (lane->drop_when_full || lane->target->type == ZMQ_ROUTER) drop(lane, FULL);
    else {
        if (!lane->since) lane->since = clock_ns();
        if (!lane->refused_at) lane->refused_at = lane->since;
        lane->waiting = true;
    }
    return DONE;
}

HOT int send_frames(lane_t *lane)
{
    frames_t *frames = &lane->message;
    void *socket = lane->target->socket;
    for (size_t at = 0, count = frames->count; at < count; at++) {
        if (hand(&frames->slots[at], socket, at + 1 < count) >= 0) continue;
        if (at == 0 && has_room_now(socket)
            && hand(frames->slots, socket, at + 1 < count) >= 0) continue;
        if (at == 0) return refuse(lane);
        int error = errno;
        if (error == EAGAIN && swallows_rest(socket, count - at))
            for (; at < count; at++) hand(&frames->slots[at], socket, at + 1 < count);
        drop(lane, UNREACHABLE);
        errno = error;
        return error == EAGAIN ? DONE : FAILED;
    }
    add(&lane->cells[BYTES], lane->bytes);
    add(&lane->cells[MESSAGES], 1);
    forget(frames);
    return NOTHING;
}

HOT int deliver(relay_t *relay, lane_t *lane)
{
    bool copied = relay->capture || relay->tap;
    if (copied && copy(lane) < 0) return FAILED;
    lane->target->dry = false;
    int result = send_frames(lane);
    if (copied) {
        int error = errno;
        if (result == NOTHING && relay->capture) publish(relay->capture, lane, lane->label, lane->label_size);
        if (result == NOTHING && relay->tap) publish(relay->tap, lane, &lane->mark, 1);
        clear(&lane->copies);
        errno = error;
    }
    if (!lane->message.count) lane->since = lane->refused_at = lane->claimed = 0;
    return result;
}

/* Move up to `most` messages, until there are no more or the target is full. */
HOT int move(relay_t *relay, lane_t *lane, int most)
{
    for (int moved = 0; moved < most && !lane->waiting; moved++) {
        if (!lane->message.count) {
            if (lane->source->dry) break;
            uint64_t seen;
            if (gather(lane, &seen) < 0) {
                lane->source->dry = errno == EAGAIN;
                return errno == EAGAIN ? DONE : FAILED;
            }
            int row = refusal(lane, seen);
            if (row != MESSAGES) {
                drop(lane, row);
                continue;
            }
        }
        if (deliver(relay, lane) < 0) return FAILED;
    }
    return DONE;
}

/* Move a batch. A PUB or XPUB takes a pipe for full until it has noticed what was read from it, and
 * drops messages meanwhile. While it sends, it looks once a millisecond, which is thousands of
 * messages; reading EVENTS makes it look now. */
HOT int turn(relay_t *relay, lane_t *lane)
{
    if (lane->since) {
        int64_t now = clock_ns();
        add(&lane->cells[BLOCKED_NS], now - lane->since);
        lane->since = now;
    }
    bool drops = lane->target->type == ZMQ_XPUB || lane->target->type == ZMQ_PUB;
    uint64_t before = lane->cells[MESSAGES];
    lane->noting = __atomic_load_n(relay->origins_wanted, __ATOMIC_RELAXED);
    if (move(relay, lane, drops ? UNHEARD : BATCH) < 0) return FAILED;
    bool unheard = drops && lane->cells[MESSAGES] != before;
    return unheard && get(lane->target->socket, ZMQ_EVENTS) < 0 ? FAILED : DONE;
}

static int check_signals(relay_t *relay)
{
    if (!relay->handles_signals) return NOTHING;
    PyEval_RestoreThread(relay->thread);
    int raised = PyErr_CheckSignals();
    relay->thread = PyEval_SaveThread();
    return raised ? RAISED : NOTHING;
}

static int rung(relay_t *relay)
{
    int events = get(relay->wake.socket, ZMQ_EVENTS);
    return events < 0 ? FAILED : events & ZMQ_POLLIN ? DONE : NOTHING;
}

/* Have every socket handle its new peers; DONE when the wake socket is readable. */
static int touch(relay_t *relay)
{
    for (int side = 0; side < 2; side++) {
        int events = get(relay->ends[side].socket, ZMQ_EVENTS);
        if (events < 0) return FAILED;
        relay->ends[side].dry = !(events & ZMQ_POLLIN);
        relay->lanes[side].waiting = false;
    }
    if (relay->capture && get(relay->capture, ZMQ_EVENTS) < 0) return FAILED;
    if (relay->tap && get(relay->tap, ZMQ_EVENTS) < 0) return FAILED;
    int raised = check_signals(relay);
    return raised < 0 ? raised : rung(relay);
}

#define EACH(lane, relay) \
    (lane_t *lane = (relay)->lanes; lane < (relay)->lanes + 2; lane++) if (lane->active)

static bool holds(relay_t *relay)
{
    for EACH(lane, relay) if (lane->message.count) return true;
    return false;
}

/* DONE when nothing can move until a descriptor is readable. */
static int quiet(relay_t *relay)
{
    int result = DONE;
    for EACH(lane, relay) if (!lane->waiting && !lane->source->dry) return NOTHING;
    for EACH(lane, relay) if (lane->waiting) {
        int events = get(lane->target->socket, ZMQ_EVENTS);
        if (events < 0) return FAILED;
        bool writable = events & ZMQ_POLLOUT;
        if (writable && !lane->claimed) lane->waiting = false, result = NOTHING;
        lane->claimed = writable;
        lane->target->dry = !(events & ZMQ_POLLIN);
    }
    for EACH(lane, relay) if (!lane->waiting && !lane->source->dry) return NOTHING;
    return result;
}

/* Sleep; DONE when the wake socket is readable. */
static int doze(relay_t *relay, int64_t duration)
{
    struct pollfd polled[3] = {{.fd = relay->wake.fd, .events = POLLIN}};
    end_t *ends[3];
    nfds_t count = 1;
    for EACH(lane, relay) {
        if (lane->waiting && lane->claimed && duration > LIAR_TICK) duration = LIAR_TICK;
        ends[count] = lane->waiting ? lane->target : lane->source;
        polled[count] = (struct pollfd){.fd = ends[count]->fd, .events = POLLIN};
        count++;
    }
    if (poll(polled, count, (int)((duration + 999999) / 1000000)) < 0)
        return errno == EINTR ? check_signals(relay) : FAILED;
    for (nfds_t at = 1; at < count; at++)
        if (polled[at].revents) ends[at]->dry = false;
    for EACH(lane, relay) if (lane->waiting && lane->claimed) {
        if (get(lane->target->socket, ZMQ_EVENTS) < 0) return FAILED;
        lane->waiting = lane->target->dry = false;
    }
    return polled[0].revents ? rung(relay) : NOTHING;
}

static int64_t after(int64_t moment, int64_t milliseconds)
{
    bool limited = milliseconds >= 0 && milliseconds < INT64_MAX / 2000000;
    return limited ? moment + milliseconds * 1000000 : INT64_MAX;
}

/* Return when the target of the first direction will have been full for `stall_ms`. */
static int64_t stalled_at(const relay_t *relay, int64_t stall_ms)
{
    const lane_t *lane = relay->lanes;
    return lane->active && lane->refused_at ? after(lane->refused_at, stall_ms) : INT64_MAX;
}

static int loop(relay_t *relay, bool until_idle, int64_t limit_ms, int64_t stall_ms)
{
    int64_t now = clock_ns(), tick = now, limit = after(now, limit_ms);
    for (;;) {
        for EACH(lane, relay) if (turn(relay, lane) < 0) return FAILED;
        add(relay->turns, 1);
        now = clock_ns();
        int result = NOTHING, still = quiet(relay);
        if (still < 0) return FAILED;
        int64_t stalled = stalled_at(relay, stall_ms), end = stalled < limit ? stalled : limit;
        bool over = now >= end || (still && until_idle && !holds(relay));
        if (now >= tick) {
            result = touch(relay);
            tick = now + TICK;
        } else if (over || !still) result = rung(relay);
        else result = doze(relay, (tick < end ? tick : end) - now);
        if (result != NOTHING || over) return result;
    }
}
