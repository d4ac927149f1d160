/* The relay's loop: whole messages between two sockets, both ways.
 *
 * The rules of twin.py hold here too. How it sleeps:
 * - In poll(2) on the sockets' own descriptors (ZMQ_FD). zmq_poll would read EVENTS of
 *   every socket twice for each sleep.
 * - Such a descriptor tells once that a command came, and any call on the socket may
 *   take the command. So a socket must be found dry by the last call made on it before
 *   a sleep. `dry` (a source) and `waiting` (a held message) keep account of that.
 * - An XPUB with NODROP always claims POLLOUT. A target that refuses in spite of its
 *   claim is tried again when its descriptor tells, and each LIAR_TICK.
 */
#include <poll.h>

#define TICK 100000000LL     /* ns between two looks at EVENTS of every socket */
#define LIAR_TICK 10000000LL /* ns */

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

/* Have every socket look after its peers; DONE when the wake socket is readable. */
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

/* DONE when nothing can move until a descriptor tells. */
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

static int loop(relay_t *relay, bool until_idle, int64_t limit_ms)
{
    int64_t now = clock_ns(), tick = now, end = INT64_MAX;
    if (limit_ms >= 0 && limit_ms < INT64_MAX / 2000000) end = now + limit_ms * 1000000;
    for (;;) {
        for EACH(lane, relay) if (turn(relay, lane) < 0) return FAILED;
        add(relay->turns, 1);
        now = clock_ns();
        int result = NOTHING, still = quiet(relay);
        if (still < 0) return FAILED;
        bool over = now >= end || (still && until_idle && !holds(relay));
        if (now >= tick) {
            result = touch(relay);
            tick = now + TICK;
        } else if (over || !still) result = rung(relay);
        else result = doze(relay, (tick < end ? tick : end) - now);
        if (result != NOTHING || over) return result;
    }
}
