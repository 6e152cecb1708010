/*
 * khap/status.h - what every call returns, and the few plain types of the API
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_STATUS_H
#define KHAP_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a call returns. Zero is success; new values may be added at the end. */
enum khap_status {
    KHAP_OK = 0,     /**< done */
    KHAP_ENOMEM = 1, /**< the allocator returned NULL */
    KHAP_EINVAL = 2, /**< the caller broke the rules of the function (NULL handle, bad size field, …) */
    KHAP_EINPUT = 3, /**< the input is unusable; the diagnostics list says where and why */
    KHAP_ELIMIT = 4, /**< the input is larger than a limit that was given or than 4 GiB */
    KHAP_EIO = 5, /**< a sink, a file source or the operating system refused; errno or a diagnostic tells */
    KHAP_EREFUSED = 6, /**< the operation would overwrite something that is not ours */
    KHAP_ENOENT = 7    /**< what was asked for is not there */
};

/**
 * A slice of bytes: not NUL-terminated, may hold NUL. `ptr` may be NULL when `len` is 0.
 * The API never takes ownership of what a slice points to unless a function says so.
 */
struct khap_str {
    const char *ptr;
    size_t len;
};

/**
 * Where output goes. `write` is called with successive pieces; it returns 0 when it took all of them,
 * anything else stops the writing and makes the call return KHAP_EIO.
 */
struct khap_sink {
    void *ctx;
    int (*write)(void *ctx, const char *data, size_t len);
};

/**
 * An allocator. `resize(ctx, NULL, 0, n)` allocates, `resize(ctx, p, old, n)` grows or shrinks, `resize(ctx,
 * p, old, 0)` frees and returns NULL. A failed growth leaves the old block. Wherever an allocator is taken,
 * NULL means malloc's; the struct is copied, its `ctx` must outlive the handle.
 */
struct khap_alloc {
    void *ctx;
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
};

/**
 * The English name of a status, for logs.
 *
 * @param status  a value of `enum khap_status`
 * @return a static string; "unknown status" for other values
 */
const char *khap_status_text(enum khap_status status);

/**
 * The version of the library that runs, as "MAJOR.MINOR.PATCH".
 *
 * @return a static string
 */
const char *khap_version(void);

#ifdef __cplusplus
}
#endif
#endif
