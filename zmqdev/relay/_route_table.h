/* The table of routes in C, made from the tuples of relay/compiled.py.
 *
 * Texts stay in Python's memory, as the table keeps the tuples. All other memory is linked to
 * `owned` and freed with it.
 */
enum { PICK_ALL, PICK_FIRST, PICK_NEXT, PICK_HASH };
enum { FULL_BLOCK, FULL_DROP, FULL_NEXT };
enum { OF_FRAME, OF_FIELD, OF_SIZE, OF_NONE };
enum { NO_KEY = INT32_MIN };

typedef struct condition {
    int kind, number; /* OF_FRAME: which frame; OF_FIELD: which path */
    pattern_t *patterns;
    size_t count; /* of patterns; OF_NONE: of conditions */
    uint64_t size; /* OF_SIZE: more bytes than this */
    struct condition *inner; /* OF_NONE: not all of these hold */
} condition_t;

/* The parts of the new first frame: `before`, what the first star matched, `after`. */
typedef struct {
    bool wanted, captured;
    span_t before, after;
} rename_t;

/* The fields that every message needs come first, so that they are close together: with a thousand
 * routes most of the time is spent waiting for memory. */
typedef struct {
    uint64_t *cells; /* messages, bytes, full; other threads read them */
    int *targets, target_count;
    int only; /* the target, where it is one; `targets` points here then */
    int pick, on_full, by; /* by: the number of a frame, NO_KEY */
    int turn; /* of PICK_NEXT: which target comes first */
    bool copy;
    bool certain; /* what the index finds for it always matches */
    bool limited; /* it has a share or a rate */
    bool plain;   /* certain, and passes everything unchanged to one backend only */
    int64_t share, due; /* due: what share_takes remembers */
    rate_t rate; /* depth 0: no limit */
    rename_t rename;
    condition_t *conditions;
    size_t count;
} route_t;

/* A path and the value found for message number `of`. */
typedef struct {
    span_t *names;
    size_t count;
    uint64_t of;
    bool found;
    span_t value;
    buffer_t buffer;
} path_t;

/* Routes for first frames that begin with `text`, in order, including those of shorter prefixes. */
typedef struct {
    uint64_t head; /* of the text */
    span_t text;
    route_t *plain; /* the first route, if it is plain */
    const int *routes;
    int count;
    int only; /* the route, where it is one; `routes` points here then */
} prefix_t;

typedef struct {
    prefix_t *slots; /* open addressing; `routes` is NULL in a free one */
    uint64_t mask;
    size_t *lengths, length_count; /* of the texts, each once, longest first */
    const int *always; /* routes that any first frame may fit */
    size_t always_count;
} index_t;

typedef struct {
    route_t *routes;
    int route_count, backend_count;
    uint64_t *hashes; /* of the names of the backends */
    uint8_t *copied_only; /* backends that get copies and nothing else */
    int rest; /* the backend for messages that no route takes; -1 for none */
    bool rest_drops;
    path_t *paths;
    size_t path_count;
    index_t index;
    uint64_t serial; /* the number of the last message */
    uint64_t *cells; /* unrouted, dropped, and the refusals of each backend that was full */
    void *owned;
} table_t;

/* ---- memory ---- */

static void *own(table_t *table, size_t count, size_t size)
{
    void **block = calloc(1, sizeof(void *) * 2 + count * size);
    if (!block) return PyErr_NoMemory();
    block[0] = table->owned;
    table->owned = block;
    return block + 2;
}

static void table_free(table_t *table)
{
    for (int at = 0; at < table->route_count; at++) free(table->routes[at].rate.slots);
    for (size_t at = 0; at < table->path_count; at++) free(table->paths[at].buffer.bytes);
    for (void **block = table->owned; block;) {
        void **next = block[0];
        free(block);
        block = next;
    }
    *table = (table_t){0};
}

/* ---- from Python. Each is < 0 with an exception. ---- */

static int read_span(PyObject *bytes, span_t *span)
{
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(bytes, &at, &size) < 0) return -1;
    *span = (span_t){(unsigned char *)at, (size_t)size};
    return 0;
}

/* Convert the items of a tuple to an array; NULL with an exception. */
typedef int read_t(table_t *table, PyObject *item, void *into);

static void *read_all(table_t *table, PyObject *items, size_t size, read_t *read, size_t *count)
{
    Py_ssize_t there = PyTuple_Size(items);
    char *made = there < 0 ? NULL : own(table, (size_t)there, size);
    for (Py_ssize_t at = 0; made && at < there; at++)
        if (read(table, PyTuple_GetItem(items, at), made + (size_t)at * size) < 0) return NULL;
    *count = (size_t)there;
    return made;
}

