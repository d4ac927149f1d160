/* A Python module that protects a process from libzmq's faults: guard_poll, leave_unpolled,
 * give_places, ended, come_back, stay_down, own_stack. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "_poll_guard.h"

#include "_crash.h"

/* guard_poll(address) -> number of calls that are guarded in the object with that address. */
static PyObject *py_guard_poll(PyObject *module, PyObject *address)
{
    (void)module;
    void *inside = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred()) return NULL;
    return PyLong_FromLong(guard_poll((uintptr_t)inside));
}

/* leave_unpolled(descriptor) -> whether libzmq polled it until now. */
static PyObject *py_leave_unpolled(PyObject *module, PyObject *descriptor)
{
    (void)module;
    long number = PyLong_AsLong(descriptor);
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(leave_unpolled(number));
}

/* give_places(descriptor, keeper, places) -> how many places it had left. */
static PyObject *py_give_places(PyObject *module, PyObject *args)
{
    (void)module;
    int descriptor, keeper, places;
    if (!PyArg_ParseTuple(args, "iii:give_places", &descriptor, &keeper, &places)) return NULL;
    if (keeper < 0 || keeper >= KEEPERS) {
        PyErr_SetString(PyExc_ValueError, "no such keeper");
        return NULL;
    }
    return PyLong_FromLong(give_places(descriptor, keeper, places));
}

/* ended() -> how many connections of libzmq have ended. */
static PyObject *py_ended(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyLong_FromUnsignedLongLong(__atomic_load_n(&ended, __ATOMIC_RELAXED));
}

/* Return the strings of a list of bytes, ended by NULL; NULL with an exception set. */
static char **strings_of(PyObject *list, Py_ssize_t more)
{
    Py_ssize_t count = PyList_Size(list);
    char **strings = calloc((size_t)(count + more + 1), sizeof *strings);
    if (!strings) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t at = 0; at < count; at++) {
        const char *text = PyBytes_AsString(PyList_GetItem(list, at));
        if (!text || !(strings[at] = strdup(text))) {
            if (!PyErr_Occurred()) PyErr_NoMemory();
            let_go(strings);
            return NULL;
        }
    }
    return strings;
}

/* come_back(path, arguments, environment, spared): execute it when this process would end by a
 * fault. `spared` is a process whose SIGABRT ends it nevertheless, 0 for none. */
static PyObject *py_come_back(PyObject *module, PyObject *args)
{
    (void)module;
    const char *path;
    PyObject *arguments, *environment;
    int spared;
    if (!PyArg_ParseTuple(args, "yO!O!i:come_back", &path, &PyList_Type, &arguments, &PyList_Type,
            &environment, &spared))
        return NULL;
    plan_t *made = calloc(1, sizeof *made);
    if (!made) return PyErr_NoMemory();
    made->path = strdup(path);
    made->spared = spared;
    made->arguments = strings_of(arguments, 0);
    made->environment = made->arguments ? strings_of(environment, 1) : NULL;
    if (!made->path || !made->environment) {
        forget_plan(made);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    made->environment[PyList_Size(environment)] = ended_by;
    if (come_back(made) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return Py_NewRef(Py_None);
}

static PyObject *py_stay_down(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    stay_down();
    return Py_NewRef(Py_None);
}

static PyObject *py_own_stack(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    if (own_stack() < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"guard_poll", py_guard_poll, METH_O, NULL},
    {"leave_unpolled", py_leave_unpolled, METH_O, NULL},
    {"give_places", py_give_places, METH_VARARGS, NULL},
    {"ended", py_ended, METH_NOARGS, NULL},
    {"come_back", py_come_back, METH_VARARGS, NULL},
    {"stay_down", py_stay_down, METH_NOARGS, NULL},
    {"own_stack", py_own_stack, METH_NOARGS, NULL},
    {0},
};
static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "_survival", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__survival(void)
{
    return PyModuleDef_Init(&module_def);
}
