#include "living.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 8

int neg_living_is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static int lock(int fd)
{
    int rv;
    while ((rv = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR)
        ;
    return rv;
}

/* errno is the lock's. */
static int give_up(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Between making and locking it somebody may have found it without a lock, and have removed it. */
int neg_living_take(const char *path, int is_directory)
{
    int flags = is_directory ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT;
    for (int i = 0; i < TRIES; i++) {
        int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return -1;
        if (lock(fd) != 0)
            return give_up(fd);
        if (neg_living_is_at(fd, path))
            return fd;
        close(fd);
    }
    errno = ENOENT;
    return -1;
}

neg_living neg_living_look(const char *path, int *fd)
{
    int opened = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0)
        return errno == ENOENT ? NEG_LIFE_NOBODY : NEG_LIFE_UNKNOWN;
    if (lock(opened) == 0) {
        *fd = opened;
        return NEG_LIFE_ENDED;
    }
    give_up(opened);
    return errno == EWOULDBLOCK ? NEG_LIFE_LIVING : NEG_LIFE_UNKNOWN;
}