/* Read (text, any): `any` is empty, or has a byte for each byte of the text. */
static int read_segment(table_t *table, PyObject *item, void *into)
{
    PyObject *text, *any;
    span_t flags;
    segment_t *segment = into;
    (void)table;
    if (!PyArg_ParseTuple(item, "SS:segment", &text, &any)) return -1;
    if (read_span(text, &segment->text) < 0 || read_span(any, &flags) < 0) return -1;
    segment->any = flags.size ? flags.bytes : NULL;
    if (!flags.size || flags.size == segment->text.size) return 0;
    PyErr_SetString(PyExc_ValueError, "a byte for each of the text");
    return -1;
}

static int read_pattern(table_t *table, PyObject *item, void *into)
{
    pattern_t *pattern = into;
    pattern->segments = read_all(table, item, sizeof(segment_t), read_segment, &pattern->count);
    if (!pattern->segments) return -1;
    if (pattern->count) return 0;
    PyErr_SetString(PyExc_ValueError, "a pattern has a segment");
    return -1;
}

/* Read (kind, number, patterns, size, inner); parts that a kind does not use are 0 or (). */
static int read_condition(table_t *table, PyObject *item, void *into)
{
    condition_t *condition = into;
    PyObject *patterns, *inner;
    unsigned long long size;
    if (!PyArg_ParseTuple(item, "iiO!KO!:condition", &condition->kind, &condition->number,
            &PyTuple_Type, &patterns, &size, &PyTuple_Type, &inner))
        return -1;
    condition->size = size;
    if (condition->kind == OF_FIELD && (size_t)condition->number >= table->path_count) {
        PyErr_SetString(PyExc_IndexError, "no such path");
        return -1;
    }
    if (condition->kind != OF_NONE) {
        condition->patterns =
            read_all(table, patterns, sizeof(pattern_t), read_pattern, &condition->count);
        return condition->patterns ? 0 : -1;
    }
    if (Py_EnterRecursiveCall(" in a condition") < 0) return -1;
    condition->inner =
        read_all(table, inner, sizeof(condition_t), read_condition, &condition->count);
    Py_LeaveRecursiveCall();
    return condition->inner ? 0 : -1;
}

static int read_name_of_path(table_t *table, PyObject *item, void *into)
{
    (void)table;
    return read_span(item, into);
}

static int read_path(table_t *table, PyObject *item, void *into)
{
    path_t *path = into;
    path->names = read_all(table, item, sizeof(span_t), read_name_of_path, &path->count);
    return path->names ? 0 : -1;
}

static int read_number(table_t *table, PyObject *item, void *into)
{
    long number = PyLong_AsLong(item);
    (void)table;
    *(int *)into = (int)number;
    return number == -1 && PyErr_Occurred() ? -1 : 0;
}

static int read_target(table_t *table, PyObject *item, void *into)
{
    if (read_number(table, item, into) < 0) return -1;
    if (*(int *)into >= 0 && *(int *)into < table->backend_count) return 0;
    PyErr_SetString(PyExc_IndexError, "no such backend");
    return -1;
}

static int read_rename(PyObject *item, rename_t *rename)
{
    PyObject *before, *after;
    int captured;
    if (item == Py_None) return 0;
    if (!PyArg_ParseTuple(item, "SpS:rename", &before, &captured, &after)) return -1;
    rename->wanted = true, rename->captured = captured;
    return read_span(before, &rename->before) < 0 ? -1 : read_span(after, &rename->after);
}

/* Return whether every first frame that begins with one of its prefixes matches. */
static bool is_certain(const route_t *route)
{
    const condition_t *only = route->conditions;
    if (route->count != 1 || only->kind != OF_FRAME || only->number) return false;
    for (size_t at = 0; at < only->count; at++)
        if (!is_prefix(&only->patterns[at])) return false;
    return true;
}

/* Read (conditions, targets, pick, copy, on_full, share, cost, depth, by, rename, cells). */
static int read_route(table_t *table, PyObject *item, void *into)
{
    route_t *route = into;
    PyObject *conditions, *targets, *rename;
    int copy;
    long long share, cost, depth;
    unsigned long long cells;
    size_t count;
    if (!PyArg_ParseTuple(item, "O!O!ipiLLLiOK:route", &PyTuple_Type, &conditions, &PyTuple_Type,
            &targets, &route->pick, &copy, &route->on_full, &share, &cost, &depth, &route->by,
            &rename, &cells))
        return -1;
    route->copy = copy, route->share = share, route->cells = (uint64_t *)(uintptr_t)cells;
    route->limited = share < WHOLE || depth;
    route->rate = (rate_t){.cost = cost, .depth = depth, .keyed = route->by != NO_KEY};
    route->conditions =
        read_all(table, conditions, sizeof(condition_t), read_condition, &route->count);
    if (!route->conditions) return -1;
    route->certain = is_certain(route);
    route->targets = read_all(table, targets, sizeof(int), read_target, &count);
    if (!route->targets) return -1;
    route->target_count = (int)count;
    if (count == 1) route->only = *route->targets, route->targets = &route->only;
    if (route->target_count > table->backend_count) {
        PyErr_SetString(PyExc_ValueError, "a backend stands there twice");
        return -1;
    }
    bool whole = !route->limited && !copy && rename == Py_None;
    route->plain = route->certain && whole && route->target_count == 1;
    return read_rename(rename, &route->rename);
}

