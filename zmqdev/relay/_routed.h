/* The loop of a relay with routes: one source, several targets, and their replies back.
 *
 * It uses the functions of _loop.h; a relay without routes uses nothing of this file. The rules
 * are those of routed.py. Forward, at most one message is held, with the backends that it still
 * has to reach; while it is held, those are polled and the source is not. Each backend has its own
 * lane for replies.
 */

/* ---- forward ---- */

/* Give the frames of the message just received to the decision. */
HOT int begin_message(routed_t *routed)
{
    frames_t *frames = &routed->lanes->message;
    decision_t *decision = &routed->decision;
    size_t envelope = envelope_of(routed), bytes = 0;
    decision->count = frames->count - envelope;
    if (!frames_room(decision, decision->count)) return FAILED;
    if (frames->count == 1 && !envelope) {
        bytes = routed->lanes->bytes;
        decision->frames[0] = (span_t){zmq_msg_data(frames->slots), bytes};
    } else for (size_t at = 0; at < decision->count; at++) {
        message_t *frame = &frames->slots[envelope + at];
        decision->frames[at] = (span_t){zmq_msg_data(frame), zmq_msg_size(frame)};
        bytes += decision->frames[at].size;
    }
    begin(&routed->routes->table, decision, bytes);
    routed->begun = true, routed->empty = false;
    routed->sent = routed->lost = 0;
    return DONE;
}

static int row_of(const routed_t *routed)
{
    static const int rows[] = {
        [LOST_NOT] = FULL, [LOST_ROUTE] = ROUTE, [LOST_UNROUTED] = UNROUTED, [LOST_FULL] = FULL};
    return routed->lost ? routed->lost : rows[routed->decision.lost];
}

/* End a message that was passed on as far as possible. */
static void end_message(routed_t *routed, bool copied)
{
    lane_t *lane = routed->lanes;
    if (routed->sent) {
        add(&lane->cells[BYTES], lane->bytes);
        add(&lane->cells[MESSAGES], 1);
        if (copied && routed->base.capture) publish(routed->base.capture, lane, lane->label, lane->label_size);
        if (copied && routed->base.tap) publish(routed->base.tap, lane, &lane->mark, 1);
    } else add(&lane->cells[row_of(routed)], 1);
    if (routed->empty) forget(&lane->message);
    else clear(&lane->message);
    routed->begun = false;
    lane->since = 0;
}

static int deliver_routed(routed_t *routed, int64_t now)
{
    lane_t *lane = routed->lanes;
    bool copied = routed->base.capture || routed->base.tap;
    if (copied && copy(lane) < 0) return FAILED;
    step_t step = {&routed->routes->table, &routed->decision, offer_backend, routed, now};
    int result = advance(&step);
    if (result >= 0 && is_done(&routed->decision)) end_message(routed, copied);
    else if (result >= 0) {
        lane->waiting = true;
        if (!lane->since) lane->since = clock_ns();
    }
    if (copied) {
        int error = errno;
        clear(&lane->copies);
        errno = error;
    }
    return result < 0 ? FAILED : DONE;
}

/* Use the new routes from here on. Python frees the old ones. */
static void replace_routes(routed_t *routed)
{
    PyEval_RestoreThread(routed->base.thread);
    routes_t *before = routed->routes;
    routed->routes = routed->next;
    routed->next = NULL;
    routed->routes->table.serial = before->table.serial;
    Py_DECREF(before);
    routed->base.thread = PyEval_SaveThread();
}

