/* The C half of the data path, as a Python module: Relay, recv_burst, send_burst.
 *
 * relay/native.py wraps it, twin.py and bursts.py are the same in Python, and
 * tests/relay tests both halves in the same way.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_zmq.h"

#include "_veil.h"

#include "_loop.h"

#include "_route_text.h"

#include "_route_json.h"

#include "_route_limits.h"

#include "_route_table.h"

#include "_decision.h"

#include "_route.h"

#include "_routes.h"

#include "_backends.h"

#include "_routed.h"

typedef struct {
    PyObject *failure; /* makes the exception for an errno */
    PyTypeObject *routes_type;
} state_t;

static PyObject *fail(state_t *state, int error)
{
    PyObject *failure = PyObject_CallFunction(state->failure, "i", error);
    if (failure) PyErr_SetObject((PyObject *)Py_TYPE(failure), failure);
    Py_XDECREF(failure);
    return NULL;
}

/* Return the void * of a pyzmq socket, or NULL with an exception, also for a closed one. */
static void *handle(state_t *state, PyObject *socket)
{
    if (!state->failure) {
        PyErr_SetString(PyExc_RuntimeError, "bind was not called");
        return NULL;
    }
    PyObject *address = PyObject_GetAttrString(socket, "underlying");
    void *pointer = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    if (!pointer && !PyErr_Occurred()) fail(state, ENOTSOCK);
    return pointer;
}

#include "_bursts.h"

/* ---- the Relay type ---- */

/* Return the `.address` of an object; NULL with an exception. */
static void *address_of(PyObject *object)
{
    PyObject *address = PyObject_GetAttrString(object, "address");
    void *pointer = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    return pointer;
}

static PyObject *relay_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *frontend, *backend, *wake, *counters;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Relay takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OOOO:Relay", &frontend, &backend, &wake, &counters)) return NULL;
    uint64_t *cells = address_of(counters);
    PyObject *kept = cells ? PyObject_GetAttrString(counters, "origins") : NULL;
    uint8_t *origins = kept ? address_of(kept) : NULL;
    Py_XDECREF(kept); /* the counters keep it */
    if (!origins) return NULL;
    relay_t *relay = (relay_t *)PyType_GenericAlloc(type, 0);
    if (!relay) return NULL;
    relay->sockets = PyTuple_Pack(3, frontend, backend, wake);
    relay->counters = Py_NewRef(counters);
    for (int side = 0; side < 2; side++) {
        relay->lanes[side].source = &relay->ends[side];
        relay->lanes[side].target = &relay->ends[!side];
        relay->lanes[side].cells = cells + side * WIDTH;
        relay->lanes[side].origins = origins + 1 + side * ORIGINS;
        relay->lanes[side].mark = "><"[side];
    }
    relay->turns = cells + 2 * WIDTH;
    relay->origins_wanted = origins;
    if (!relay->sockets) Py_CLEAR(relay);
    return (PyObject *)relay;
}

static int relay_traverse(relay_t *relay, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(relay));
    Py_VISIT(relay->sockets);
    Py_VISIT(relay->counters);
    return 0;
}

static int relay_clear(relay_t *relay)
{
    Py_CLEAR(relay->sockets);
    Py_CLEAR(relay->counters);
    return 0;
}

static void relay_dealloc(relay_t *relay)
{
    PyTypeObject *type = Py_TYPE(relay);
    PyObject_GC_UnTrack(relay);
    release(&relay->lanes[0].message), release(&relay->lanes[0].copies);
    release(&relay->lanes[1].message), release(&relay->lanes[1].copies);
    relay_clear(relay);
    PyObject_GC_Del(relay);
    Py_DECREF(type);
}

static bool idle(relay_t *relay)
{
    if (relay->running) PyErr_SetString(PyExc_RuntimeError, "the relay is running");
    return !relay->running;
}

static int set_rules(lane_t *lane, PyObject *rules)
{
    unsigned long long topic, frames, bytes;
    int drop, subscriptions;
    lane->active = rules != Py_None;
    lane->waiting = lane->claimed = false;
    lane->since = lane->message.count ? clock_ns() : 0;
    if (!lane->active) return 0;
    if (!PyArg_ParseTuple(rules, "ppKKK", &drop, &subscriptions, &topic, &frames, &bytes)) return -1;
    lane->drop_when_full = drop, lane->subscriptions_only = subscriptions;
    lane->topic_limit = topic, lane->max_frames = frames, lane->max_bytes = bytes;
    return 0;
}

