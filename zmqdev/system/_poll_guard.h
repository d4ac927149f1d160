/* The poll guard keeps a peer's PING from aborting the program, and keeps a peer that leaves
 * from costing a message.
 *
 * While a pipe is full, libzmq does not poll its connection for input. A peer that resets the
 * connection wakes it nevertheless (EPOLLERR and EPOLLHUP cannot be masked): libzmq takes the
 * connection off its list, and when the pipe has room again it decodes the bytes that it had
 * read before, finds a PING there, answers on a dead connection and aborts (`!_io_error`,
 * stream_engine_base.cpp:310, libzmq 4.3.5; issues 3937, 4364, 4767). Here epoll_ctl and
 * epoll_wait are replaced for libzmq's object only. The end of a connection is reported as the
 * event that libzmq waits for, and is not reported while it waits for none. Once libzmq polls
 * again it reads the end, as from a peer that hangs up. So `_io_error` is never set.
 *
 * The kernel gets the descriptor as the data of an entry. A table by descriptor holds the data
 * that libzmq passed, and the events that it waits for.
 *
 * A peer that wants no more messages closes its connection for writing and goes on reading.
 * libzmq ends the connection when it sees that, even in the middle of a batch of 8192 bytes, and
 * drops the messages that it has written in part. So send and recv are replaced as well: they
 * hide the end of the stream from libzmq, for a quarter of a second at most, until a batch ends
 * at the end of a message. That is so for a batch shorter than 8192 bytes, and when there is
 * nothing more to send.
 */
#ifdef __linux__
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1 << 20 }; /* above it nothing is guarded; the system's usual limit */
enum { ENDED = EPOLLERR | EPOLLHUP };
enum { BATCH = 8192, LONGEST_MS = 250 };

#include "_gate.h"

static int guarded_ctl(int epoll, int operation, int descriptor, struct epoll_event *event)
{
    if (descriptor < 0 || descriptor >= DESCRIPTORS)
        return epoll_ctl(epoll, operation, descriptor, event);
    entry_t *entry = &table[descriptor];
    if (operation == EPOLL_CTL_DEL) {
        bool listed = entry->listed || !entry->known;
        if (entry->listens) {
            pthread_mutex_lock(&gate_lock);
            forget_closed(descriptor);
            pthread_mutex_unlock(&gate_lock);
        } else
            __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
        *entry = (entry_t){0};
        return listed ? epoll_ctl(epoll, operation, descriptor, event) : 0;
    }
    struct epoll_event asked = {.events = event->events, .data.u64 = (uint64_t)descriptor};
    if (operation == EPOLL_CTL_ADD) *entry = (entry_t){0};
    if (operation == EPOLL_CTL_MOD && entry->known && !entry->listed) {
        if (!event->events) return 0;
        operation = EPOLL_CTL_ADD;
    }
    if (epoll_ctl(epoll, operation, descriptor, &asked) < 0) return -1;
    if (!entry->known) *entry = (entry_t){.listens = is_listener(descriptor)};
    entry->data = event->data.u64;
    entry->events = event->events;
    entry->epoll = epoll;
    entry->known = entry->listed = true;
    entry->deaf = false;
    if (!(event->events & EPOLLOUT)) { /* there is no more to send, or it cannot be sent */
        entry->unsent = 0;
        entry->cut = false;
    }
    return 0;
}

/* Stop polling a listener of libzmq's until libzmq closes it. May be called from any thread: the
 * entry of a listener does not change before that. */
static bool leave_unpolled(long descriptor)
{
    if (!table || descriptor < 0 || descriptor >= DESCRIPTORS) return false;
    entry_t *entry = &table[descriptor];
    struct epoll_event unused;
    pthread_mutex_lock(&gate_lock);
    bool was_closed = forget_closed((int)descriptor);
    bool polled = entry->listed
        && epoll_ctl(entry->epoll, EPOLL_CTL_DEL, (int)descriptor, &unused) == 0;
    if (polled) entry->listed = false;
    pthread_mutex_unlock(&gate_lock);
    return was_closed || polled;
}

