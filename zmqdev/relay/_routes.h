/* The Python type Routes: a table, and `decide`, with which tests ask what it would do. */

typedef struct {
    PyObject_HEAD
    table_t table;
    PyObject *source, *message; /* kept alive: what the table was made from; what was asked last */
    Py_ssize_t envelope;
    decision_t decision;
} routes_t;

static int set_backends(table_t *table, PyObject *hashes, PyObject *copied)
{
    span_t flags;
    if (read_span(copied, &flags) < 0) return -1;
    table->backend_count = (int)PyTuple_Size(hashes);
    table->hashes = own(table, (size_t)table->backend_count, sizeof *table->hashes);
    table->copied_only = own(table, (size_t)table->backend_count, 1);
    if (!table->hashes || !table->copied_only) return -1;
    for (int at = 0; at < table->backend_count; at++) {
        table->hashes[at] = PyLong_AsUnsignedLongLong(PyTuple_GetItem(hashes, at));
        table->copied_only[at] = (size_t)at < flags.size && flags.bytes[at];
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* (paths, backends, copied_only, routes, prefixes, always, rest, rest_drops, cells) */
static int read_table(table_t *table, PyObject *source)
{
    PyObject *paths, *hashes, *copied, *routes, *prefixes, *always;
    int drops;
    unsigned long long cells;
    size_t count;
    PyTypeObject *tuple = &PyTuple_Type;
    if (!PyArg_ParseTuple(source, "O!O!SO!O!O!ipK:table", tuple, &paths, tuple, &hashes, &copied,
            tuple, &routes, tuple, &prefixes, tuple, &always, &table->rest, &drops, &cells))
        return -1;
    table->rest_drops = drops, table->cells = (uint64_t *)(uintptr_t)cells;
    if (set_backends(table, hashes, copied) < 0) return -1;
    table->paths = read_all(table, paths, sizeof(path_t), read_path, &table->path_count);
    if (!table->paths) return -1;
    table->routes = read_all(table, routes, sizeof(route_t), read_route, &count);
    if (!table->routes) return -1;
    table->route_count = (int)count;
    if (table->rest < table->backend_count) return read_prefixes(table, prefixes, always);
    PyErr_SetString(PyExc_IndexError, "no such backend");
    return -1;
}

static PyObject *routes_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *source;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!:Routes", &PyTuple_Type, &source)) return NULL;
    routes_t *routes = (routes_t *)PyType_GenericAlloc(type, 0);
    if (!routes) return NULL;
    routes->source = Py_NewRef(source);
    if (read_table(&routes->table, source) < 0
        || decision_make(&routes->decision, routes->table.backend_count) < 0)
        Py_CLEAR(routes);
    return (PyObject *)routes;
}

static int routes_traverse(routes_t *routes, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(routes));
    Py_VISIT(routes->source);
    Py_VISIT(routes->message);
    return 0;
}

/* The table's texts belong to `source`, which holds bytes and numbers and is in no cycle. */
static int routes_clear(routes_t *routes)
{
    Py_CLEAR(routes->message);
    return 0;
}

static void routes_dealloc(routes_t *routes)
{
    PyTypeObject *type = Py_TYPE(routes);
    PyObject_GC_UnTrack(routes);
    routes_clear(routes);
    table_free(&routes->table);
    decision_free(&routes->decision);
    Py_CLEAR(routes->source);
    PyObject_GC_Del(routes);
    Py_DECREF(type);
}

/* ---- what it would do ---- */

/* One call of `decide`: which backends have room, and which messages they got. */
typedef struct {
    routes_t *routes;
    span_t room;
    PyObject *given;
} trial_t;

/* Return the message as the backends get it, or NULL. */
static PyObject *offered(const trial_t *trial, const decision_t *decision)
{
    PyObject *message = PySequence_List(trial->routes->message);
    if (!message || !decision->renamed) return message;
    PyObject *name = PyBytes_FromStringAndSize(
        (char *)decision->name.bytes, (Py_ssize_t)decision->name_size);
    if (!name || PyList_SetItem(message, trial->routes->envelope, name) < 0) Py_CLEAR(message);
    return message;
}

