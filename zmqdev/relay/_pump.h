/* Sending what the Python function of the routes yields to the backends; the same as pump.py.
 *
 * The GIL is held throughout, as in _bursts.h. An item is sent before the next one is asked for,
 * so a backend that is full suspends the function.
 */

enum { FEW = 8 };                  /* most outlets that are searched one by one */
enum { ALL_UP_TO = 32, EACH_OF = 16 }; /* sendings that are timed: the first, then one of so many */
enum { P_MORE, P_ENDED, P_RAISED, P_FULL, P_OTHER };

typedef struct {
    void *socket; /* NULL for a ROUTER: its messages need their addresses unveiled */
    uint64_t *cells;
    PyObject *name; /* the object that named it last; mostly it is the same again */
} outlet_t;

typedef struct {
    outlet_t *outlets;
    Py_ssize_t count;
    PyObject *results, *names;
    void *capture, *tap;
    const char *label; /* the first frame of a copy for the capture */
    Py_ssize_t label_size;
    unsigned long long sent, bytes;
    uint64_t items, timed, ticks; /* items sent, those that were timed, and their ticks */
} pump_t;

/* A clock that costs a fifth of clock_gettime. Its unit does not matter, since two readings of both
 * clocks give the length of a tick. */
static uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
    return (uint64_t)clock_ns();
#endif
}

