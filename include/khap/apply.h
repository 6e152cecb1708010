/*
 * khap/apply.h - libkhap-apply: what touches the machine: files, processes, sockets
 *
 * A library of its own, so that a linter in an editor need not pull in one that writes and forks. Link with libkhap-apply.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_APPLY_H
#define KHAP_APPLY_H

#include <khap/cfg.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the libkhap-apply that is linked.
 *
 * @return a string like "0.1.0"; constant, never NULL, not to be freed
 */
const char *khap_apply_version(void);

/** Where in its work an operation failed. */
enum khap_apply_step {
    KHAP_STEP_NONE = 0,       /**< nowhere */
    KHAP_STEP_PATH = 1,       /**< finding what the path leads to, through links */
    KHAP_STEP_READ = 2,       /**< reading what stands there */
    KHAP_STEP_LOCK = 3,       /**< waiting for another run in the same directory */
    KHAP_STEP_DIRECTORY = 4,  /**< making a directory */
    KHAP_STEP_CREATE = 5,     /**< making the temporary file */
    KHAP_STEP_PRINT = 6,      /**< printing the content; no fault of the file's */
    KHAP_STEP_WRITE = 7,      /**< writing the content */
    KHAP_STEP_OWNER = 8,      /**< giving it the old file's owner */
    KHAP_STEP_MODE = 9,       /**< giving it its mode */
    KHAP_STEP_SYNC = 10,      /**< bringing it onto the disk */
    KHAP_STEP_RENAME = 11,    /**< putting it into its place */
    KHAP_STEP_SYNC_NAME = 12, /**< bringing the directory onto the disk; the new file stands already */
    KHAP_STEP_REMOVE = 13,    /**< removing a file that is no longer needed */
    KHAP_STEP_START = 14,     /**< starting a program */
    KHAP_STEP_WAIT = 15,      /**< waiting for a program */
    /** giving it the old file's access control list and extended attributes */
    KHAP_STEP_ATTRIBUTES = 16
};

/**
 * What a step does, for messages: "writing the content".
 *
 * @param step  a value of enum khap_apply_step
 * @return a static string; "" for KHAP_STEP_NONE and other values
 */
const char *khap_apply_step_text(uint32_t step);

/**
 * What an errno means, in English whatever the locale: "no space left on device".
 *
 * @param error  a value of errno
 * @return a static string; "error of the operating system" for one that is not in the list
 */
const char *khap_apply_error_text(int32_t error);

/** Flags of struct khap_save_options. */
enum {
    /** the content is a secret: the file is created 0600. One that others may read becomes 0600 */
    KHAP_SAVE_SECRET = 1,
    KHAP_SAVE_CHECK = 2, /**< changes nothing, only tells what would be changed */
    /**
     * khap_save_bundle() replaces files, too, that an earlier run did not write or that were changed since
     */
    KHAP_SAVE_FORCE = 4,
    KHAP_SAVE_NO_SYNC = 8 /**< does not wait for the disk: after a loss of power the file may be empty */
};

/** What became of a file. */
enum khap_save_kind {
    KHAP_SAVE_UNCHANGED = 1, /**< it holds this content already; not touched */
    KHAP_SAVE_CREATED = 2,   /**< it is new; with KHAP_SAVE_CHECK: would be */
    KHAP_SAVE_REPLACED = 3,  /**< it has the new content; with KHAP_SAVE_CHECK: would have */
    KHAP_SAVE_MODE = 4,      /**< only its mode was wrong for a secret */
    KHAP_SAVE_REMOVED = 5,   /**< an earlier run wrote it, this one does not: it is gone */
    /** an earlier run wrote it, this one does not, but somebody changed it since: it stays */
    KHAP_SAVE_LEFT = 6,
    KHAP_SAVE_OF_OTHERS = 7, /**< refused: it is there, and no earlier run wrote it */
    KHAP_SAVE_EDITED = 8,    /**< refused: an earlier run wrote it, and somebody changed it since */
    KHAP_SAVE_FAILED = 9,    /**< `step` and `error` tell */
    /** khap_save_in_place() refused: what stands there is not what the caller read, or not any more */
    KHAP_SAVE_CHANGED_MEANWHILE = 10,
    KHAP_SAVE_SEVERAL_NAMES = 11 /**< khap_save_in_place() refused: the file has hard links */
};

