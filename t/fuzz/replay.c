/**
 * Feeds files to a fuzz target, as a regression test that needs no libFuzzer:
 *   replay_token seeds/token crash-1234
 * A broken promise aborts; so does reading none at all fail.
 */
#include "fuzz.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

static int replayed;

static void give_up(const char *path, apr_status_t status)
{
    char why[120];

    fprintf(stderr, "%s: %s\n", path, apr_strerror(status, why, sizeof(why)));
    exit(1);
}

static void replay_file(apr_pool_t *pool, const char *path, apr_size_t size)
{
    unsigned char *data = malloc(size ? size : 1); /* just its size, for ASan */
    apr_file_t *file;
    apr_status_t status = apr_file_open(&file, path, APR_READ | APR_BINARY, 0, pool);

    if (status == APR_SUCCESS && size > 0) {
        status = apr_file_read_full(file, data, size, NULL);
    }
    if (status != APR_SUCCESS) {
        give_up(path, status);
    }
    apr_file_close(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay_path(apr_pool_t *pool, const char *path);

static void replay_directory(apr_pool_t *pool, const char *path)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    apr_status_t status = apr_dir_open(&dir, path, pool);

    if (status != APR_SUCCESS) {
        give_up(path, status);
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (entry.name[0] != '.') {
            replay_path(pool, apr_pstrcat(pool, path, "/", entry.name, NULL));
        }
    }
    apr_dir_close(dir);
}

static void replay_path(apr_pool_t *pool, const char *path)
{
    apr_finfo_t info;
    apr_status_t status = apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_SIZE, pool);

    if (status != APR_SUCCESS) {
        give_up(path, status);
    }
    if (info.filetype == APR_DIR) {
        replay_directory(pool, path);
    } else {
        replay_file(pool, path, (apr_size_t)info.size);
    }
}

int main(int argc, char **argv)
{
    apr_pool_t *pool = pool_make();
    int i;

    for (i = 1; i < argc; i++) {
        replay_path(pool, argv[i]);
    }
    apr_pool_destroy(pool);
    printf("%s: %d inputs replayed\n", apr_filepath_name_get(argv[0]), replayed);
    return replayed > 0 ? 0 : 1;
}