static int open_end(state_t *state, end_t *end, PyObject *socket)
{
    end->dry = false;
    end->socket = handle(state, socket);
    if (!end->socket) return -1;
    end->fd = get(end->socket, ZMQ_FD);
    end->type = get(end->socket, ZMQ_TYPE);
    if (end->fd >= 0 && end->type >= 0) return 0;
    fail(state, errno);
    return -1;
}

/* run(forward, backward, capture, tap, until_idle, limit_ms, stall_ms, handles_signals) -> bool
 * Rules are (drop, subscriptions_only, topic_limit, max_frames, max_bytes) or None. */
static PyObject *relay_run(relay_t *relay, PyObject *args)
{
    state_t *state = PyType_GetModuleState(Py_TYPE(relay));
    PyObject *forward, *backward, *capture, *tap;
    int until_idle, handles_signals;
    long long limit_ms, stall_ms;
    if (!PyArg_ParseTuple(args, "OOOOpLLp:run", &forward, &backward, &capture, &tap, &until_idle,
            &limit_ms, &stall_ms, &handles_signals) || !idle(relay))
        return NULL;
    end_t *ends[3] = {&relay->ends[0], &relay->ends[1], &relay->wake};
    for (int at = 0; at < 3; at++)
        if (open_end(state, ends[at], PyTuple_GetItem(relay->sockets, at)) < 0) return NULL;
    relay->capture = relay->tap = NULL;
    if (capture != Py_None && !(relay->capture = handle(state, capture))) return NULL;
    if (tap != Py_None && !(relay->tap = handle(state, tap))) return NULL;
    if (set_rules(&relay->lanes[0], forward) < 0 || set_rules(&relay->lanes[1], backward) < 0)
        return NULL;
    relay->handles_signals = handles_signals;
    relay->running = true;
    relay->thread = PyEval_SaveThread();
    int result = loop(relay, until_idle, limit_ms, stall_ms), error = errno;
    PyEval_RestoreThread(relay->thread);
    relay->running = false;
    if (result == RAISED) return NULL;
    if (result == FAILED) return error == ENOMEM ? PyErr_NoMemory() : fail(state, error);
    return PyBool_FromLong(result);
}

static PyObject *relay_close(relay_t *relay, PyObject *unused)
{
    (void)unused;
    if (!idle(relay)) return NULL;
    clear(&relay->lanes[0].message);
    clear(&relay->lanes[1].message);
    relay->lanes[0].refused_at = relay->lanes[1].refused_at = 0;
    return Py_NewRef(Py_None);
}

/* Take the held message of the first direction as a list of bytes; None when there is none. */
static PyObject *relay_take_held(relay_t *relay, PyObject *unused)
{
    (void)unused;
    if (!idle(relay)) return NULL;
    lane_t *lane = &relay->lanes[0];
    frames_t *frames = &lane->message;
    if (!frames->count) return Py_NewRef(Py_None);
    PyObject *message = PyList_New((Py_ssize_t)frames->count);
    for (size_t at = 0; message && at < frames->count; at++) {
        PyObject *body = frame_bytes(&frames->slots[at], zmq_msg_size(&frames->slots[at]));
        if (!body || PyList_SetItem(message, (Py_ssize_t)at, body) < 0) Py_CLEAR(message);
    }
    if (message) clear(frames), lane->refused_at = 0;
    return message;
}

static PyObject *relay_held(relay_t *relay, void *unused)
{
    (void)unused;
    return Py_BuildValue("NN", PyBool_FromLong(relay->lanes[0].message.count > 0),
        PyBool_FromLong(relay->lanes[1].message.count > 0));
}

typedef struct {
    const char *bytes;
    Py_ssize_t size;
} label_t;

static int read_labels(label_t labels[2], PyObject *args)
{
    if (!PyArg_ParseTuple(args, "y#y#:label", &labels[0].bytes, &labels[0].size,
            &labels[1].bytes, &labels[1].size))
        return -1;
    if (labels[0].size <= UINT8_MAX && labels[1].size <= UINT8_MAX) return 0;
    PyErr_SetString(PyExc_ValueError, "a label has at most 255 bytes");
    return -1;
}

static void set_label(lane_t *lane, const label_t *label)
{
    memcpy(lane->label, label->bytes, (size_t)label->size);
    lane->label_size = (unsigned char)label->size;
}

/* label(forward, backward): the first frames of copies for the capture; empty for none. */
static PyObject *relay_label(relay_t *relay, PyObject *args)
{
    label_t labels[2];
    if (!idle(relay) || read_labels(labels, args) < 0) return NULL;
    for (int at = 0; at < 2; at++) set_label(&relay->lanes[at], &labels[at]);
    return Py_NewRef(Py_None);
}