/* ---- hiding the end of the stream while a message to the peer is partly sent ---- */

static entry_t *entry_of(int descriptor)
{
    if (descriptor < 0 || descriptor >= DESCRIPTORS || !table[descriptor].known) return NULL;
    return &table[descriptor];
}

static bool under_way(const entry_t *entry)
{
    return entry->unsent || entry->cut;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* At the end of the stream the descriptor is always readable: stop polling it for input. */
static void hear_input(entry_t *entry, int descriptor, bool heard)
{
    uint32_t events = heard ? entry->events : entry->events & ~(uint32_t)EPOLLIN;
    struct epoll_event asked = {.events = events, .data.u64 = (uint64_t)descriptor};
    if (epoll_ctl(entry->epoll, EPOLL_CTL_MOD, descriptor, &asked) == 0) entry->deaf = !heard;
}

static ssize_t guarded_send(int descriptor, const void *bytes, size_t length, int flags)
{
    ssize_t sent = send(descriptor, bytes, length, flags);
    int reason = errno;
    entry_t *entry = entry_of(descriptor);
    if (!entry) return sent;
    if (!entry->unsent) entry->cut = length >= BATCH;
    if (sent >= 0) entry->unsent = length - (size_t)sent;
    else if (reason == EAGAIN || reason == EWOULDBLOCK) entry->unsent = length;
    if (entry->deaf && (!under_way(entry) || now_ms() - entry->withheld >= LONGEST_MS))
        hear_input(entry, descriptor, true);
    errno = reason;
    return sent;
}

static ssize_t guarded_recv(int descriptor, void *bytes, size_t length, int flags)
{
    ssize_t got = recv(descriptor, bytes, length, flags);
    entry_t *entry = got == 0 && length ? entry_of(descriptor) : NULL;
    if (!entry || !under_way(entry)) return got;
    if (!entry->withheld) entry->withheld = now_ms();
    if (now_ms() - entry->withheld >= LONGEST_MS) return got;
    hear_input(entry, descriptor, false);
    errno = EAGAIN;
    return -1;
}

/* Translate an event for libzmq; false when there is none for it. */
static bool translated(int epoll, struct epoll_event *event)
{
    if (event->data.u64 >= DESCRIPTORS) return true; /* a pointer of libzmq's own */
    int descriptor = (int)event->data.u64;
    entry_t *entry = &table[descriptor];
    event->data.u64 = entry->data;
    if (entry->listens && !gate(descriptor)) return false;
    /* It is to see the end now, and libzmq sends first. */
    if (entry->withheld && (event->events & EPOLLIN)) event->events &= ~(uint32_t)EPOLLOUT;
    if (!(event->events & ENDED)) return true;
    event->events &= ~(uint32_t)ENDED;
    if (entry->events & EPOLLIN) event->events |= EPOLLIN;
    else if (entry->events & EPOLLOUT) event->events |= EPOLLOUT;
    else {
        /* Level-triggered: the kernel would report it again at once, without end. */
        struct epoll_event unused;
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &unused);
        entry->listed = false;
        return false;
    }
    return true;
}

static int guarded_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    if (open_gates(epoll) && (timeout < 0 || timeout > LOOK_MS)) timeout = LOOK_MS;
    int count = epoll_wait(epoll, events, most, timeout), kept = 0;
    for (int at = 0; at < count; at++)
        if (translated(epoll, &events[at])) events[kept++] = events[at];
    return count < 0 ? count : kept;
}

/* ---- replacing the functions in libzmq's object ---- */

typedef struct {
    uintptr_t inside; /* an address of libzmq's */
    int slots;
} search_t;

static bool holds(const struct dl_phdr_info *object, uintptr_t address)
{
    for (int at = 0; at < object->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[at];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && address >= start && address < start + part->p_memsz)
            return true;
    }
    return false;
}

