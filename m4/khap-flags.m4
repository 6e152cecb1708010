# KHAP_TRY_CFLAG(VARIABLE, FLAG): adds FLAG to VARIABLE when the compiler takes it without a word.
AC_DEFUN([KHAP_TRY_CFLAG],
[AS_VAR_PUSHDEF([khap_cache], [khap_cv_cflag_$2])dnl
AC_CACHE_CHECK([whether $CC accepts $2], [khap_cache],
    [khap_saved=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([khap_cache], [yes])], [AS_VAR_SET([khap_cache], [no])])
    CFLAGS=$khap_saved])
AS_VAR_IF([khap_cache], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([khap_cache])])

# KHAP_TRY_LDFLAG(VARIABLE, FLAG): the same for the linker.
AC_DEFUN([KHAP_TRY_LDFLAG],
[AS_VAR_PUSHDEF([khap_cache], [khap_cv_ldflag_$2])dnl
AC_CACHE_CHECK([whether the linker accepts $2], [khap_cache],
    [khap_saved=$LDFLAGS
    LDFLAGS="$LDFLAGS $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([khap_cache], [yes])], [AS_VAR_SET([khap_cache], [no])])
    LDFLAGS=$khap_saved])
AS_VAR_IF([khap_cache], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([khap_cache])])

# AC_USE_SYSTEM_EXTENSIONS would ask for GNU's extensions as well; the sources are held to POSIX and a small set.
AC_DEFUN([KHAP_FEATURE_MACROS],
[AC_DEFINE([_POSIX_C_SOURCE], [200809L], [POSIX 2008.])
AH_VERBATIM([_DEFAULT_SOURCE], [/* The small set beyond POSIX. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif])])

# KHAP_COMPILER_FLAGS: probes into variables of our own; what the user put into CFLAGS stands after them.
AC_DEFUN([KHAP_COMPILER_FLAGS],
[KHAP_STD_CFLAGS= KHAP_WARN_CFLAGS= KHAP_WERROR_CFLAGS= KHAP_HARDEN_CPPFLAGS= KHAP_HARDEN_CFLAGS= KHAP_HARDEN_LDFLAGS=
KHAP_SANITIZE_CFLAGS= KHAP_COVERAGE_CFLAGS=
KHAP_TRY_CFLAG([KHAP_STD_CFLAGS], [-std=c11])
m4_foreach_w([khap_flag],
    [-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
     -Wwrite-strings -Wcast-qual -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough],
    [KHAP_TRY_CFLAG([KHAP_WARN_CFLAGS], khap_flag)
])
AS_IF([test "x$enable_werror" = xyes], [KHAP_WERROR_CFLAGS=-Werror])

AS_CASE([$enable_sanitizers], [no], [], [
    AS_IF([test "x$enable_sanitizers" = xyes], [enable_sanitizers=address,undefined])
    KHAP_SANITIZE_CFLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=all"
    khap_saved=$CFLAGS
    CFLAGS="$CFLAGS $KHAP_SANITIZE_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [],
        [AC_MSG_ERROR([$CC cannot link with $KHAP_SANITIZE_CFLAGS (Debian: package libclang-rt-dev for clang)])])
    CFLAGS=$khap_saved])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
AC_SUBST([SANITIZERS], [$enable_sanitizers])

AS_IF([test "x$enable_coverage" = xyes], [KHAP_COVERAGE_CFLAGS=--coverage])
AC_SUBST([COVERAGE], [$enable_coverage])

AS_IF([test "x$enable_hardening" = xyes], [
    KHAP_TRY_CFLAG([KHAP_HARDEN_CFLAGS], [-fstack-protector-strong])
    KHAP_TRY_CFLAG([KHAP_HARDEN_CFLAGS], [-fstack-clash-protection])
    KHAP_TRY_CFLAG([KHAP_HARDEN_CFLAGS], [-fcf-protection])
    KHAP_TRY_LDFLAG([KHAP_HARDEN_LDFLAGS], [-Wl,-z,relro])
    KHAP_TRY_LDFLAG([KHAP_HARDEN_LDFLAGS], [-Wl,-z,now])
    AC_CACHE_CHECK([whether to define _FORTIFY_SOURCE], [khap_cv_fortify],
        [khap_cv_fortify=no
        # It does nothing without optimisation, hides what sanitizers look for, and may be the distribution's own already.
        AS_IF([test "x$enable_sanitizers" = xno],
            [AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined __OPTIMIZE__ || defined _FORTIFY_SOURCE
#error no
#endif
int dummy;]])], [khap_cv_fortify=yes])])])
    AS_IF([test "$khap_cv_fortify" = yes], [KHAP_HARDEN_CPPFLAGS=-D_FORTIFY_SOURCE=2])])

AC_SUBST([KHAP_STD_CFLAGS])
AC_SUBST([KHAP_WARN_CFLAGS])
AC_SUBST([KHAP_WERROR_CFLAGS])
AC_SUBST([KHAP_HARDEN_CPPFLAGS])
AC_SUBST([KHAP_HARDEN_CFLAGS])
AC_SUBST([KHAP_HARDEN_LDFLAGS])
AC_SUBST([KHAP_SANITIZE_CFLAGS])
AC_SUBST([KHAP_COVERAGE_CFLAGS])])

# KHAP_VERSION_SCRIPT: whether the linker takes an export map (GNU ld, gold, lld, mold do).
AC_DEFUN([KHAP_VERSION_SCRIPT],
[AC_CACHE_CHECK([whether the linker takes --version-script], [khap_cv_version_script],
    [AS_ECHO(["KHAP_TEST { global: main; local: *; };"]) >conftest.map
    khap_saved=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [khap_cv_version_script=yes], [khap_cv_version_script=no])
    LDFLAGS=$khap_saved
    rm -f conftest.map])
AM_CONDITIONAL([VERSION_SCRIPT], [test "$khap_cv_version_script" = yes])])