/* Move messages like `move` in _loop.h, one after the other, to where the routes say. */
static int move_routed(routed_t *routed, int most)
{
    lane_t *lane = routed->lanes;
    int64_t now = clock_ns();
    for (int moved = 0; moved < most && !lane->waiting; moved++) {
        if (!lane->message.count) {
            if (__atomic_load_n(&routed->next, __ATOMIC_ACQUIRE)) replace_routes(routed);
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
        if (!routed->begun && begin_message(routed) < 0) return FAILED;
        if (deliver_routed(routed, now) < 0) return FAILED;
    }
    return DONE;
}

/* Add the time since the last look, to the lane and to each backend that is waited for. */
static void count_blocked(routed_t *routed)
{
    lane_t *lane = routed->lanes;
    if (!lane->since) return;
    int64_t now = clock_ns();
    uint64_t waited = (uint64_t)(now - lane->since);
    add(&lane->cells[BLOCKED_NS], waited);
    for (int at = 0; at < routed->decision.waiting; at++)
        add(&routed->targets[routed->decision.waits[at]].cells[B_BLOCKED_NS], waited);
    lane->since = now;
}

static int turn_forward(routed_t *routed)
{
    lane_t *lane = routed->lanes;
    count_blocked(routed);
    lane->noting = __atomic_load_n(routed->base.origins_wanted, __ATOMIC_RELAXED);
    bool publishes = false;
    for (int at = 0; at < routed->count; at++) {
        routed->targets[at].given = false;
        routed->targets[at].shut = 0;
        publishes |= routed->targets[at].publishes;
    }
    if (move_routed(routed, publishes ? UNHEARD : BATCH) < 0) return FAILED;
    for (target_t *target = routed->targets; target < routed->targets + routed->count; target++)
        if (target->publishes && target->given && get(target->end.socket, ZMQ_EVENTS) < 0)
            return FAILED;
    return DONE;
}

/* ---- replies ---- */

/* Drop a reply of a backend that gets only copies, as no peer waits for it. */
static int discard(lane_t *lane)
{
    for (int moved = 0; moved < BATCH && !lane->source->dry; moved++) {
        uint64_t seen;
        if (gather(lane, &seen) < 0) {
            lane->source->dry = errno == EAGAIN;
            return errno == EAGAIN ? DONE : FAILED;
        }
        int row = refusal(lane, seen);
        drop(lane, row == MESSAGES ? COPIED : row);
    }
    return DONE;
}

static int turn_back(routed_t *routed, int at)
{
    lane_t *lane = &routed->lanes[at + 1];
    if (!routed->routes->table.copied_only[at] || lane->message.count)
        return turn(&routed->base, lane);
    lane->noting = __atomic_load_n(routed->base.origins_wanted, __ATOMIC_RELAXED);
    return discard(lane);
}

/* ---- the loop ---- */

#define EVERY(lane, routed)                                                           \
    (lane_t *lane = (routed)->lanes; lane <= (routed)->lanes + (routed)->count; lane++) \
        if (lane->active)

static bool holds_any(routed_t *routed)
{
    for EVERY(lane, routed) if (lane->message.count) return true;
    return false;
}

static bool can_go_on(routed_t *routed)
{
    for EVERY(lane, routed) if (!lane->waiting && !lane->source->dry) return true;
    return false;
}

/* Return whether the end has become writable since it refused; < 0: see errno. */
static int takes_again(end_t *end, bool *claimed)
{
    int events = get(end->socket, ZMQ_EVENTS);
    if (events < 0) return FAILED;
    bool writable = events & ZMQ_POLLOUT, again = writable && !*claimed;
    *claimed = writable;
    end->dry = !(events & ZMQ_POLLIN);
    return again;
}

/* Look at what a waiting lane waits for. */
static int look_at(routed_t *routed, lane_t *lane)
{
    int again = 0;
    if (lane != routed->lanes) again = takes_again(lane->target, &lane->claimed);
    else for (int at = 0; at < routed->decision.waiting && again >= 0; at++) {
        target_t *target = &routed->targets[routed->decision.waits[at]];
        int one = takes_again(&target->end, &target->claimed);
        again = one < 0 ? one : again | one;
    }
    if (again > 0) lane->waiting = false;
    return again;
}

/* DONE when nothing can move until a descriptor is readable. */
static int quiet_routed(routed_t *routed)
{
    if (can_go_on(routed)) return NOTHING;
    for EVERY(lane, routed) if (lane->waiting && look_at(routed, lane) < 0) return FAILED;
    return can_go_on(routed) ? NOTHING : DONE;
}

/* List the ends that signal when a lane can continue; return how many. */
static nfds_t awaited(routed_t *routed, lane_t *lane, end_t **ends)
{
    if (!lane->waiting || lane != routed->lanes)
        return *ends = lane->waiting ? lane->target : lane->source, 1;
    for (int at = 0; at < routed->decision.waiting; at++)
        ends[at] = &routed->targets[routed->decision.waits[at]].end;
    return (nfds_t)routed->decision.waiting;
}

/* Return whether the lane waits for an end that reports to be ready and has refused. */
static bool is_lied_to(routed_t *routed, const lane_t *lane)
{
    if (!lane->waiting || lane != routed->lanes) return lane->waiting && lane->claimed;
    for (int at = 0; at < routed->decision.waiting; at++)
        if (routed->targets[routed->decision.waits[at]].claimed) return true;
    return false;
}

/* After a sleep: have a lane that was lied to try again. */
static int try_again(routed_t *routed, lane_t *lane, end_t **ends)
{
    nfds_t count = awaited(routed, lane, ends);
    for (nfds_t at = 0; at < count; at++) {
        if (get(ends[at]->socket, ZMQ_EVENTS) < 0) return FAILED;
        ends[at]->dry = false;
    }
    lane->waiting = false;
    return DONE;
}

/* Sleep; DONE when the wake socket is readable. `polled` and `ends` have room for all. */
static int doze_routed(routed_t *routed, int64_t duration, struct pollfd *polled, end_t **ends)
{
    nfds_t count = 1;
    polled[0] = (struct pollfd){.fd = routed->base.wake.fd, .events = POLLIN};
    for EVERY(lane, routed) {
        if (is_lied_to(routed, lane) && duration > LIAR_TICK) duration = LIAR_TICK;
        nfds_t more = awaited(routed, lane, ends + count);
        for (; more; more--, count++)
            polled[count] = (struct pollfd){.fd = ends[count]->fd, .events = POLLIN};
    }
    if (poll(polled, count, (int)((duration + 999999) / 1000000)) < 0)
        return errno == EINTR ? check_signals(&routed->base) : FAILED;
    for (nfds_t at = 1; at < count; at++)
        if (polled[at].revents) ends[at]->dry = false;
    for EVERY(lane, routed)
        if (is_lied_to(routed, lane) && try_again(routed, lane, ends) < 0) return FAILED;
    return polled[0].revents ? rung(&routed->base) : NOTHING;
}

/* Like `touch` in _loop.h, for every socket. */
static int touch_routed(routed_t *routed)
{
    relay_t *base = &routed->base;
    for (int at = -1; at < routed->count; at++) {
        end_t *end = at < 0 ? &base->ends[0] : &routed->targets[at].end;
        int events = get(end->socket, ZMQ_EVENTS);
        if (events < 0) return FAILED;
        end->dry = !(events & ZMQ_POLLIN);
    }
    for EVERY(lane, routed) lane->waiting = false;
    if (base->capture && get(base->capture, ZMQ_EVENTS) < 0) return FAILED;
    if (base->tap && get(base->tap, ZMQ_EVENTS) < 0) return FAILED;
    int raised = check_signals(base);
    return raised < 0 ? raised : rung(base);
}

static int turn_all(routed_t *routed)
{
    if (routed->lanes->active && turn_forward(routed) < 0) return FAILED;
    for (int at = 0; at < routed->count; at++)
        if (routed->lanes[at + 1].active && turn_back(routed, at) < 0) return FAILED;
    add(routed->base.turns, 1);
    return DONE;
}

static int loop_routed(
    routed_t *routed, bool until_idle, int64_t limit_ms, struct pollfd *polled, end_t **ends)
{
    int64_t now = clock_ns(), tick = now, end = INT64_MAX;
    if (limit_ms >= 0 && limit_ms < INT64_MAX / 2000000) end = now + limit_ms * 1000000;
    for (;;) {
        if (turn_all(routed) < 0) return FAILED;
        now = clock_ns();
        int result = NOTHING, still = quiet_routed(routed);
        if (still < 0) return FAILED;
        bool over = now >= end || (still && until_idle && !holds_any(routed));
        if (now >= tick) {
            result = touch_routed(routed);
            tick = now + TICK;
        } else if (over || !still) result = rung(&routed->base);
        else result = doze_routed(routed, (tick < end ? tick : end) - now, polled, ends);
        if (result != NOTHING || over) return result;
    }
}
