/*
 * Extended attributes of a file, for the file that takes its place. A POSIX access control list is one of them,
 * system.posix_acl_access, and so are the lists of NFS, labels of SELinux and capabilities: whatever it is, the new file
 * gets the very bytes or is not used.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "apply/save.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

enum { LIST_MAX = 65536, VALUE_MAX = 65536 }; /* the kernel's own bounds */

struct attributes {
    int from, to;
    size_t len;
    char names[LIST_MAX]; /* each with a NUL */
    char want[VALUE_MAX], have[VALUE_MAX];
};

static bool fail(struct failure *failure)
{
    return khap__fail(failure, KHAP_STEP_ATTRIBUTES, errno);
}

/* Length of the list of names, or -1. A file system without attributes has none. */
static ssize_t list(int fd, char *names, size_t size)
{
    ssize_t len = flistxattr(fd, names, size);
    return len < 0 && (errno == ENOTSUP || errno == ENOSYS) ? 0 : len;
}

static bool list_names(struct attributes *a, int fd)
{
    ssize_t len = list(fd, a->names, sizeof a->names);
    a->len = len < 0 ? 0 : (size_t)len;
    return len >= 0;
}

static const char *next_name(const struct attributes *a, const char *prev)
{
    const char *next = prev == NULL ? a->names : prev + strlen(prev) + 1;
    return next < a->names + a->len ? next : NULL;
}

/* Sums over the old content, which the kernel makes anew. */
static bool is_of_content(const char *name)
{
    return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

/* Who may use the file: given last, when it has the right owner already. */
static bool is_access(const char *name)
{
    return strncmp(name, "system.", 7) == 0;
}

/* What the directory gave to `to` by default and `from` does not have. */
static bool take_away(struct attributes *a)
{
    if (!list_names(a, a->to))
        return false;
    for (const char *name = NULL; (name = next_name(a, name)) != NULL;)
        if (!is_of_content(name) && fgetxattr(a->from, name, NULL, 0) < 0 &&
            (errno != ENODATA || (fremovexattr(a->to, name) != 0 && errno != ENODATA)))
            return false;
    return true;
}

static bool give(struct attributes *a, bool access)
{
    for (const char *name = NULL; (name = next_name(a, name)) != NULL;) {
        if (is_of_content(name) || is_access(name) != access)
            continue;
        ssize_t want = fgetxattr(a->from, name, a->want, sizeof a->want);
        if (want < 0)
            return false;
        ssize_t have = fgetxattr(a->to, name, a->have, sizeof a->have);
        if (have == want && memcmp(a->want, a->have, (size_t)want) == 0)
            continue; /* the label that the directory gives, which not everybody may set */
        if (fsetxattr(a->to, name, a->want, (size_t)want, 0) != 0)
            return false;
    }
    return true;
}

bool khap__attributes_keep(const struct khap_save_options *options, int from, int to, struct failure *failure)
{
    ssize_t of_old = list(from, NULL, 0);
    ssize_t of_new = of_old < 0 ? -1 : list(to, NULL, 0);
    if (of_old < 0 || of_new < 0)
        return fail(failure);
    if (of_old == 0 && of_new == 0)
        return true;
    struct attributes *a = khap__save_resize(options, NULL, 0, sizeof *a);
    if (a == NULL) {
        *failure = (struct failure){KHAP_STEP_ATTRIBUTES, 0, KHAP_ENOMEM};
        return false;
    }
    a->from = from;
    a->to = to;
    bool good = (take_away(a) && list_names(a, from) && give(a, false) && give(a, true)) || fail(failure);
    khap__save_resize(options, a, sizeof *a, 0);
    return good;
}
