/* After an abort or an invalid memory access the program starts again in the same process.
 *
 * The handler calls execve(2), one of the few functions that a handler may always call
 * (signal-safety(7)). The process id, the terminal and its foreground group, stdin, stdout and
 * the children stay, and so does what systemd and a shell know of the process. libzmq's sockets
 * are closed, because all of them are close-on-exec. Everything that is needed is prepared
 * beforehand, since a handler must not allocate memory.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *path, **arguments, **environment;
    pid_t spared;
} plan_t;

static const int faults[] = {SIGABRT, SIGSEGV, SIGBUS};
enum { FAULTS = sizeof faults / sizeof *faults, STACK = 64 * 1024, NAME = 16 };

static char ended_by[] = "ZMQDEV_ENDED_BY=00"; /* the number of the signal */
static plan_t *volatile plan;

static void let_go(char **strings)
{
    for (char **at = strings; at && *at; at++)
        if (*at != ended_by) free(*at);
    free(strings);
}

static void forget_plan(plan_t *old)
{
    if (!old) return;
    free(old->path);
    let_go(old->arguments);
    let_go(old->environment);
    free(old);
}

/* Whether the parent sent the signal on purpose: systemd's watchdog sends SIGABRT. */
static bool meant(const siginfo_t *told, const plan_t *now)
{
    return told->si_code <= 0 && now->spared && told->si_pid == now->spared;
}

static void crashed(int number, siginfo_t *told, void *unused)
{
    (void)unused;
    const plan_t *now = plan;
    sigset_t none;
    signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (now && !meant(told, now)) {
        ended_by[NAME] = (char)('0' + number / 10), ended_by[NAME + 1] = (char)('0' + number % 10);
        execve(now->path, now->arguments, now->environment);
    }
    raise(number);
}

/* Arm the handler. The plan belongs to this module afterwards, even after a failure. */
static int come_back(plan_t *made)
{
    plan_t *old = plan;
    plan = made;
    forget_plan(old);
    struct sigaction action = {0};
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (int at = 0; at < FAULTS; at++)
        if (sigaction(faults[at], &action, NULL) < 0) return -1;
    return 0;
}

static void stay_down(void)
{
    for (int at = 0; at < FAULTS; at++) signal(faults[at], SIG_DFL);
    plan_t *old = plan;
    plan = NULL;
    forget_plan(old);
}

/* Give this thread a stack for the handler, because its own may have overflowed. It is kept until
 * the end of the process; a device has one thread. */
static int own_stack(void)
{
    stack_t stack = {.ss_size = STACK};
    if (!(stack.ss_sp = malloc(STACK))) return -1;
    return sigaltstack(&stack, NULL);
}
