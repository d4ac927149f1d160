/* RoutedRelay, the Python type around the loop of _routed.h. */

static int set_targets(routed_t *routed, PyObject *cells)
{
    Py_ssize_t count = PyTuple_Size(cells);
    if (count < 1 || count != routed->routes->table.backend_count) {
        PyErr_SetString(PyExc_ValueError, "a target for each backend of the routes");
        return -1;
    }
    routed->targets = calloc((size_t)count, sizeof *routed->targets);
    routed->lanes = calloc((size_t)count + 1, sizeof *routed->lanes);
    if (!routed->targets || !routed->lanes) return PyErr_NoMemory(), -1;
    routed->count = (int)count;
    for (Py_ssize_t at = 0; at < count; at++)
        routed->targets[at].cells = PyLong_AsVoidPtr(PyTuple_GetItem(cells, at));
    return PyErr_Occurred() ? -1 : decision_make(&routed->decision, (int)count);
}

static void set_lane(lane_t *lane, end_t *source, end_t *target, uint64_t *cells,
    uint8_t *origins, char mark)
{
    *lane = (lane_t){.source = source, .target = target, .cells = cells, .origins = origins};
    lane->mark = mark;
}

static int set_lanes(routed_t *routed, PyObject *counters)
{
    relay_t *base = &routed->base;
    uint64_t *cells = address_of(counters);
    PyObject *kept = cells ? PyObject_GetAttrString(counters, "origins") : NULL;
    uint8_t *origins = kept ? address_of(kept) : NULL;
    Py_XDECREF(kept); /* the counters keep it */
    if (!origins) return -1;
    routed->many.type = OTHER;
    set_lane(routed->lanes, &base->ends[0], &routed->many, cells, origins + 1, '>');
    for (int at = 0; at < routed->count; at++)
        set_lane(&routed->lanes[at + 1], &routed->targets[at].end, &base->ends[0], cells + WIDTH,
            origins + 1 + ORIGINS, '<');
    base->turns = cells + 2 * WIDTH;
    base->origins_wanted = origins;
    return 0;
}

/* RoutedRelay(sockets, cells, counters, routes, enveloped). `sockets`: frontend, wake, backends.
 * `cells`: the addresses of the numbers of each backend, whose arrays the caller keeps alive. */
static PyObject *routed_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    state_t *state = PyType_GetModuleState(type);
    PyObject *sockets, *cells, *counters, *routes;
    int enveloped;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!O!OO!p:RoutedRelay", &PyTuple_Type, &sockets, &PyTuple_Type,
            &cells, &counters, state->routes_type, &routes, &enveloped))
        return NULL;
    routed_t *routed = (routed_t *)PyType_GenericAlloc(type, 0);
    if (!routed) return NULL;
    routed->base.sockets = Py_NewRef(sockets);
    routed->base.counters = Py_NewRef(counters);
    routed->routes = (routes_t *)Py_NewRef(routes);
    routed->enveloped = enveloped;
    if (set_targets(routed, cells) < 0 || set_lanes(routed, counters) < 0) Py_CLEAR(routed);
    return (PyObject *)routed;
}

static int routed_traverse(routed_t *routed, visitproc visit, void *arg)
{
    Py_VISIT(routed->routes);
    Py_VISIT(routed->next);
    return relay_traverse(&routed->base, visit, arg);
}

static int routed_clear(routed_t *routed)
{
    Py_CLEAR(routed->routes);
    Py_CLEAR(routed->next);
    return relay_clear(&routed->base);
}

static void routed_dealloc(routed_t *routed)
{
    PyTypeObject *type = Py_TYPE(routed);
    PyObject_GC_UnTrack(routed);
    for (int at = 0; routed->lanes && at <= routed->count; at++)
        release(&routed->lanes[at].message), release(&routed->lanes[at].copies);
    decision_free(&routed->decision);
    free(routed->targets), free(routed->lanes);
    routed_clear(routed);
    PyObject_GC_Del(routed);
    Py_DECREF(type);
}

static int open_targets(state_t *state, routed_t *routed)
{
    for (int at = 0; at < routed->count; at++) {
        target_t *target = &routed->targets[at];
        PyObject *socket = PyTuple_GetItem(routed->base.sockets, at + 2);
        if (!socket || open_end(state, &target->end, socket) < 0) return -1;
        target->claimed = false;
        target->waits = -1;
        target->publishes = target->end.type == ZMQ_PUB || target->end.type == ZMQ_XPUB;
    }
    return 0;
}

static int open_all(state_t *state, routed_t *routed, PyObject *capture, PyObject *tap)
{
    relay_t *base = &routed->base;
    if (open_end(state, &base->ends[0], PyTuple_GetItem(base->sockets, 0)) < 0) return -1;
    if (open_end(state, &base->wake, PyTuple_GetItem(base->sockets, 1)) < 0) return -1;
    base->capture = base->tap = NULL;
    if (capture != Py_None && !(base->capture = handle(state, capture))) return -1;
    if (tap != Py_None && !(base->tap = handle(state, tap))) return -1;
    return open_targets(state, routed);
}

