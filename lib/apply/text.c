/* What steps and errors are called. SPDX-License-Identifier: MIT */
#include "config.h"

#include <khap/apply.h>

#include <errno.h>
#include <stddef.h>

const char *khap_apply_step_text(uint32_t step)
{
    static const char texts[][40] = {
        [KHAP_STEP_NONE] = "",
        [KHAP_STEP_PATH] = "following the path",
        [KHAP_STEP_READ] = "reading what stands there",
        [KHAP_STEP_LOCK] = "waiting for another run",
        [KHAP_STEP_DIRECTORY] = "making the directory",
        [KHAP_STEP_CREATE] = "making the temporary file",
        [KHAP_STEP_PRINT] = "printing the content",
        [KHAP_STEP_WRITE] = "writing the content",
        [KHAP_STEP_OWNER] = "keeping the old file's owner",
        [KHAP_STEP_MODE] = "setting the mode",
        [KHAP_STEP_SYNC] = "bringing the content onto the disk",
        [KHAP_STEP_RENAME] = "putting the new file into its place",
        [KHAP_STEP_SYNC_NAME] = "bringing the directory onto the disk",
        [KHAP_STEP_REMOVE] = "removing a file no longer needed",
        [KHAP_STEP_START] = "starting the program",
        [KHAP_STEP_WAIT] = "waiting for the program",
        [KHAP_STEP_ATTRIBUTES] = "keeping the old file's attributes",
    };
    return step < sizeof texts / sizeof *texts ? texts[step] : "";
}

/* strerror() follows the locale, and may not be called by two threads at once. */
const char *khap_apply_error_text(int32_t error)
{
    static const struct {
        int error;
        char text[44];
    } texts[] = {
        {EACCES, "permission denied"},
        {EPERM, "operation not permitted"},
        {ENOENT, "no such file or directory"},
        {ENOTDIR, "not a directory"},
        {EISDIR, "it is a directory"},
        {EEXIST, "it exists already"},
        {ENOTEMPTY, "the directory is not empty"},
        {ELOOP, "symbolic links in a circle"},
        {ENAMETOOLONG, "the name is too long"},
        {EROFS, "the file system is read-only"},
        {ENOSPC, "no space left on device"},
        {EDQUOT, "the disk quota is exceeded"},
        {EFBIG, "the file is too large"},
        {EIO, "input/output error"},
        {EBUSY, "it is in use"},
        {ETXTBSY, "the program file is in use"},
        {EXDEV, "it is on another file system"},
        {EMLINK, "too many links"},
        {EMFILE, "too many open files"},
        {ENFILE, "too many open files in the system"},
        {ENOMEM, "not enough memory"},
        {EWOULDBLOCK, "another run holds it"},
        {EINTR, "interrupted"},
        {EINVAL, "not a file that can be written"},
        {ENXIO, "no such device or address"},
        {ENODEV, "no such device"},
        {EPIPE, "nobody reads from it"},
        {ENOEXEC, "not a program that can be run"},
        {ECONNREFUSED, "nobody listens there"},
        {ECONNRESET, "the other side closed the connection"},
        {ETIMEDOUT, "it took too long"},
        {ENOBUFS, "more output than there is room for"},
        {ESTALE, "the file system has lost it"},
        {EBADF, "bad file descriptor"},
        {ENOSYS, "the system cannot do that"},
        {ENOTSUP, "the file system cannot do that"},
    };
    if (error == 0)
        return "no error";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].error == error)
            return texts[i].text;
    return "error of the operating system";
}
