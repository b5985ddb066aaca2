/* Files and directories, as far as nobody has to be somebody else to judge them. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <apr_strings.h>

#include "start.h"

const char *neg_files_check_keytab(apr_pool_t *p, const char *path)
{
    struct stat info;
    if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_mode & S_IROTH)
        return apr_psprintf(
            p,
            "every user of this machine can read the keytab %s, and so pretend to be "
            "this server or any user of it: chmod o-rwx %s, and change the key",
            path, path);
    return NULL;
}

const char *neg_files_check_ccaches(apr_pool_t *p, const char *directory, const char *user,
                                    int *stops)
{
    struct stat info;
    const char *why = NULL;
    if (stat(directory, &info) != 0)
        why = apr_psprintf(p,
                           "the directory %s is not there: %s. Make it for the server's user alone "
                           "(install -d -m 700 -o %s %s)",
                           directory, strerror(errno), user, directory);
    else if (!S_ISDIR(info.st_mode))
        why =
            apr_psprintf(p,
                         "%s is not a directory. Name one that belongs to the server's user alone "
                         "(install -d -m 700 -o %s %s.d)",
                         directory, user, directory);
    else if (info.st_mode & S_IWOTH)
        why =
            apr_psprintf(p,
                         "everybody can write to the directory %s; users' tickets need one that "
                         "belongs to the server's user alone (install -d -m 700 -o %s %s/ccaches, "
                         "and name that)",
                         directory, user, directory);
    *stops = why != NULL;
    if (!why && info.st_mode & S_IWGRP)
        why = apr_psprintf(p,
                           "the group of the directory %s can put other files into the places of "
                           "users' tickets: chmod g-w %s",
                           directory, directory);
    return why;
}
