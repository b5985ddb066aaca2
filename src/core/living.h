/**
 * Who has made a file or directory, and whether he is still there: told by a lock that he holds as
 * long as he lives.  A process's number is no proof, since another process namespace has its own.
 *
 * An flock(2) is of the open file: processes that are forked share it, programs that they run do
 * not, and the last of them to end gives it up.
 */
#ifndef NEG_CORE_LIVING_H
#define NEG_CORE_LIVING_H

typedef enum {
    NEG_LIFE_LIVING,
    NEG_LIFE_ENDED,  /**< nobody has it */
    NEG_LIFE_NOBODY, /**< there is no such file, so it is not known */
    NEG_LIFE_UNKNOWN /**< it cannot be opened, or has no locks */
} neg_living;

/**
 * Takes a directory, or a file that is made when it is not there.
 * @return a descriptor to be kept open, or -1 with errno: EWOULDBLOCK when somebody else has it
 */
int neg_living_take(const char *path, int is_directory);

/**
 * Whether somebody has it.
 * @param fd where NEG_LIFE_ENDED: it is the caller's for as long as this is open
 */
neg_living neg_living_look(const char *path, int *fd);

/** Whether fd is what has that name now. */
int neg_living_is_at(int fd, const char *path);

#endif
