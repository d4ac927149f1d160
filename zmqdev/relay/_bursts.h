/* Many messages per call between a socket and a Python list; the same as bursts.py.
 *
 * The GIL is held throughout: no call waits, and every message becomes or is Python's.
 */

enum { BURST_BYTES = 4 << 20 }; /* as in bursts.py */

static PyObject *frame_bytes(message_t *frame, size_t size)
{
    return PyBytes_FromStringAndSize(zmq_msg_data(frame), (Py_ssize_t)size);
}

/* Receive the rest of a message after its first frame, to its end even when it cannot be kept, so
 * that the next message is whole. On failure release the list and set it to NULL. */
static void take_rest(void *socket, message_t *frame, PyObject **message, size_t *bytes)
{
    while (zmq_msg_more(frame)) {
        if (receive(frame, socket) < 0) {
            int error = errno;
            Py_CLEAR(*message);
            errno = error;
            return;
        }
        size_t size = zmq_msg_size(frame);
        *bytes += size;
        PyObject *body = *message ? frame_bytes(frame, size) : NULL;
        if (!body || PyList_Append(*message, body) < 0) Py_CLEAR(*message);
        Py_XDECREF(body);
    }
}

/* Receive a message as a list of bytes. NULL with an exception, or without one: see errno. */
static PyObject *take(void *socket, message_t *frame, size_t *bytes)
{
    if (receive(frame, socket) < 0) return NULL;
    size_t size = zmq_msg_size(frame);
    *bytes += size;
    PyObject *message = PyList_New(1);
    PyObject *body = message ? frame_bytes(frame, size) : NULL;
    if (!body || PyList_SetItem(message, 0, body) < 0) Py_CLEAR(message);
    take_rest(socket, frame, &message, bytes);
    return message;
}

/* Add the descriptor on which a message came to a set; < 0 with an exception. */
static int add_origin(PyObject *seen, const message_t *frame)
{
    int descriptor = zmq_msg_get(frame, ZMQ_SRCFD);
    if (descriptor < 0) return 0;
    PyObject *number = PyLong_FromLong(descriptor);
    int failed = number ? PySet_Add(seen, number) : -1;
    Py_XDECREF(number);
    return failed;
}

/* Whether libzmq made a routing id itself: a zero and four bytes. Peers choose the others. */
static bool is_made(const char *id, Py_ssize_t size)
{
    return size == 5 && !id[0];
}

/* Append (place in the burst, descriptor) to a list if the first frame is a routing id that the
 * peer chose; < 0 with an exception. */
static int add_named(PyObject *named, Py_ssize_t at, PyObject *message, const message_t *frame)
{
    char *id;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(PyList_GetItem(message, 0), &id, &size) < 0) return -1;
    if (is_made(id, size)) return 0;
    PyObject *pair = Py_BuildValue("ni", at, zmq_msg_get(frame, ZMQ_SRCFD));
    int failed = pair ? PyList_Append(named, pair) : -1;
    Py_XDECREF(pair);
    return failed;
}

/* Append the descriptor of a message, or NOWHERE, to a list; < 0 with an exception. */
static int add_source(PyObject *sources, const message_t *frame)
{
    PyObject *number = PyLong_FromLong(zmq_msg_get(frame, ZMQ_SRCFD));
    int failed = number ? PyList_Append(sources, number) : -1;
    Py_XDECREF(number);
    return failed;
}

static PyObject *recv_burst(PyObject *module, PyObject *args)
{
    state_t *state = PyModule_GetState(module);
    PyObject *socket, *seen = Py_None, *named = Py_None, *sources = Py_None;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "On|OOO:recv_burst", &socket, &limit, &seen, &named, &sources))
        return NULL;
    void *pointer = handle(state, socket);
    PyObject *messages = pointer ? PyList_New(0) : NULL;
    if (!messages) return NULL;
    message_t frame;
    zmq_msg_init(&frame);
    int error = 0;
    size_t bytes = 0;
    for (Py_ssize_t count = 0; !error && count < limit && bytes < BURST_BYTES; count++) {
        PyObject *message = take(pointer, &frame, &bytes);
        if (!message) error = errno;
        else if (seen != Py_None && add_origin(seen, &frame) < 0) error = -1;
        else if (named != Py_None && add_named(named, count, message, &frame) < 0) error = -1;
        else if (sources != Py_None && add_source(sources, &frame) < 0) error = -1;
        if ((message && PyList_Append(messages, message) < 0) || PyErr_Occurred()) error = -1;
        Py_XDECREF(message);
    }
    zmq_msg_close(&frame);
    if (!error || error == EAGAIN || (error > 0 && PyList_Size(messages))) return messages;
    Py_DECREF(messages);
    return error > 0 ? fail(state, error) : NULL;
}