/** What is told of one file. All slices are borrowed for the call. */
struct khap_save_event {
    size_t size;   /**< sizeof(struct khap_save_event) as the library knows it */
    uint32_t kind; /**< enum khap_save_kind */
    uint32_t step; /**< enum khap_apply_step, with KHAP_SAVE_FAILED */
    /** errno, with KHAP_SAVE_FAILED; 0 when the operating system is not to blame */
    int32_t error;
    uint32_t unused; /**< 0 */
    /** the file, as the caller named it; in a bundle the directory, a slash, the name */
    struct khap_str path;
    /**
     * with KHAP_SAVE_FAILED a message without the path, "writing the content: no space left on device";
     * else empty
     */
    struct khap_str text;
};

/** How files are saved. Set by khap_save_options_init(). */
struct khap_save_options {
    size_t size;    /**< sizeof(struct khap_save_options) as the caller knows it */
    uint32_t flags; /**< KHAP_SAVE_… or 0 */
    uint32_t mode;  /**< mode of a file that is new, less the umask; 0666 by default */
    /** how long to wait for another run in the same directory; 10000 by default */
    uint32_t wait_ms;
    uint32_t unused;                /**< 0 */
    const struct khap_alloc *alloc; /**< allocator, or NULL; not for khap_save() */
    void *ctx;                      /**< first argument of `event` */
    void (*event)(void *ctx, const struct khap_save_event *event); /**< told of each file; may be NULL */
};

/**
 * Fills the defaults.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_save_options_init(struct khap_save_options *options);

/**
 * Saves a file so that at every moment, whatever fails and whenever the process is killed, either the old or the new content stands there, whole:
 * a temporary file beside it, brought onto the disk, then renamed.
 *
 * | at the path                          | what happens                                                                     |
 * |--------------------------------------|----------------------------------------------------------------------------------|
 * | nothing                              | created with `mode` less the umask; a secret with 0600                           |
 * | a file with this content             | nothing: not even its times change. A secret that others may read becomes 0600   |
 * | another file                         | replaced; owner, group and mode are kept. Where they cannot be, it fails         |
 * | a file with several names            | this name is given the new content, the other names keep the old                 |
 * | a symbolic link                      | followed; what it leads to is saved, the link stays                              |
 * | a link that leads to nothing         | the file is created where it leads to                                            |
 * | links in a circle                    | fails with ELOOP                                                                 |
 * | a directory, a block device, a socket| fails with EISDIR, EINVAL                                                        |
 * | a FIFO, a character device           | the content is written into it as it is: `/dev/stdout`, `/dev/null`              |
 * | a directory in which nobody may write| fails with EACCES or EROFS; nothing has changed                                  |
 * | a full disk                          | fails with ENOSPC, EDQUOT or EFBIG; nothing has changed, no temporary file stays |
 * | killed in the middle                 | the old file; perhaps `.NAME.khap-tmp` beside it, which the next run replaces    |
 *
 * Two runs in one directory wait for each other by means of flock(2) on the directory, where that can be had. Access control lists and
 * extended attributes are the directory's defaults, not the old file's.
 *
 * @param options  how; NULL for the defaults
 * @param path     the file
 * @param ctx      first argument of `print`
 * @param print    prints the content into the sink; called up to twice, must print the same both times. A status other than KHAP_OK ends the saving
 *                 with it. Nothing is kept in memory, however long it is
 * @param changed  [out] 1 when something was changed, or with KHAP_SAVE_CHECK would be; may be NULL
 * @return KHAP_OK; KHAP_EIO (the event tells step and errno); what `print` returned; KHAP_EINVAL
 *
 * Example:
 *
 *     static enum khap_status print(void *ctx, const struct khap_sink *sink) { return khap_document_print(ctx, sink); }
 *     …
 *     status = khap_save(NULL, path, document, print, NULL);
 */
enum khap_status khap_save(const struct khap_save_options *options, struct khap_str path, void *ctx,
                           enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                           uint32_t *changed);

