/* The gate: listeners that accept nothing for a while.
 *
 * libzmq accepts one connection for each event of a listener. Without an event, connections wait
 * in the system, before any handshake. So a listener is polled only while
 * - enough descriptors are left for everything else: libzmq never sees EMFILE, on which it spins,
 *   and connected peers keep what they need;
 * - it has places left, where they are counted. Each of its keepers, the thread that reads its
 *   monitor and the one that uses the socket, gives new places when it has dealt with the
 *   connections that came and went.
 * A listener that accepts nothing is checked again each millisecond, in the thread that polls it.
 * `gate_lock` protects the list of these listeners, which is usually empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { CLOSED_MOST = 64 }; /* listeners at once; further ones go on accepting */
enum { KEEPERS = 2 };
enum { LOOK_MS = 1 };
enum { KEPT_FREE = 32 }; /* descriptors for everything else; a quarter of a small limit */

typedef struct {
    uint64_t data;           /* that libzmq passed */
    int64_t withheld;        /* milliseconds; since when the peer's end is hidden, or 0 */
    size_t unsent;           /* bytes of the last batch that the kernel has not taken */
    uint32_t events;         /* that libzmq waits for */
    int epoll;
    int32_t places[KEEPERS]; /* of a listener, if they are counted */
    bool known;              /* libzmq has it on its list */
    bool listed;             /* the kernel has it too */
    bool cut;                /* the last batch may end in the middle of a message */
    bool deaf;               /* not polled for input while the peer's end is hidden */
    bool listens, counted[KEEPERS];
} entry_t;

static entry_t *table; /* by descriptor; each is used in the thread that polls it */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static int closed[CLOSED_MOST], closed_count;
static uint64_t ended; /* number of connections that have ended */

static bool is_listener(int descriptor)
{
    int accepts = 0;
    socklen_t size = sizeof accepts;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 && accepts;
}

/* Return whether few descriptors are left. The system gives out the lowest free number, so all
 * below it are in use. An epoll is duplicated, so that code that looks for a connection at that
 * number finds none. */
static bool few_left(int epoll)
{
    struct rlimit limit;
    int lowest = fcntl(epoll, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0) return errno == EMFILE;
    close(lowest);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return false;
    rlim_t kept = limit.rlim_cur / 4 < KEPT_FREE ? limit.rlim_cur / 4 : KEPT_FREE;
    return (rlim_t)lowest + kept >= limit.rlim_cur;
}

static bool may_accept(int descriptor)
{
    entry_t *entry = &table[descriptor];
    for (int keeper = 0; keeper < KEEPERS; keeper++)
        if (__atomic_load_n(&entry->counted[keeper], __ATOMIC_ACQUIRE)
            && __atomic_load_n(&entry->places[keeper], __ATOMIC_RELAXED) <= 0)
            return false;
    return !few_left(entry->epoll);
}

/* Remove a listener from those that accept nothing; return whether it was one. Hold the lock. */
static bool forget_closed(int descriptor)
{
    for (int at = 0; at < closed_count; at++) {
        if (closed[at] != descriptor) continue;
        closed[at] = closed[--closed_count];
        return true;
    }
    return false;
}

/* Handle an event of a listener. False: it is not reported, and the listener not polled for now. */
static bool gate(int descriptor)
{
    entry_t *entry = &table[descriptor];
    if (may_accept(descriptor)) {
        for (int keeper = 0; keeper < KEEPERS; keeper++)
            if (entry->counted[keeper])
                __atomic_fetch_sub(&entry->places[keeper], 1, __ATOMIC_RELAXED);
        return true;
    }
    struct epoll_event unused;
    pthread_mutex_lock(&gate_lock);
    bool room = closed_count < CLOSED_MOST;
    if (room && entry->listed) {
        closed[closed_count++] = descriptor;
        epoll_ctl(entry->epoll, EPOLL_CTL_DEL, descriptor, &unused);
        entry->listed = false;
    }
    pthread_mutex_unlock(&gate_lock);
    return !room;
}

/* Poll listeners of this epoll again that may accept; return whether others are left. */
static bool open_gates(int epoll)
{
    if (!__atomic_load_n(&closed_count, __ATOMIC_RELAXED)) return false;
    bool left = false;
    pthread_mutex_lock(&gate_lock);
    for (int at = closed_count - 1; at >= 0; at--) {
        int descriptor = closed[at];
        entry_t *entry = &table[descriptor];
        if (entry->epoll != epoll) continue;
        struct epoll_event asked = {.events = entry->events, .data.u64 = (uint64_t)descriptor};
        bool opens = may_accept(descriptor);
        if (opens && epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &asked) == 0) {
            entry->listed = true;
            closed[at] = closed[--closed_count];
        } else
            left = true;
    }
    pthread_mutex_unlock(&gate_lock);
    return left;
}

/* Set how many connections a listener may accept for a keeper; return how many places it had left.
 * Call it in the keeper's thread. */
static int32_t give_places(long descriptor, int keeper, int32_t places)
{
    if (!table || descriptor < 0 || descriptor >= DESCRIPTORS) return places;
    entry_t *entry = &table[descriptor];
    if (!entry->listens) return places; /* it was closed, or is not polled yet */
    bool counted = entry->counted[keeper];
    int32_t left = __atomic_exchange_n(&entry->places[keeper], places, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->counted[keeper], true, __ATOMIC_RELEASE);
    return counted ? left : places;
}