static PyMethodDef relay_methods[] = {
    {"label", (PyCFunction)(void (*)(void))relay_label, METH_VARARGS, NULL},
    {"run", (PyCFunction)(void (*)(void))relay_run, METH_VARARGS, NULL},
    {"close", (PyCFunction)(void (*)(void))relay_close, METH_NOARGS, NULL},
    {"take_held", (PyCFunction)(void (*)(void))relay_take_held, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef relay_getset[] = {{"held", (getter)relay_held, NULL, NULL, NULL}, {0}};
static PyType_Slot relay_slots[] = {
    {Py_tp_new, relay_new},
    {Py_tp_dealloc, relay_dealloc},
    {Py_tp_traverse, relay_traverse},
    {Py_tp_clear, relay_clear},
    {Py_tp_methods, relay_methods},
    {Py_tp_getset, relay_getset},
    {0, NULL},
};
static PyType_Spec relay_spec = {"zmqdev.relay._native.Relay", sizeof(relay_t), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, relay_slots};

#include "_routed_type.h"

#include "_pump.h"

/* ---- the module ---- */

/* bind(addresses, failure, keys): the functions of SYMBOLS in order, errno -> exception, and
 * the keys of the veil. */
static PyObject *bind(PyObject *module, PyObject *args)
{
    state_t *state = PyModule_GetState(module);
    PyObject *addresses, *failure, *keys;
    if (!PyArg_ParseTuple(args, "O!OO!:bind", &PyTuple_Type, &addresses, &failure,
            &PyTuple_Type, &keys))
        return NULL;
    for (Py_ssize_t at = 0; symbol_names[at]; at++) {
        PyObject *address = PyTuple_GetItem(addresses, at);
        void *pointer = address ? PyLong_AsVoidPtr(address) : NULL;
        if (PyErr_Occurred()) return NULL;
        *symbol_places[at] = pointer;
    }
    for (int at = 0; at < VEIL_ROUNDS; at++) {
        PyObject *key = PyTuple_GetItem(keys, at);
        veil_keys[at] = key ? PyLong_AsUnsignedLongLong(key) : 0;
        if (PyErr_Occurred()) return NULL;
    }
    Py_XDECREF(state->failure);
    state->failure = Py_NewRef(failure);
    return Py_NewRef(Py_None);
}

static int add_names(PyObject *module, const char *attribute, const char *const *texts)
{
    PyObject *list = PyList_New(0), *names = NULL;
    for (; list && *texts; texts++) {
        PyObject *text = PyUnicode_FromString(*texts);
        if (!text || PyList_Append(list, text) < 0) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    if (list) names = PyList_AsTuple(list);
    int failed = names ? PyModule_AddObjectRef(module, attribute, names) : -1;
    Py_XDECREF(list);
    Py_XDECREF(names);
    return failed;
}

/* Make a type and add it to the module; NULL with an exception. */
static PyTypeObject *add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type && PyModule_AddObjectRef(module, name, type) < 0) Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static int module_exec(PyObject *module)
{
    state_t *state = PyModule_GetState(module);
    PyTypeObject *relay = add_type(module, "Relay", &relay_spec);
    PyTypeObject *routed = relay ? add_type(module, "RoutedRelay", &routed_spec) : NULL;
    state->routes_type = routed ? add_type(module, "Routes", &routes_spec) : NULL;
    Py_XDECREF(relay);
    Py_XDECREF(routed);
    if (!state->routes_type || add_names(module, "SYMBOLS", symbol_names) < 0) return -1;
    return add_names(module, "ROWS", row_names);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    state_t *state = PyModule_GetState(module);
    Py_VISIT(state->failure);
    Py_VISIT(state->routes_type);
    return 0;
}

static int module_clear(PyObject *module)
{
    state_t *state = PyModule_GetState(module);
    Py_CLEAR(state->failure);
    Py_CLEAR(state->routes_type);
    return 0;
}

static PyMethodDef functions[] = {
    {"bind", bind, METH_VARARGS, NULL},
    {"recv_burst", recv_burst, METH_VARARGS, NULL},
    {"send_burst", send_burst, METH_VARARGS, NULL},
    {"pump", pump, METH_VARARGS, NULL},
    {"json_field", json_field, METH_VARARGS, NULL},
    {0},
};
static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module_def = {PyModuleDef_HEAD_INIT, "_native", NULL, sizeof(state_t),
    functions, module_slots, module_traverse, module_clear, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module_def);
}