static int offer_trial(void *with, const decision_t *decision, int backend, bool last)
{
    trial_t *trial = with;
    (void)last;
    if ((size_t)backend >= trial->room.size || !trial->room.bytes[backend]) return 0;
    PyObject *message = offered(trial, decision);
    PyObject *pair = message ? Py_BuildValue("iO", backend, message) : NULL;
    int failed = pair ? PyList_Append(trial->given, pair) : -1;
    Py_XDECREF(message);
    Py_XDECREF(pair);
    return failed < 0 ? -1 : 1;
}

/* Give the frames of a message after its envelope to the decision. */
static int set_frames(routes_t *routes, PyObject *message, Py_ssize_t envelope)
{
    decision_t *decision = &routes->decision;
    Py_ssize_t count = PyTuple_Size(message) - envelope;
    if (envelope < 0 || count < 0 || !frames_room(decision, (size_t)count)) {
        PyErr_SetString(PyExc_ValueError, "the envelope is longer than the message");
        return -1;
    }
    size_t bytes = 0;
    decision->count = (size_t)count;
    for (Py_ssize_t at = 0; at < count; at++) {
        if (read_span(PyTuple_GetItem(message, envelope + at), &decision->frames[at]) < 0) return -1;
        bytes += decision->frames[at].size;
    }
    Py_XDECREF(routes->message);
    routes->message = Py_NewRef(message);
    routes->envelope = envelope;
    begin(&routes->table, decision, bytes);
    return 0;
}

/* decide(message or None, envelope, now, room) -> (given, waits, any, done, lost)
 * `room` has a byte for each backend: whether it takes one. With None it continues with the
 * waiting message of the last call. */
static PyObject *routes_decide(routes_t *routes, PyObject *args)
{
    PyObject *message;
    Py_ssize_t envelope;
    long long now;
    const char *room;
    Py_ssize_t backends;
    if (!PyArg_ParseTuple(args, "OnLy#:decide", &message, &envelope, &now, &room, &backends))
        return NULL;
    if (message != Py_None && set_frames(routes, message, envelope) < 0) return NULL;
    decision_t *decision = &routes->decision;
    trial_t trial = {routes, {(const unsigned char *)room, (size_t)backends}, PyList_New(0)};
    step_t step = {&routes->table, decision, offer_trial, &trial, now};
    PyObject *waits = PyList_New(0);
    if (!trial.given || !waits || advance(&step) < 0) goto failed;
    for (int at = 0; at < decision->waiting; at++) {
        PyObject *backend = PyLong_FromLong(decision->waits[at]);
        int wrong = backend ? PyList_Append(waits, backend) : -1;
        Py_XDECREF(backend);
        if (wrong) goto failed;
    }
    return Py_BuildValue("NNNNi", trial.given, waits, PyBool_FromLong(decision->any),
        PyBool_FromLong(is_done(decision)), decision->lost);
failed:
    Py_XDECREF(trial.given);
    Py_XDECREF(waits);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

/* json_field(text, path) -> bytes or None */
static PyObject *json_field(PyObject *module, PyObject *args)
{
    PyObject *text, *names;
    span_t data, value, path[16];
    buffer_t buffer = {NULL, 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "SO!:json_field", &text, &PyTuple_Type, &names)) return NULL;
    Py_ssize_t count = PyTuple_Size(names);
    if (count > 16) PyErr_SetString(PyExc_ValueError, "a path has 16 names at most");
    if (count > 16 || read_span(text, &data) < 0) return NULL;
    for (Py_ssize_t at = 0; at < count; at++)
        if (read_span(PyTuple_GetItem(names, at), &path[at]) < 0) return NULL;
    bool found = field(data, path, (size_t)count, &value, &buffer);
    PyObject *result = found
        ? PyBytes_FromStringAndSize((const char *)value.bytes, (Py_ssize_t)value.size)
        : Py_NewRef(Py_None);
    free(buffer.bytes);
    return result;
}

static PyMethodDef routes_methods[] = {
    {"decide", (PyCFunction)(void (*)(void))routes_decide, METH_VARARGS, NULL},
    {0},
};
static PyType_Slot routes_slots[] = {
    {Py_tp_new, routes_new},
    {Py_tp_dealloc, routes_dealloc},
    {Py_tp_traverse, routes_traverse},
    {Py_tp_clear, routes_clear},
    {Py_tp_methods, routes_methods},
    {0, NULL},
};
static PyType_Spec routes_spec = {"zmqdev.relay._native.Routes", sizeof(routes_t), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, routes_slots};