/**
 * Saves a text, as khap_save() does.
 *
 * @param options  how; NULL for the defaults
 * @param path     the file
 * @param text     its content
 * @param changed  [out] as in khap_save()
 * @return as khap_save()
 */
enum khap_status khap_save_text(const struct khap_save_options *options, struct khap_str path,
                                struct khap_str text, uint32_t *changed);

/**
 * Saves one file of a bundle, as khap_save() does. Whether it is a secret, the file knows.
 *
 * @param options  how; NULL for the defaults
 * @param path     the file
 * @param file     what to save
 * @param changed  [out] as in khap_save()
 * @return as khap_save()
 */
enum khap_status khap_save_file(const struct khap_save_options *options, struct khap_str path,
                                const struct khap_bundle_file *file, uint32_t *changed);

/**
 * Gives somebody's own file a new content, as if he had written it with an editor: the same file to everybody but for its content. The caller
 * has read the file, made the new content of what he read, and says here what that was. At every moment, whatever fails and whenever the process is
 * killed, either the old or the new content stands there, whole: a temporary file beside it gets everything that the old file has, is
 * brought onto the disk, then renamed, and the directory is brought onto the disk.
 *
 * What cannot be done so is not done at all. Every failure but KHAP_STEP_SYNC_NAME leaves the old file as it was, and no temporary file.
 *
 * | at the path                           | what happens                                                                          |
 * |---------------------------------------|---------------------------------------------------------------------------------------|
 * | a file that holds `old`               | replaced; owner, group, mode, access control list and extended attributes are kept    |
 * | a file with the new content           | nothing: not even its times change, be it write-protected or have several names       |
 * | a file with any other content         | refused: KHAP_SAVE_CHANGED_MEANWHILE. It was changed since the caller read it         |
 * | a file changed while this runs        | the same: content, inode, owner, mode and times are compared again before the renaming|
 * | owner, group or mode cannot be kept   | fails with EPERM: the caller is neither root nor of that user and group               |
 * | list or attributes cannot be kept     | fails at KHAP_STEP_ATTRIBUTES. What the directory would add by default is taken away. |
 * |                                       | Only security.ima and security.evm are left out: they are sums of the old content     |
 * | a file that the caller may not write  | fails with EACCES, EPERM or EROFS, though the directory would let him                 |
 * | a file with several names (hard links)| refused: KHAP_SAVE_SEVERAL_NAMES. A new file would part them, and writing into the    |
 * |                                       | old one could leave half of it                                                        |
 * | a symbolic link                       | followed; the file that it leads to is replaced in its own directory, the link stays  |
 * | a link that leads elsewhere meanwhile | refused: KHAP_SAVE_CHANGED_MEANWHILE                                                  |
 * | nothing, a link that leads to nothing | fails with ENOENT                                                                     |
 * | links in a circle                     | fails with ELOOP                                                                      |
 * | a directory; a FIFO, device or socket | fails with EISDIR; EINVAL                                                             |
 * | a file mounted by itself (container)  | fails with EBUSY                                                                      |
 * | a directory the caller may not write  | fails at KHAP_STEP_CREATE with EACCES or EROFS; the text of the event says that it    |
 * |                                       | is the directory                                                                      |
 * | one that he may not read              | fails at KHAP_STEP_LOCK with EACCES: it could not be brought onto the disk            |
 * | a full disk                           | fails with ENOSPC, EDQUOT or EFBIG                                                    |
 * | killed in the middle                  | the old or the new file; perhaps a temporary file `.NAME.16-hex-digits.khap-tmp`,     |
 * |                                       | which the next run for this file removes                                              |
 *
 * The temporary file has a name that cannot be foreseen, and at no moment can anybody read it who could not read the old file; the umask does not matter.
 * Two runs in one directory wait for each other, as in khap_save(). A program that has the file open goes on with the old content: what it
 * writes after the last look is lost, and so is what is written in the instant between that look and the renaming. What chattr(1) sets is not kept; a file
 * that it makes immutable may not be written.
 *
 * @param options  how; NULL for the defaults. Of the flags KHAP_SAVE_CHECK and KHAP_SAVE_NO_SYNC are used; KHAP_SAVE_FORCE overrides nothing, and
 *                 KHAP_SAVE_SECRET is KHAP_EINVAL, since the mode is kept. `mode` is not used
 * @param path     the file
 * @param old      what the caller read from it and made the new content of
 * @param ctx      first argument of `print`
 * @param print    prints the new content, as in khap_save()
 * @param changed  [out] as in khap_save()
 * @return KHAP_OK; KHAP_EREFUSED (the event tells of which kind); KHAP_EIO (the event tells step and errno); what `print` returned; KHAP_ENOMEM when
 *         there was no room to read attributes; KHAP_EINVAL
 *
 * Example:
 *
 *     static enum khap_status print(void *ctx, const struct khap_sink *sink) { return khap_document_print(ctx, sink); }
 *     …
 *     status = khap_save_in_place(&options, path, text_as_read, document, print, NULL);
 */
