/* What does not come through a function of its own: syscall(2), the dynamic linker, and a process
 * that changes what names mean. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- syscall(2) ---- */

/* Numbers that take a path, told as the functions of the same name are. Where one of libc's own
 * functions does the same, it is called in its stead; *RET_RESULT is then what it returned. */
static bool instead(long number, const long *a, long *ret_result)
{
    const char *first = (const char *)a[0];
    const char *second = (const char *)a[1];
    switch (number) {
#ifdef SYS_open
    case SYS_open:
        *ret_result = open(first, (int)a[1], (mode_t)a[2]);
        return true;
    case SYS_creat:
        *ret_result = creat(first, (mode_t)a[1]);
        return true;
    case SYS_stat:
        *ret_result = stat(first, (struct stat *)a[1]);
        return true;
    case SYS_lstat:
        *ret_result = lstat(first, (struct stat *)a[1]);
        return true;
    case SYS_access:
        *ret_result = access(first, (int)a[1]);
        return true;
    case SYS_readlink:
        *ret_result = readlink(first, (char *)a[1], (size_t)a[2]);
        return true;
    case SYS_unlink:
        *ret_result = unlink(first);
        return true;
    case SYS_rename:
        *ret_result = rename(first, second);
        return true;
    case SYS_mkdir:
        *ret_result = mkdir(first, (mode_t)a[1]);
        return true;
    case SYS_rmdir:
        *ret_result = rmdir(first);
        return true;
#endif
    case SYS_openat:
        *ret_result = openat((int)a[0], second, (int)a[2], (mode_t)a[3]);
        return true;
    case SYS_newfstatat:
        *ret_result = fstatat((int)a[0], second, (struct stat *)a[2], (int)a[3]);
        return true;
    case SYS_statx:
        *ret_result =
            statx((int)a[0], second, (int)a[2], (unsigned)a[3], (struct statx *)a[4]);
        return true;
    case SYS_faccessat:
        *ret_result = faccessat((int)a[0], second, (int)a[2], 0);
        return true;
    case SYS_readlinkat:
        *ret_result = readlinkat((int)a[0], second, (char *)a[2], (size_t)a[3]);
        return true;
    case SYS_unlinkat:
        *ret_result = unlinkat((int)a[0], second, (int)a[2]);
        return true;
    case SYS_mkdirat:
        *ret_result = mkdirat((int)a[0], second, (mode_t)a[2]);
        return true;
    case SYS_renameat:
        *ret_result = renameat((int)a[0], second, (int)a[2], (const char *)a[3]);
        return true;
    case SYS_renameat2:
        *ret_result =
            renameat2((int)a[0], second, (int)a[2], (const char *)a[3], (unsigned)a[4]);
        return true;
    case SYS_getdents64:
        *ret_result = getdents64((int)a[0], (void *)a[1], (size_t)a[2]);
        return true;
    case SYS_execve:
        *ret_result = execve(first, (char *const *)a[1], (char *const *)a[2]);
        return true;
    case SYS_chdir:
        *ret_result = chdir(first);
        return true;
    case SYS_chroot:
        *ret_result = chroot(first);
        return true;
    case SYS_unshare:
        *ret_result = unshare((int)a[0]);
        return true;
    case SYS_setns:
        *ret_result = setns((int)a[0], (int)a[1]);
        return true;
    case SYS_mount:
        *ret_result = mount(first, second, (const char *)a[2], (unsigned long)a[3],
                            (const void *)a[4]);
        return true;
    default:
        return false;
    }
}

/* Newer calls that libc has no function for. */
static void told_after(long number, const long *a, long result)
{
    const char *path = (const char *)a[1];
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *)a[2];
        if (result >= 0) /* else HOW may be anything */
            look_opened((int)a[0], path, (int)how->flags, false, (int)result);
        else
            look_asked((int)a[0], path, LOOK_FOLLOW | LOOK_WEAK, result, NULL);
    }