/* A list or a tuple, whose type is checked only once, since the limited API has no macros. The
 * exact types come first, as they need no call. */
typedef struct {
    PyObject *object, *(*item)(PyObject *, Py_ssize_t);
    Py_ssize_t count;
} items_t;

static bool is_list(PyObject *object)
{
    return PyList_CheckExact(object) || PyList_Check(object);
}

static bool is_bytes(PyObject *object)
{
    return PyBytes_CheckExact(object) || PyBytes_Check(object);
}

static items_t items_of(PyObject *object)
{
    if (is_list(object)) return (items_t){object, PyList_GetItem, PyList_Size(object)};
    if (PyTuple_Check(object)) return (items_t){object, PyTuple_GetItem, PyTuple_Size(object)};
    return (items_t){NULL, NULL, 0};
}

static bool is_message(PyObject *object)
{
    items_t frames = items_of(object);
    for (Py_ssize_t at = 0; at < frames.count; at++) {
        if (is_bytes(frames.item(object, at))) continue;
        PyErr_SetString(PyExc_TypeError, "a frame is bytes");
        return false;
    }
    if (!frames.object)
        PyErr_SetString(PyExc_TypeError, "a message is a list of frames, each bytes");
    else if (!frames.count)
        PyErr_SetString(PyExc_ValueError, "a message has at least one frame");
    return frames.count > 0;
}

static int hand_bytes(const items_t *message, Py_ssize_t at, void *socket)
{
    char *bytes;
    Py_ssize_t size;
    int sent, flags = ZMQ_DONTWAIT | (at + 1 < message->count ? ZMQ_SNDMORE : 0);
    PyBytes_AsStringAndSize(message->item(message->object, at), &bytes, &size);
    RETRY(sent, zmq_send(socket, bytes, (size_t)size, flags));
    return sent;
}

/* Send a message; return 0, or the errno when nothing of it was sent. */
static int offer(void *socket, PyObject *object)
{
    items_t message = items_of(object);
    for (Py_ssize_t at = 0; at < message.count; at++) {
        if (hand_bytes(&message, at, socket) >= 0) continue;
        if (!at && has_room_now(socket) && hand_bytes(&message, 0, socket) >= 0) continue;
        int error = errno;
        if (at && error == EAGAIN && swallows_rest(socket, (size_t)(message.count - at)))
            for (; at < message.count; at++) hand_bytes(&message, at, socket);
        return error;
    }
    return 0;
}

static PyObject *send_burst(PyObject *module, PyObject *args)
{
    state_t *state = PyModule_GetState(module);
    PyObject *socket, *given, *kept = NULL;
    if (!PyArg_ParseTuple(args, "OO:send_burst", &socket, &given)) return NULL;
    void *pointer = handle(state, socket);
    if (pointer) kept = PySequence_Fast(given, "messages are a sequence of lists");
    if (!kept) return NULL;
    items_t messages = items_of(kept);
    Py_ssize_t checked = 0, accepted = 0;
    while (checked < messages.count && is_message(messages.item(kept, checked))) checked++;
    int error = 0;
    if (checked == messages.count)
        for (; accepted < checked; accepted++)
            if ((error = offer(pointer, messages.item(kept, accepted)))) break;
    Py_DECREF(kept);
    if (PyErr_Occurred()) return NULL;
    if (error && error != EAGAIN && error != EHOSTUNREACH) return fail(state, error);
    return Py_BuildValue("ni", accepted, error);
}