enum khap_status khap_save_in_place(const struct khap_save_options *options, struct khap_str path,
                                    struct khap_str old, void *ctx,
                                    enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                                    uint32_t *changed);

/**
 * Gives somebody's own file a new text, as khap_save_in_place() does.
 *
 * @param options  how; NULL for the defaults
 * @param path     the file
 * @param old      what the caller read from it
 * @param text     its new content
 * @param changed  [out] as in khap_save()
 * @return as khap_save_in_place()
 */
enum khap_status khap_save_in_place_text(const struct khap_save_options *options, struct khap_str path,
                                         struct khap_str old, struct khap_str text, uint32_t *changed);

/**
 * Saves a bundle into a directory, which is made when it is not there (its parents are not). Each file is saved as by khap_save().
 *
 * The bundle's file `khap.sums`, a line a file (sixteen hex digits, the 64-bit FNV-1a of the content; two blanks; the name), tells the next
 * run which files are ours. First everything is looked at: a file that stands there with other content, and that the old `khap.sums` does not
 * name with the sum it has (nor khap_written_state() knows for khapgen's), is not replaced: then nothing at all is written, and an event tells
 * each such file. Then all new files are written beside the old ones, so that a full disk is met before anything is changed. Then they are
 * put into their places, the configuration last. What the old `khap.sums` names and the bundle has no more is removed last, unless somebody changed it.
 * A run that is killed in the middle leaves a `khap.sums` that names old and new, so that the next run can finish.
 *
 * @param options    how; NULL for the defaults
 * @param directory  the directory
 * @param bundle     what to save
 * @param changed    [out] how many files were changed, or with KHAP_SAVE_CHECK would be; may be NULL
 * @return KHAP_OK; KHAP_EREFUSED when a file is not ours; KHAP_EIO (the event tells); KHAP_ENOMEM, KHAP_EINVAL (also for a bundle that names a file
 *         outside of the directory, or one twice: khap_bundle_read() makes such; nothing is written then)
 */
enum khap_status khap_save_bundle(const struct khap_save_options *options, struct khap_str directory,
                                  const struct khap_bundle *bundle, uint32_t *changed);

/** How a program is run, and what became of it. */
struct khap_run {
    size_t size;         /**< sizeof(struct khap_run) as the caller knows it */
    uint32_t timeout_ms; /**< [in] how long it may take; 0: 10 seconds */
    /** [out] enum khap_apply_step: KHAP_STEP_START, _READ or _WAIT when it failed, else 0 */
    uint32_t step;
    /** [out] errno of the step: ENOENT, EACCES, ETIMEDOUT, ENOBUFS (more output than `capacity`), else 0 */
    int32_t error;
    /** [out] 0 to 255; 128 and the signal when one ended it; -1 when it did not end by itself */
    int32_t exit_status;
};