/* Return the raised exception as an object; NULL when there is none. */
static PyObject *raised(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* Return the bytes of a message; -1 when it is malformed. */
static int64_t size_of(PyObject *object)
{
    items_t message = items_of(object);
    int64_t size = message.count ? 0 : -1;
    for (Py_ssize_t at = 0; at < message.count; at++) {
        PyObject *frame = message.item(object, at);
        if (!is_bytes(frame)) return -1;
        size += PyBytes_Size(frame);
    }
    return size;
}

/* Return the outlet with a name; NULL when there is none, or the name is no text. */
static outlet_t *outlet_named(const pump_t *pump, PyObject *name)
{
    for (Py_ssize_t at = 0; at < pump->count && at < FEW; at++)
        if (pump->outlets[at].name == name) return &pump->outlets[at];
    PyObject *place = PyUnicode_CheckExact(name) ? PyDict_GetItem(pump->names, name) : NULL;
    Py_ssize_t at = place ? PyLong_AsSsize_t(place) : -1;
    if (at < 0 || at >= pump->count) return NULL;
    Py_XDECREF(pump->outlets[at].name);
    pump->outlets[at].name = Py_NewRef(name);
    return &pump->outlets[at];
}

/* Return the outlet of an item and its message; NULL when the item is malformed. */
static outlet_t *outlet_of(const pump_t *pump, PyObject *item, PyObject **message, int64_t *size)
{
    if (!PyTuple_CheckExact(item) || PyTuple_Size(item) != 2) return NULL;
    outlet_t *outlet = outlet_named(pump, PyTuple_GetItem(item, 0));
    if (!outlet || !outlet->socket) return NULL;
    *message = PyTuple_GetItem(item, 1);
    *size = size_of(*message);
    return *size < 0 ? NULL : outlet;
}

static void copy_to(const pump_t *pump, PyObject *message)
{
    int size = 0;
    if (pump->capture && pump->label_size)
        RETRY(size, zmq_send(pump->capture, pump->label, (size_t)pump->label_size,
            ZMQ_DONTWAIT | ZMQ_SNDMORE));
    if (pump->capture && size >= 0) offer(pump->capture, message);
    if (!pump->tap) return;
    RETRY(size, zmq_send(pump->tap, ">", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE));
    if (size >= 0) offer(pump->tap, message);
}

/* Send one item; P_MORE when it was sent; < 0: see errno. */
static int pump_one(pump_t *pump, PyObject *item)
{
    PyObject *message;
    int64_t size;
    outlet_t *outlet = outlet_of(pump, item, &message, &size);
    if (!outlet) return P_OTHER;
    int error = offer(outlet->socket, message);
    if (error) {
        errno = error;
        return error == EAGAIN ? P_FULL : FAILED;
    }
    add(&outlet->cells[0], 1);
    add(&outlet->cells[1], (uint64_t)size);
    pump->sent++, pump->bytes += (uint64_t)size;
    if (pump->capture || pump->tap) copy_to(pump, message);
    return P_MORE;
}

/* Measure some of the sendings. The rest of the time is that of the function, so none of its calls
 * is missed. Two readings of the clock for each item would cost a tenth of the whole time. */
static int pump_timed(pump_t *pump, PyObject *item)
{
    if (pump->items++ >= ALL_UP_TO && pump->items % EACH_OF) return pump_one(pump, item);
    uint64_t before = ticks_now();
    int why = pump_one(pump, item), error = errno;
    pump->ticks += ticks_now() - before;
    pump->timed++;
    errno = error;
    return why;
}

/* Send up to `limit` items; return why it ended, with the object in `what`. */
static int pump_all(pump_t *pump, Py_ssize_t limit, PyObject **what)
{
    for (*what = NULL; limit > 0; limit--) {
        PyObject *item = PyIter_Next(pump->results);
        if (!item) return (*what = raised()) ? P_RAISED : P_ENDED;
        int why = pump_timed(pump, item);
        if (why != P_MORE) {
            *what = item;
            return why;
        }
        Py_DECREF(item);
    }
    return P_MORE;
}

static int open_outlet(state_t *state, outlet_t *outlet, PyObject *target)
{
    PyObject *socket = target ? PyObject_GetAttrString(target, "socket") : NULL;
    outlet->cells = socket ? address_of(target) : NULL;
    outlet->socket = outlet->cells ? handle(state, socket) : NULL;
    Py_XDECREF(socket);
    if (!outlet->socket) return -1;
    if (get(outlet->socket, ZMQ_TYPE) == ZMQ_ROUTER) outlet->socket = NULL;
    return 0;
}

/* Make the outlets of the targets; NULL with an exception. */
static outlet_t *outlets_of(state_t *state, PyObject *targets, Py_ssize_t count)
{
    outlet_t *outlets = calloc((size_t)count + 1, sizeof *outlets);
    if (!outlets) PyErr_NoMemory();
    for (Py_ssize_t at = 0; outlets && at < count; at++)
        if (open_outlet(state, &outlets[at], PyTuple_GetItem(targets, at)) < 0)
            free(outlets), outlets = NULL;
    return outlets;
}

static void close_outlets(pump_t *pump)
{
    for (Py_ssize_t at = 0; at < pump->count; at++) Py_XDECREF(pump->outlets[at].name);
    free(pump->outlets);
}

/* pump(results, names, targets, limit, capture, tap, label="") -> (sent, bytes, ns, why, what) */
static PyObject *pump(PyObject *module, PyObject *args)
{
    state_t *state = PyModule_GetState(module);
    PyObject *targets, *capture, *tap, *what;
    Py_ssize_t limit;
    pump_t made = {0};
    if (!PyArg_ParseTuple(args, "OO!O!nOO|y#:pump", &made.results, &PyDict_Type, &made.names,
            &PyTuple_Type, &targets, &limit, &capture, &tap, &made.label, &made.label_size))
        return NULL;
    if (!PyIter_Check(made.results)) {
        PyErr_SetString(PyExc_TypeError, "results are an iterator");
        return NULL;
    }
    if (capture != Py_None && !(made.capture = handle(state, capture))) return NULL;
    if (tap != Py_None && !(made.tap = handle(state, tap))) return NULL;
    made.count = PyTuple_Size(targets);
    made.outlets = outlets_of(state, targets, made.count);
    if (!made.outlets) return NULL;
    int64_t began = clock_ns();
    uint64_t first = ticks_now();
    int why = pump_all(&made, limit, &what), error = errno;
    double took = (double)(clock_ns() - began), tick = took / (double)(ticks_now() - first + 1);
    double sending = made.timed ? tick * (double)made.ticks / (double)made.timed : 0;
    close_outlets(&made);
    if (why < 0) {
        Py_XDECREF(what);
        return fail(state, error);
    }
    if (!what) what = Py_NewRef(Py_None);
    double left = took - sending * (double)made.items;
    long long ns = left > 0 ? (long long)left : 0;
    return Py_BuildValue("KKLiN", made.sent, made.bytes, ns, why, what);
}
