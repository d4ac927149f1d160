/* The backends of a relay with routes, and handing a message to one of them.
 *
 * A backend that refuses is not asked again for some messages. A ROUTER never blocks: a message
 * that it cannot deliver is lost.
 */
enum { SHUT = 100 };  /* messages; a refusal costs as much as three messages that are taken */
enum { OTHER = -1 }; /* the type of an end with several sockets */
enum { B_MESSAGES, B_BYTES, B_BLOCKED_NS };

typedef struct {
    end_t end;
    uint64_t *cells; /* in the order above; other threads read them */
    bool publishes;
    int waits;    /* of a publisher: whether it refuses instead of dropping; -1: unknown */
    bool given;   /* it got a message in this turn */
    bool claimed; /* EVENTS said POLLOUT since it refused */
    int shut;     /* for how many messages it is not asked again in this turn */
} target_t;

typedef struct {
    relay_t base; /* without its lanes */
    target_t *targets;
    int count;
    lane_t *lanes; /* the one forward, then one back for each target */
    end_t many;    /* the target of the first lane */
    bool enveloped;
    routes_t *routes, *next; /* `next` replaces `routes` between two messages */
    decision_t decision;
    bool begun;  /* the held message has a decision */
    bool empty;  /* its frames were moved to the last backend */
    int sent;    /* number of backends that have it */
    int lost;    /* a row when a ROUTER could not deliver it, else 0 */
} routed_t;

/* The number of the first frame after the envelope. */
static size_t envelope_of(const routed_t *routed)
{
    const frames_t *frames = &routed->lanes->message;
    if (!routed->enveloped) return 0;
    for (size_t at = 1; at < frames->count; at++)
        if (!zmq_msg_size(&frames->slots[at])) return at + 1;
    return 1;
}

/* ---- to one backend ---- */

/* Send one frame; `keep` leaves it in its slot for other backends. */
static int hand_frame(message_t *slot, void *socket, bool more, bool keep)
{
    if (!keep) return hand(slot, socket, more);
    message_t frame;
    zmq_msg_init(&frame);
    zmq_msg_copy(&frame, slot);
    int size = hand(&frame, socket, more), error = errno;
    zmq_msg_close(&frame);
    errno = error;
    return size;
}

/* Send the address of a message as its ROUTER knows it. */
static int hand_address(message_t *slot, void *socket)
{
    message_t frame;
    zmq_msg_init(&frame);
    zmq_msg_copy(&frame, slot);
    unveil(&frame);
    int size = hand(&frame, socket, true), error = errno;
    zmq_msg_close(&frame);
    errno = error;
    return size;
}

static int hand_name(const decision_t *decision, void *socket, bool more)
{
    int size, flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    RETRY(size, zmq_send(socket, decision->name.bytes, decision->name_size, flags));
    return size;
}

/* Send frame `at` of the held message. */
static int hand_at(routed_t *routed, const target_t *target, size_t at, bool keep)
{
    frames_t *frames = &routed->lanes->message;
    const decision_t *decision = &routed->decision;
    bool more = at + 1 < frames->count;
    if (at + decision->count == frames->count && decision->renamed && decision->count)
        return hand_name(decision, target->end.socket, more);
    if (!at && target->end.type == ZMQ_ROUTER)
        return hand_address(frames->slots, target->end.socket);
    return hand_frame(&frames->slots[at], target->end.socket, more, keep);
}

/* Return the bytes of the held message as a backend gets it. */
static uint64_t bytes_of(const routed_t *routed)
{
    const decision_t *decision = &routed->decision;
    uint64_t bytes = routed->lanes->bytes;
    return decision->renamed ? bytes - decision->frames[0].size + decision->name_size : bytes;
}

static int gone(routed_t *routed, int row)
{
    routed->lost = row;
    return 1;
}

/* Handle a refused first frame. A ROUTER never blocks: the message is lost. */
static int not_taken(routed_t *routed, target_t *target)
{
    if (errno == EHOSTUNREACH) return gone(routed, UNREACHABLE);
    if (errno != EAGAIN) return FAILED;
    if (target->end.type == ZMQ_ROUTER) return gone(routed, FULL);
    target->shut = SHUT;
    return 0;
}

/* Handle a refused later frame `at`: the peer has left, and the message is lost for it. */
static int broken_off(routed_t *routed, const target_t *target, size_t at, bool keep)
{
    size_t count = routed->lanes->message.count;
    if (errno != EAGAIN) return FAILED;
    if (swallows_rest(target->end.socket, count - at))
        for (; at < count; at++) hand_at(routed, target, at, keep);
    return gone(routed, UNREACHABLE);
}

static void note_sent(routed_t *routed, target_t *target, bool last)
{
    routed->sent++;
    routed->empty = last && target->end.type != ZMQ_ROUTER && !routed->decision.renamed;
    target->claimed = false;
    target->given = true;
    add(&target->cells[B_MESSAGES], 1);
    add(&target->cells[B_BYTES], bytes_of(routed));
}

/* Set whether a publisher refuses a message until all of its subscribers have room, as the route
 * wants it. Otherwise it drops the message for a subscriber that is full. */
static int have_wait(target_t *target, int wanted)
{
    int failed;
    if (!target->publishes || target->waits == wanted) return DONE;
    RETRY(failed, zmq_setsockopt(target->end.socket, ZMQ_XPUB_NODROP, &wanted, sizeof wanted));
    target->waits = wanted;
    return failed < 0 ? FAILED : DONE;
}

/* As offer_t in _route.h. */
static int offer_backend(void *with, const decision_t *decision, int backend, bool last)
{
    routed_t *routed = with;
    target_t *target = &routed->targets[backend];
    frames_t *frames = &routed->lanes->message;
    size_t count = frames->count;
    target->end.dry = false;
    if (target->end.type == ZMQ_ROUTER && count == 1) return gone(routed, UNREACHABLE);
    if (target->shut) {
        target->shut--;
        return 0;
    }
    if (have_wait(target, decision->blocks) < 0) return FAILED;
    bool moved = last && !decision->renamed && target->end.type != ZMQ_ROUTER;
    for (size_t at = 0; at < count; at++) {
        if (moved && hand(&frames->slots[at], target->end.socket, at + 1 < count) >= 0) continue;
        if (!moved && hand_at(routed, target, at, !last) >= 0) continue;
        if (at) return broken_off(routed, target, at, !last);
        if (has_room_now(target->end.socket) && hand_at(routed, target, 0, !last) >= 0) continue;
        return not_taken(routed, target);
    }
    note_sent(routed, target, last);
    return 1;
}