/**
 * Runs `BINARY -vv` and gives what it prints on standard output; khap_target_from_vv() reads that. No shell is involved, standard input is
 * empty, standard error is not looked at; the program gets the caller's environment. When time is up, it and all that it started is killed.
 *
 * @param binary    the program's path; it is not searched for
 * @param buffer    [out] what it printed, not NUL-terminated
 * @param capacity  size of the buffer; 64 KiB is plenty
 * @param length    [out] how much was printed
 * @param run       [in,out] `size` and `timeout_ms` set by the caller; may be NULL
 * @return KHAP_OK; KHAP_EIO when it could not be run, took too long, or ended with another status than 0; KHAP_ELIMIT when the buffer is too
 *         small; KHAP_EINVAL
 *
 * Example:
 *
 *     char text[65536];
 *     size_t length;
 *     if (khap_haproxy_version(path, text, sizeof text, &length, NULL) == KHAP_OK)
 *         khap_target_from_vv((struct khap_str){text, length}, &target, diags);
 */
enum khap_status khap_haproxy_version(struct khap_str binary, char *buffer, size_t capacity, size_t *length,
                                      struct khap_run *run);

/**
 * A dialogue with HAProxy's runtime API or with its master: commands in, bytes out, bytes in, replies out. It touches nothing: no descriptor, no clock. What
 * HAProxy says is not trusted: whatever comes, the dialogue goes on, ends, or fails.
 *
 * With KHAP_DIALOGUE_PROMPT all commands go over one connection, each on a line of its own (HAProxy answers commands between `;` in two ways, by release),
 * and several lines are under way at a time; the reply to each ends with HAProxy's prompt. Without it there is one command, whose reply is all that comes
 * until the other side closes: so the master's `reload` is asked.
 */
struct khap_dialogue;

/** Flags of khap_dialogue_new(). */
enum {
    KHAP_DIALOGUE_PROMPT = 1 /**< many commands over one connection */
};

/** How far a dialogue is. */
enum khap_dialogue_state {
    KHAP_DIALOGUE_OPEN = 1,  /**< replies are still to come */
    KHAP_DIALOGUE_DONE = 2,  /**< every command has its whole reply */
    KHAP_DIALOGUE_FAILED = 3 /**< it ended before, or what came is no dialogue: what was done is not known */
};

/**
 * Begins a dialogue.
 *
 * @param alloc    allocator, or NULL
 * @param flags    KHAP_DIALOGUE_… or 0
 * @param bufsize  HAProxy's tune.bufsize: so many bytes of commands are under way at most; 0 for its default, 16384
 * @param out      [out] freed with khap_dialogue_free()
 * @return KHAP_OK; KHAP_ENOMEM; KHAP_EINVAL
 */
enum khap_status khap_dialogue_new(const struct khap_alloc *alloc, uint32_t flags, size_t bufsize,
                                   struct khap_dialogue **out);

/**
 * Frees it.
 *
 * @param dialogue  the dialogue, or NULL
 */
void khap_dialogue_free(struct khap_dialogue *dialogue);

/**
 * Adds a command, before anything was sent.
 *
 * @param dialogue  the dialogue
 * @param command   its words, without a line end, copied. `;` separates commands, each of which has a reply of its own; with a payload there must be none
 * @param payload   what goes behind it as payload (`<<`), copied; empty lines are left out, since one ends it. Empty: there is none
 * @return KHAP_OK; KHAP_ELIMIT when it does not fit into HAProxy's buffer; KHAP_EINVAL for a line end or a NUL in the command, a NUL in the payload, no
 *         command at all, a second one without KHAP_DIALOGUE_PROMPT, or after the first bytes were sent; KHAP_ENOMEM
 */
enum khap_status khap_dialogue_add(struct khap_dialogue *dialogue, struct khap_str command,
                                   struct khap_str payload);

/**
 * What is to be sent now. It may be empty while replies are awaited.
 *
 * @param dialogue  the dialogue
 * @return borrowed until the next call that is not this one
 */
struct khap_str khap_dialogue_output(struct khap_dialogue *dialogue);

/**
 * Says how much of khap_dialogue_output() was sent.
 *
 * @param dialogue  the dialogue
 * @param length    bytes, at most those of the last output
 */
void khap_dialogue_sent(struct khap_dialogue *dialogue, size_t length);

/**
 * Takes what HAProxy sent, in pieces of any size.
 *
 * @param dialogue  the dialogue
 * @param bytes     what came
 * @return KHAP_OK, also when the dialogue failed by it; KHAP_ENOMEM; KHAP_ELIMIT when a reply is longer than 256 MiB: both fail the dialogue
 */
