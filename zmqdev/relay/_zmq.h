/* The calls of libzmq that the data path makes, by address, and the frames of a message.
 *
 * The library is the one that pyzmq has loaded; `bind` gets the addresses of its functions.
 * No header of it is included, so its types and numbers are defined here.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    _Alignas(8) unsigned char opaque[64]; /* zmq_msg_t, since libzmq 4.1 */
} message_t;

enum { ZMQ_PAIR = 0, ZMQ_PUB = 1, ZMQ_ROUTER = 6, ZMQ_XPUB = 9, ZMQ_FD = 14, ZMQ_EVENTS = 15, ZMQ_TYPE = 16,
       ZMQ_XPUB_NODROP = 69 };
enum { ZMQ_POLLIN = 1, ZMQ_POLLOUT = 2, ZMQ_DONTWAIT = 1, ZMQ_SNDMORE = 2, ZMQ_SRCFD = 2 };

#define SYMBOLS(X)                                         \
    X(int, zmq_msg_init, message_t *)                      \
    X(int, zmq_msg_close, message_t *)                     \
    X(int, zmq_msg_copy, message_t *, message_t *)         \
    X(int, zmq_msg_recv, message_t *, void *, int)         \
    X(int, zmq_msg_send, message_t *, void *, int)         \
    X(int, zmq_msg_more, const message_t *)                \
    X(int, zmq_msg_get, const message_t *, int)            \
    X(size_t, zmq_msg_size, const message_t *)             \
    X(void *, zmq_msg_data, message_t *)                   \
    X(int, zmq_send, void *, const void *, size_t, int)    \
    X(int, zmq_getsockopt, void *, int, void *, size_t *)  \
    X(int, zmq_setsockopt, void *, int, const void *, size_t)
#define DECLARE(result, name, ...) static result (*name)(__VA_ARGS__);
#define NAME(result, name, ...) #name,
#define PLACE(result, name, ...) (void **)&name,
SYMBOLS(DECLARE)
static const char *const symbol_names[] = {SYMBOLS(NAME) NULL};
static void **const symbol_places[] = {SYMBOLS(PLACE)};

/* A call that a signal interrupted has done nothing yet; it is repeated. */

#define RETRY(result, call) do { result = (call); } while (result < 0 && errno == EINTR)

static int receive(message_t *frame, void *socket)
{
    int size;
    RETRY(size, zmq_msg_recv(frame, socket, ZMQ_DONTWAIT));
    return size;
}

static int hand(message_t *frame, void *socket, bool more)
{
    int size;
    RETRY(size, zmq_msg_send(frame, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)));
    return size;
}

static int get(void *socket, int option)
{
    int failed, value = 0;
    size_t size = sizeof value;
    RETRY(failed, zmq_getsockopt(socket, option, &value, &size));
    return failed < 0 ? -1 : value;
}

/* Return whether to try again after a refusal. While it sends, libzmq looks only once a millisecond
 * whether a peer has made room; reading EVENTS makes it look now. */
static bool has_room_now(void *socket)
{
    return errno == EAGAIN && get(socket, ZMQ_EVENTS) >= 0;
}

/* ---- the frames of one message ---- */

enum { FIRST_ROOM = 8, KEPT_ROOM = 1024 };

typedef struct {
    message_t *slots; /* [0, room) are always initialised */
    size_t count, room;
} frames_t;

static void release(frames_t *frames)
{
    for (size_t at = 0; at < frames->room; at++) zmq_msg_close(&frames->slots[at]);
    free(frames->slots);
    *frames = (frames_t){NULL, 0, 0};
}

/* Begin anew; the messages were sent and so are empty. */
static void forget(frames_t *frames)
{
    frames->count = 0;
    if (frames->room > KEPT_ROOM) release(frames);
}

static void clear(frames_t *frames)
{
    for (size_t at = 0; at < frames->count; at++) {
        zmq_msg_close(&frames->slots[at]);
        zmq_msg_init(&frames->slots[at]);
    }
    forget(frames);
}

/* Return the slot after the last frame; count it once it is filled. */
static message_t *next_slot(frames_t *frames)
{
    if (frames->count == frames->room) {
        size_t room = frames->room ? 2 * frames->room : FIRST_ROOM;
        message_t *slots = realloc(frames->slots, room * sizeof *slots);
        if (!slots) return NULL;
        for (size_t at = frames->room; at < room; at++) zmq_msg_init(&slots[at]);
        frames->slots = slots;
        frames->room = room;
    }
    return &frames->slots[frames->count];
}

/* Return whether the socket drops the rest after a refused later frame; see bursts.finish. */
static bool swallows_rest(void *socket, size_t rest)
{
    return rest > 1 && get(socket, ZMQ_TYPE) != ZMQ_PAIR;
}