/* ---- the index of prefixes ---- */

static int read_index_number(table_t *table, PyObject *item, void *into)
{
    if (read_number(table, item, into) < 0) return -1;
    if (*(int *)into >= 0 && *(int *)into < table->route_count) return 0;
    PyErr_SetString(PyExc_IndexError, "no such route");
    return -1;
}

static void put_prefix(index_t *index, prefix_t prefix)
{
    uint64_t at = quick(prefix.head, prefix.text) & index->mask;
    while (index->slots[at].routes) at = (at + 1) & index->mask;
    index->slots[at] = prefix;
    if (prefix.count != 1) return;
    index->slots[at].only = *prefix.routes;
    index->slots[at].routes = &index->slots[at].only;
}

/* Read (text, routes). */
static int read_prefix(table_t *table, PyObject *item, void *into)
{
    prefix_t *prefix = into;
    PyObject *text, *routes;
    size_t count = 0;
    if (!PyArg_ParseTuple(item, "SO!:prefix", &text, &PyTuple_Type, &routes)) return -1;
    if (read_span(text, &prefix->text) < 0) return -1;
    prefix->head = head_of(prefix->text);
    prefix->routes = read_all(table, routes, sizeof(int), read_index_number, &count);
    prefix->count = (int)count;
    return prefix->routes ? 0 : -1;
}

static int note_lengths(table_t *table, const prefix_t *made, size_t count)
{
    index_t *index = &table->index;
    index->lengths = own(table, count, sizeof(size_t));
    if (!index->lengths) return -1;
    for (size_t at = count; at-- > 0;) /* those with the same length follow each other */
        if (at + 1 == count || made[at].text.size != made[at + 1].text.size)
            index->lengths[index->length_count++] = made[at].text.size;
    return 0;
}

/* Return the first route of a prefix, if it takes a message without a look at any other. */
static route_t *plain_route(const table_t *table, const prefix_t *prefix)
{
    const index_t *index = &table->index;
    if (!prefix->count || !table->routes[*prefix->routes].plain) return NULL;
    if (index->always_count && *index->always < *prefix->routes) return NULL;
    return &table->routes[*prefix->routes];
}

/* Read the prefixes, shortest first, and the routes that any first frame may match. */
static int read_prefixes(table_t *table, PyObject *prefixes, PyObject *always)
{
    index_t *index = &table->index;
    size_t count;
    prefix_t *made = read_all(table, prefixes, sizeof *made, read_prefix, &count);
    if (!made || note_lengths(table, made, count) < 0) return -1;
    index->always = read_all(table, always, sizeof(int), read_index_number, &index->always_count);
    uint64_t room = 4;
    while (room < 2 * count) room *= 2;
    index->mask = room - 1;
    index->slots = own(table, room, sizeof *index->slots);
    if (!index->always || !index->slots) return -1;
    for (size_t at = 0; at < count; at++) {
        made[at].plain = plain_route(table, &made[at]);
        put_prefix(index, made[at]);
    }
    return 0;
}

HOT const prefix_t *prefix_at(const index_t *index, uint64_t head, span_t text)
{
    uint64_t at = quick(head, text) & index->mask;
    for (; index->slots[at].routes; at = (at + 1) & index->mask) {
        const prefix_t *slot = &index->slots[at];
        if (slot->head != head || slot->text.size != text.size) continue;
        if (text.size <= 8 || same(slot->text.bytes + 8, text.bytes + 8, text.size - 8)) return slot;
    }
    return NULL;
}

/* Return the longest prefix of the first frame; NULL for none. */
HOT const prefix_t *longest_prefix(const index_t *index, span_t first)
{
    uint64_t head = head_of(first);
    for (size_t at = 0; at < index->length_count; at++) {
        size_t size = index->lengths[at];
        if (size > first.size) continue;
        const prefix_t *found = prefix_at(index, cut(head, size), (span_t){first.bytes, size});
        if (found) return found;
    }
    return NULL;
}