enum khap_status khap_dialogue_feed(struct khap_dialogue *dialogue, struct khap_str bytes);

/**
 * Says that nothing more comes: the other side closed. It ends a one-shot dialogue, and fails one whose replies are not all there.
 *
 * @param dialogue  the dialogue
 */
void khap_dialogue_end(struct khap_dialogue *dialogue);

/**
 * How far it is.
 *
 * @param dialogue  the dialogue
 * @return enum khap_dialogue_state; a dialogue without commands is done
 */
uint32_t khap_dialogue_state(const struct khap_dialogue *dialogue);

/**
 * The reply to a command.
 *
 * @param dialogue  the dialogue
 * @param index     from 0, in the order of the commands; each between `;` counts
 * @param command   [out] the command, borrowed; may be NULL
 * @param reply     [out] without prompt and line ends behind it, borrowed until the dialogue is fed or freed; it may be empty
 * @return KHAP_OK; KHAP_ENOENT when there is no such command, or its reply is not whole
 */
enum khap_status khap_dialogue_reply(const struct khap_dialogue *dialogue, size_t index,
                                     struct khap_str *command, struct khap_str *reply);

/**
 * Whether a reply is the one that HAProxy gives when it did what the command says. Only what is known to be one is: anything else must be taken for
 * a failure, or for something unknown.
 *
 * @param command  the command: one that changes something
 * @param reply    its reply
 * @return 1 when it is, else 0
 */
int khap_reply_is_success(struct khap_str command, struct khap_str reply);

/** A dialogue over a socket of the machine. It names a descriptor and a deadline, and never waits. */
struct khap_talk;

/**
 * Begins to connect to a UNIX stream socket.
 *
 * @param alloc       allocator, or NULL
 * @param path        the socket
 * @param dialogue    the dialogue; stays the caller's, and must outlive the talk
 * @param timeout_ms  how long all of it may take; 0: 10 seconds
 * @param error       [out] errno of what failed, with KHAP_EIO; may be NULL
 * @param out         [out] freed with khap_talk_free()
 * @return KHAP_OK; KHAP_EIO when there is no such socket or nobody listens; KHAP_EINVAL; KHAP_ENOMEM
 */
enum khap_status khap_talk_new(const struct khap_alloc *alloc, struct khap_str path,
                               struct khap_dialogue *dialogue, uint32_t timeout_ms, int32_t *error,
                               struct khap_talk **out);

/**
 * What to wait for, with poll(2).
 *
 * @param talk        the talk
 * @param fd          [out] the descriptor
 * @param for_write   [out] 1 when it is waited for writing, too; reading always is
 * @param timeout_ms  [out] milliseconds to the deadline
 */
void khap_talk_wants(const struct khap_talk *talk, int32_t *fd, uint32_t *for_write, int32_t *timeout_ms);

/**
 * Does what can be done without waiting.
 *
 * @param talk   the talk
 * @param error  [out] errno of what failed, ETIMEDOUT past the deadline, else 0; may be NULL
 * @return KHAP_OK: done or still under way, the dialogue's state tells; KHAP_EIO when the socket failed or time was up, which fails the dialogue; KHAP_ENOMEM,
 *         KHAP_ELIMIT as from khap_dialogue_feed()
 */
enum khap_status khap_talk_step(struct khap_talk *talk, int32_t *error);

/**
 * Closes the connection.
 *
 * @param talk  the talk, or NULL
 */
void khap_talk_free(struct khap_talk *talk);

/**
 * Runs `BINARY -C DIRECTORY -c -f haproxy.cfg`: whether HAProxy takes a configuration. As khap_haproxy_version() does, but what it prints on standard error is
 * read, too.
 *
 * @param binary     the program's path; it is not searched for
 * @param directory  where haproxy.cfg and what it names by relative paths stand
 * @param buffer     [out] what it printed, not NUL-terminated
 * @param capacity   size of the buffer
 * @param length     [out] how much was printed
 * @param run        [in,out] `size` and `timeout_ms` set by the caller; may be NULL. Large configurations take seconds
 * @return KHAP_OK when it takes it; KHAP_EIO when it does not (`exit_status` is not 0), could not be run or took too long; KHAP_ELIMIT when the buffer
 *         is too small; KHAP_EINVAL
 */