/* Write a slot of the global offset table, which the loader may have made read-only. */
static bool write_slot(void **slot, void *function)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)slot & ~(page - 1);
    if (mprotect((void *)start, page, PROT_READ | PROT_WRITE) < 0) return false;
    __atomic_store_n(slot, function, __ATOMIC_SEQ_CST);
    return true;
}

static void *replacement(const char *name)
{
    if (!strcmp(name, "epoll_ctl")) return (void *)guarded_ctl;
    if (!strcmp(name, "epoll_wait")) return (void *)guarded_wait;
    if (!strcmp(name, "send")) return (void *)guarded_send;
    if (!strcmp(name, "recv")) return (void *)guarded_recv;
    return NULL;
}

typedef struct {
    uintptr_t base;
    const ElfW(Sym) *symbols;
    const char *names;
} object_t;

/* Entries are Rel or Rela; both begin with offset and info. */
static int replace_in(const object_t *object, uintptr_t entries, size_t bytes, size_t size)
{
    int slots = 0;
    for (size_t at = 0; at + size <= bytes; at += size) {
        const ElfW(Rel) *entry = (const ElfW(Rel) *)(entries + at);
#if UINTPTR_MAX > UINT32_MAX
        size_t symbol = ELF64_R_SYM(entry->r_info);
#else
        size_t symbol = ELF32_R_SYM(entry->r_info);
#endif
        void *function = symbol ? replacement(object->names + object->symbols[symbol].st_name) : NULL;
        if (function && write_slot((void **)(object->base + entry->r_offset), function)) slots++;
    }
    return slots;
}

/* Return an address of the dynamic section; some loaders leave them relative to the file. */
static uintptr_t placed(uintptr_t base, uintptr_t address)
{
    return address < base ? base + address : address;
}

static int replace(uintptr_t base, const ElfW(Dyn) *dynamic)
{
    uintptr_t found[DT_JMPREL + 1] = {0};
    for (; dynamic->d_tag != DT_NULL; dynamic++)
        if (dynamic->d_tag > 0 && dynamic->d_tag <= DT_JMPREL)
            found[dynamic->d_tag] = dynamic->d_un.d_val;
    if (!found[DT_SYMTAB] || !found[DT_STRTAB]) return 0;
    object_t object = {base, (const ElfW(Sym) *)placed(base, found[DT_SYMTAB]),
        (const char *)placed(base, found[DT_STRTAB])};
    size_t plt = found[DT_PLTREL] == DT_RELA ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));
    return replace_in(&object, placed(base, found[DT_JMPREL]), found[DT_PLTRELSZ], plt)
        + replace_in(&object, placed(base, found[DT_RELA]), found[DT_RELASZ], sizeof(ElfW(Rela)))
        + replace_in(&object, placed(base, found[DT_REL]), found[DT_RELSZ], sizeof(ElfW(Rel)));
}

static int look_at(struct dl_phdr_info *object, size_t size, void *given)
{
    (void)size;
    search_t *search = given;
    if (!holds(object, search->inside)) return 0;
    for (int at = 0; at < object->dlpi_phnum; at++)
        if (object->dlpi_phdr[at].p_type == PT_DYNAMIC)
            search->slots = replace(object->dlpi_addr,
                (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[at].p_vaddr));
    return 1;
}

static int guard_poll(uintptr_t inside)
{
    search_t search = {inside, 0};
    if (!table) {
        void *room = mmap(NULL, DESCRIPTORS * sizeof *table, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) return 0;
        table = room;
        dl_iterate_phdr(look_at, &search);
    }
    return search.slots;
}
#else
static int guard_poll(uintptr_t inside)
{
    (void)inside;
    return 0;
}

static bool leave_unpolled(long descriptor)
{
    (void)descriptor;
    return false;
}

enum { KEEPERS = 2 };
static uint64_t ended;

static int32_t give_places(long descriptor, int keeper, int32_t places)
{
    (void)descriptor, (void)keeper;
    return places;
}
#endif