#ifdef SYS_faccessat2
    if (number == SYS_faccessat2)
        look_asked((int)a[0], path,
                   ((int)a[3] & AT_SYMLINK_NOFOLLOW) != 0 ? LOOK_WEAK
                                                          : LOOK_FOLLOW | LOOK_WEAK,
                   result, NULL);
#endif
}

PUBLIC long syscall(long number, ...)
{
    long a[6];
    long result = 0;
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] =
            va_arg(list, long); /* the kernel takes as many as it needs; so does libc */
    va_end(list);
    if (log_current() != NULL && instead(number, a, &result))
        return result;
    result = raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        result = -1;
    }
    if (log_current() != NULL)
        told_after(number, a, result);
    return result;
}

/* ---- names that mean something else from now on ---- */

PUBLIC int chroot(const char *path)
{
    REAL(chroot);
    int result = real(path);
    if (result == 0) {
        /* Every name would be taken for another file's. What is opened in the project all the
         * same, the daemon's watches see. */
        look_unseen(TRACE_ELSEWHERE, "chroot");
        log_end();
    }
    return result;
}

PUBLIC int unshare(int flags)
{
    REAL(unshare);
    int result = real(flags);
    if (result == 0 && (flags & CLONE_NEWNS) != 0)
        look_unseen(TRACE_ELSEWHERE, "unshare");
    return result;
}

PUBLIC int setns(int fd, int type)
{
    REAL(setns);
    int result = real(fd, type);
    if (result == 0 && (type == 0 || (type & CLONE_NEWNS) != 0))
        look_unseen(TRACE_ELSEWHERE, "setns");
    return result;
}

PUBLIC int mount(const char *from, const char *to, const char *type, unsigned long flags,
                 const void *data)
{
    REAL(mount);
    int result = real(from, to, type, flags, data);
    if (result == 0) {
        look_unseen(TRACE_ELSEWHERE, "mount");
        look_names_changed();
    }
    return result;
}

/* ---- dlopen ----
 *
 * dlopen looks at who called it (its RUNPATH, its namespace), so it must not be called by us: the
 * path is told, and then we leave the stage by a jump, with all registers as they came. What it
 * loads besides is told at the end of the process, or at exec. */

void trace_dlopen(const char *path);
void *trace_find_dlopen(void);

__attribute__((used)) void trace_dlopen(const char *path)
{
    struct stat status;
    int error = errno;
    attach_libraries_changed();
    if (path != NULL && strchr(path, '/') != NULL && log_current() != NULL) {
        if (look_before(AT_FDCWD, path, LOOK_FOLLOW, &status)) {
            look_used(TRACE_LIBRARY, AT_FDCWD, path, LOOK_FOLLOW, &status);
        } else {
            errno = ENOENT;
            look_asked(AT_FDCWD, path, LOOK_FOLLOW, -1, NULL);
        }
    }
    errno = error;
}

__attribute__((used)) void *trace_find_dlopen(void)
{
    REAL(dlopen);
    void *found = NULL;
    memcpy(&found, &real, sizeof found);
    return found;
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl dlopen\n"
        ".type dlopen, @function\n"
        "dlopen:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    pushq %rsi\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    call trace_dlopen\n"
        "    call trace_find_dlopen\n"
        "    addq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    popq %rsi\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    popq %rdi\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    jmp *%rax\n"
        "    .cfi_endproc\n"
        ".size dlopen, . - dlopen\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl dlopen\n"
        ".type dlopen, %function\n"
        "dlopen:\n"
        "    .cfi_startproc\n"
        "    stp x29, x30, [sp, #-32]!\n"
        "    .cfi_def_cfa_offset 32\n"
        "    .cfi_offset x29, -32\n"
        "    .cfi_offset x30, -24\n"
        "    stp x0, x1, [sp, #16]\n"
        "    bl trace_dlopen\n"
        "    bl trace_find_dlopen\n"
        "    mov x16, x0\n"
        "    ldp x0, x1, [sp, #16]\n"
        "    ldp x29, x30, [sp], #32\n"
        "    .cfi_def_cfa_offset 0\n"
        "    br x16\n"
        "    .cfi_endproc\n"
        ".size dlopen, . - dlopen\n");
#endif