enum khap_status khap_haproxy_check(struct khap_str binary, struct khap_str directory, char *buffer,
                                    size_t capacity, size_t *length, struct khap_run *run);

/**
 * Runs a program and gives what it prints on standard output and standard error. Else as khap_haproxy_version().
 *
 * @param words     the program, which is searched for in PATH when its name has no slash, and its arguments
 * @param count     how many, from 1 to 64
 * @param buffer    [out] what it printed, not NUL-terminated
 * @param capacity  size of the buffer
 * @param length    [out] how much was printed
 * @param run       [in,out] `size` and `timeout_ms` set by the caller; may be NULL
 * @return KHAP_OK; KHAP_EIO when it could not be run, took too long, or ended with another status than 0; KHAP_ELIMIT when the buffer is too
 *         small, or the words are too many or longer than 8 KiB together; KHAP_EINVAL, for a NUL in a word, too
 */
enum khap_status khap_run_command(const struct khap_str *words, size_t count, char *buffer, size_t capacity,
                                  size_t *length, struct khap_run *run);

/**
 * Which generation counts: DIRECTORY/current is a link to generations/N.
 *
 * @param directory  the directory
 * @param number     [out] N, from 1
 * @param error      [out] errno, with KHAP_EIO: EEXIST when `current` leads elsewhere, EINVAL when it is no link; may be NULL
 * @return KHAP_OK; KHAP_ENOENT when there is none; KHAP_EIO; KHAP_EINVAL
 */
enum khap_status khap_generation_current(struct khap_str directory, uint32_t *number, int32_t *error);

/**
 * Writes a bundle into a new directory DIRECTORY/generations/N, N being one more than the largest there, as khap_save_bundle() does: brought onto
 * the disk, secrets with mode 0600. Nothing uses it yet. What fails is removed again. A file that the generation that counts has with the same content is
 * that file, by a hard link, where the file system has such.
 *
 * @param options    how; NULL for the defaults. KHAP_SAVE_CHECK and KHAP_SAVE_FORCE mean nothing here
 * @param directory  the directory, which is there
 * @param bundle     what to write
 * @param number     [out] N
 * @return as khap_save_bundle(); KHAP_ELIMIT when there is no number left
 */
enum khap_status khap_generation_write(const struct khap_save_options *options, struct khap_str directory,
                                       const struct khap_bundle *bundle, uint32_t *number);

/**
 * Makes a generation the one that counts, by one rename of a symbolic link: whoever looks at any moment sees the old one or the new one.
 *
 * @param options    KHAP_SAVE_NO_SYNC is used; NULL for the defaults
 * @param directory  the directory
 * @param number     the generation
 * @param error      [out] errno, with KHAP_EIO, as of khap_generation_current(); may be NULL
 * @return KHAP_OK, also when it is the one already; KHAP_EIO; KHAP_EINVAL
 */
enum khap_status khap_generation_use(const struct khap_save_options *options, struct khap_str directory,
                                     uint32_t number, int32_t *error);

/**
 * Removes a generation.
 *
 * @param directory  the directory
 * @param number     the generation
 * @param error      [out] errno, with KHAP_EIO; may be NULL
 * @return KHAP_OK, also when there is none; KHAP_EREFUSED for the one that counts; KHAP_EIO; KHAP_EINVAL
 */
enum khap_status khap_generation_remove(struct khap_str directory, uint32_t number, int32_t *error);

/**
 * Removes generations, at most 256 a call: those with larger numbers than the one that counts, which somebody began and did not end, and old ones. Nobody
 * may be writing one meanwhile.
 *
 * @param directory  the directory
 * @param keep       how many stay beside the one that counts: the last ones before it
 * @param error      [out] errno, with KHAP_EIO; may be NULL
 * @return KHAP_OK; KHAP_ENOENT when none counts: nothing is removed then; KHAP_EIO; KHAP_EINVAL
 */
enum khap_status khap_generation_prune(struct khap_str directory, uint32_t keep, int32_t *error);

#ifdef __cplusplus
}
#endif

#endif
