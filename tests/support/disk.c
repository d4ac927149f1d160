/* A disk between a program and the system's, for tests: LD_PRELOAD it.
 *
 * DISK_PREFIX   only files whose path begins so are looked at
 * DISK_LOG      each write, flush and cut of them is appended there:
 *               one of 'w' 's' 't' 'u' 'm', the length of the path, an offset, the length of the
 *               data (each 8 bytes), path, data
 * DISK_FULL     while that file is there, a write that would grow one fails with ENOSPC
 * DISK_HANGS    while that file is there, a flush waits
 *
 * disk_mark(text) puts a mark into the log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;

static int path_of(int fd, char *path)
{
    char link[32];
    const char *prefix = getenv("DISK_PREFIX");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = prefix ? readlink(link, path, 4095) : -1;
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, prefix, strlen(prefix));
}

static void note(char kind, const char *path, int64_t offset, const void *data, int64_t size)
{
    const char *name = getenv("DISK_LOG");
    if (!name) return;
    int64_t head[4] = {kind, (int64_t)strlen(path), offset, size};
    pthread_mutex_lock(&lock);
    if (log_fd == -2) log_fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t (*out)(int, const void *, size_t) = REAL(ssize_t, "write", int, const void *, size_t);
    if (out(log_fd, head, sizeof head) < 0 || out(log_fd, path, head[1]) < 0
        || (size && out(log_fd, data, size) < 0))
        abort();
    pthread_mutex_unlock(&lock);
}

static int there(const char *variable)
{
    const char *name = getenv(variable);
    return name && !access(name, F_OK);
}

static int full(int fd, int64_t end)
{
    struct stat found;
    if (!there("DISK_FULL") || fstat(fd, &found) || end <= found.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

static ssize_t put(int fd, const void *data, size_t size, off_t offset)
{
    char path[4096];
    int ours = path_of(fd, path);
    if (ours && full(fd, offset + (int64_t)size)) return -1;
    ssize_t done = REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t)(fd, data, size, offset);
    if (ours && done > 0) note('w', path, offset, data, done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return put(fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return put(fd, data, size, offset); }

static int cut(int fd, off_t size)
{
    char path[4096];
    int done = REAL(int, "ftruncate64", int, off_t)(fd, size);
    if (!done && path_of(fd, path)) note('t', path, size, NULL, 0);
    return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }

int unlink(const char *path)
{
    const char *prefix = getenv("DISK_PREFIX");
    int done = REAL(int, "unlink", const char *)(path);
    if (!done && prefix && !strncmp(path, prefix, strlen(prefix))) note('u', path, 0, NULL, 0);
    return done;
}

static int flush(int fd, const char *name)
{
    char path[4096];
    int ours = path_of(fd, path);
    while (ours && there("DISK_HANGS")) usleep(10000);
    int done = REAL(int, name, int)(fd);
    if (!done && ours) note('s', path, 0, NULL, 0);
    return done;
}

int fsync(int fd) { return flush(fd, "fsync"); }
int fdatasync(int fd) { return flush(fd, "fdatasync"); }

int posix_fallocate(int fd, off_t offset, off_t size)
{
    if (there("DISK_FULL")) return ENOSPC;
    return REAL(int, "posix_fallocate", int, off_t, off_t)(fd, offset, size);
}

int posix_fallocate64(int fd, off_t offset, off_t size) { return posix_fallocate(fd, offset, size); }

void disk_mark(const char *text) { note('m', text, 0, NULL, 0); }
