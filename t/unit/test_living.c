#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "living.h"

static char dir[] = "/tmp/test_living.XXXXXX";
static char file[64];

static void begin(void)
{
    strcpy(dir + sizeof(dir) - 7, "XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/lock", dir);
}

static void end(void)
{
    unlink(file);
    rmdir(dir);
}

/* A descriptor is a lock's holder: the same process finds its own locks, too. */
static void who_has_it_lives(void **state)
{
    int fd, found = -1;
    (void)state;
    begin();
    assert_int_equal(neg_living_look(file, &found), NEG_LIFE_NOBODY);
    assert_true((fd = neg_living_take(file, 0)) >= 0);
    assert_int_equal(neg_living_look(file, &found), NEG_LIFE_LIVING);
    assert_int_equal(neg_living_take(file, 0), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    close(fd);
    assert_int_equal(neg_living_look(file, &found), NEG_LIFE_ENDED);
    assert_int_equal(neg_living_take(file, 0), -1); /* now it is the finder's */
    close(found);
    end();
}

static void a_child_goes_on(void **state)
{
    int fd, found = -1, hold[2], status;
    char c;
    pid_t child;
    (void)state;
    begin();
    assert_int_equal(pipe(hold), 0);
    assert_true((fd = neg_living_take(dir, 1)) >= 0);
    if ((child = fork()) == 0) {
        close(hold[1]);
        _exit((int)read(hold[0], &c, 1));
    }
    close(fd);
    assert_int_equal(neg_living_look(dir, &found), NEG_LIFE_LIVING);
    close(hold[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(neg_living_look(dir, &found), NEG_LIFE_ENDED);
    close(found);
    close(hold[0]);
    end();
}

static void names_and_things(void **state)
{
    int fd, other, found = -1;
    (void)state;
    begin();
    fd = neg_living_take(file, 0);
    assert_true(neg_living_is_at(fd, file));
    unlink(file);
    assert_false(neg_living_is_at(fd, file));
    assert_true((other = neg_living_take(file, 0)) >= 0);
    assert_false(neg_living_is_at(fd, file));
    close(fd);
    close(other);
    unlink(file);
    assert_int_equal(symlink(dir, file), 0);
    assert_int_equal(neg_living_take(file, 1), -1);
    assert_int_equal(neg_living_look(file, &found), NEG_LIFE_UNKNOWN);
    assert_int_equal(neg_living_take("/nonexistent/lock", 0), -1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(who_has_it_lives), TEST(a_child_goes_on),
                                       TEST(names_and_things)};
    return RUN(tests);
}