/* Run the loop with the GIL released. */
static int run_loop(routed_t *routed, int until_idle, long long limit_ms)
{
    size_t most = 2 * (size_t)routed->count + 2;
    struct pollfd *polled = calloc(most, sizeof *polled);
    end_t **ends = calloc(most, sizeof *ends);
    int result = FAILED, error = ENOMEM;
    if (polled && ends) {
        routed->base.running = true;
        routed->base.thread = PyEval_SaveThread();
        result = loop_routed(routed, until_idle, limit_ms, polled, ends), error = errno;
        PyEval_RestoreThread(routed->base.thread);
        routed->base.running = false;
    }
    free(polled), free(ends);
    errno = error;
    return result;
}

/* Like relay_run. */
static PyObject *routed_run(routed_t *routed, PyObject *args)
{
    state_t *state = PyType_GetModuleState(Py_TYPE(routed));
    PyObject *forward, *backward, *capture, *tap;
    int until_idle, handles_signals;
    long long limit_ms;
    if (!PyArg_ParseTuple(args, "OOOOpLp:run", &forward, &backward, &capture, &tap, &until_idle,
            &limit_ms, &handles_signals) || !idle(&routed->base))
        return NULL;
    if (open_all(state, routed, capture, tap) < 0) return NULL;
    for (int at = 0; at <= routed->count; at++)
        if (set_rules(&routed->lanes[at], at ? backward : forward) < 0) return NULL;
    routed->base.handles_signals = handles_signals;
    int result = run_loop(routed, until_idle, limit_ms), error = errno;
    if (result == RAISED) return NULL;
    if (result == FAILED) return error == ENOMEM ? PyErr_NoMemory() : fail(state, error);
    return PyBool_FromLong(result);
}

/* renew(routes): use these from the next message on. Any thread. */
static PyObject *routed_renew(routed_t *routed, PyObject *routes)
{
    state_t *state = PyType_GetModuleState(Py_TYPE(routed));
    int is_one = PyObject_IsInstance(routes, (PyObject *)state->routes_type);
    if (is_one < 0) return NULL;
    if (!is_one || ((routes_t *)routes)->table.backend_count != routed->count) {
        PyErr_SetString(PyExc_ValueError, "Routes with the same backends");
        return NULL;
    }
    routes_t *before = routed->next;
    __atomic_store_n(&routed->next, (routes_t *)Py_NewRef(routes), __ATOMIC_RELEASE);
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

static PyObject *routed_close(routed_t *routed, PyObject *unused)
{
    (void)unused;
    if (!idle(&routed->base)) return NULL;
    for (int at = 0; at <= routed->count; at++) clear(&routed->lanes[at].message);
    routed->begun = false;
    return Py_NewRef(Py_None);
}

static PyObject *routed_held(routed_t *routed, void *unused)
{
    (void)unused;
    bool back = false;
    for (int at = 1; at <= routed->count; at++) back |= routed->lanes[at].message.count > 0;
    return Py_BuildValue("NN", PyBool_FromLong(routed->lanes->message.count > 0),
        PyBool_FromLong(back));
}

static PyObject *routed_routes(routed_t *routed, void *unused)
{
    (void)unused;
    return Py_NewRef(routed->routes);
}

/* Like relay_label. */
static PyObject *routed_label(routed_t *routed, PyObject *args)
{
    label_t labels[2];
    if (!idle(&routed->base) || read_labels(labels, args) < 0) return NULL;
    for (int at = 0; at <= routed->count; at++) set_label(&routed->lanes[at], &labels[at > 0]);
    return Py_NewRef(Py_None);
}

static PyMethodDef routed_methods[] = {
    {"label", (PyCFunction)(void (*)(void))routed_label, METH_VARARGS, NULL},
    {"run", (PyCFunction)(void (*)(void))routed_run, METH_VARARGS, NULL},
    {"renew", (PyCFunction)(void (*)(void))routed_renew, METH_O, NULL},
    {"close", (PyCFunction)(void (*)(void))routed_close, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef routed_getset[] = {
    {"held", (getter)routed_held, NULL, NULL, NULL},
    {"routes", (getter)routed_routes, NULL, NULL, NULL},
    {0},
};
static PyType_Slot routed_slots[] = {
    {Py_tp_new, routed_new},
    {Py_tp_dealloc, routed_dealloc},
    {Py_tp_traverse, routed_traverse},
    {Py_tp_clear, routed_clear},
    {Py_tp_methods, routed_methods},
    {Py_tp_getset, routed_getset},
    {0, NULL},
};
static PyType_Spec routed_spec = {"zmqdev.relay._native.RoutedRelay", sizeof(routed_t), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, routed_slots};
