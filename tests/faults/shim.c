/* shim.c - makes the n-th call of a kind fail in a program that it is loaded before (LD_PRELOAD).
 *
 *   FAULT_CALL    alloc, open, read, write, sync, rename or mmap
 *   FAULT_AT      which call of that kind fails, from 1; 0: none
 *   FAULT_STICKY  set: all later ones fail, too
 *   FAULT_COUNT   a file for the number of calls, written at the program's orderly end
 *   FAULT_SERVER  "IN,OUT", two descriptors: instead of one run as many as are asked for. Each `struct request` from IN is a
 *                 process of its own, forked where `main` begins, so that libraries are loaded once; its process id and its
 *                 status go to OUT.
 *
 * Allocations are the C library's functions, replaced here. System calls are caught in the kernel (seccomp) wherever they come
 * from, stdio and other libraries among them: the handler of SIGSYS counts them and either makes the call itself, from the one
 * place that the filter lets through, or answers with the error. Counting begins with the program's own `main`: what libraries do
 * before is not ours. Linux on x86-64 with glibc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static const struct {
    const char *name;
    int error;
    int calls[4]; /* -1 ends them */
} KINDS[] = {{"alloc", ENOMEM, {-1}},
             {"open", EMFILE, {SYS_open, SYS_openat, -1}},
             {"read", EIO, {SYS_read, SYS_pread64, -1}},
             {"write", ENOSPC, {SYS_write, SYS_writev, -1}},
             {"sync", EIO, {SYS_fsync, SYS_fdatasync, -1}},
             {"rename", EIO, {SYS_rename, SYS_renameat, SYS_renameat2, -1}},
             {"mmap", ENOMEM, {SYS_mmap, -1}}};

static int kind = -1;
static int sticky;
static long fail_at;
static atomic_long count;

/* Counts a call; is it one that fails? */
static int hit(void)
{
    long n = atomic_fetch_add(&count, 1) + 1;
    return fail_at > 0 && (n == fail_at || (sticky && n > fail_at));
}

static int no_memory(void)
{
    if (kind != 0 || !hit())
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return no_memory() ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return no_memory() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
    if (no_memory())
        return ENOMEM;
    *p = __libc_memalign(alignment, size);
    return *p != NULL ? 0 : ENOMEM;
}

/* The one place that the filter lets through: the address behind this instruction. */
long shim_call(long number, long a, long b, long c, long d, long e, long f);
extern const char shim_called[];
__asm__(".globl shim_call, shim_called\n"
        "shim_call:\n"
        "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n  mov %r8, %r10\n  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n  syscall\n"
        "shim_called:\n  ret\n");

static void on_call(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    int mine = info->si_syscall != SYS_write || r[REG_RDI] != STDERR_FILENO; /* what is said is never lost */
    (void)number;
    if (mine && hit())
        r[REG_RAX] = -KINDS[kind].error;
    else
        r[REG_RAX] = shim_call(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
}

static void catch_calls(void)
{
    struct sock_filter code[16];
    unsigned short n = 0;
    unsigned long through = (unsigned long)shim_called;
    /* Is the instruction ours? Low half, then high half. */
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)through, 0, 3);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(through >> 32), 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (const int *call = KINDS[kind].calls; *call >= 0; call++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)*call, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {n, code};
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("shim: seccomp");
        _exit(99);
    }
}

/* Begins to count, and to fail. */
static void inject(int its_kind, long at)
{
    kind = its_kind;
    fail_at = at;
    atomic_store(&count, 0);
    if (kind > 0)
        catch_calls();
}

struct request {
    int kind, at;
};

/* Forks a run for each request; returns in each of those, and never in the server. */
static void serve(int in, int out)
{
    struct request r;
    while (read(in, &r, sizeof r) == (ssize_t)sizeof r) {
        int answer[2] = {fork(), -1};
        if (answer[0] == 0) {
            close(in);
            close(out);
            lseek(STDIN_FILENO, 0, SEEK_SET); /* which all runs share */
            inject(r.kind, r.at);
            return;
        }
        if (write(out, answer, sizeof *answer) < 0 || waitpid(answer[0], &answer[1], 0) < 0 ||
            write(out, answer + 1, sizeof *answer) < 0)
            break;
    }
    _exit(0);
}

static int (*real_main)(int, char **, char **);

static int main_with_faults(int argc, char **argv, char **environment)
{
    const char *name = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *server = getenv("FAULT_SERVER");
    int in, out, found = -1;
    sticky = getenv("FAULT_STICKY") != NULL;
    for (int i = 0; name != NULL && i < (int)(sizeof KINDS / sizeof *KINDS); i++)
        if (strcmp(KINDS[i].name, name) == 0)
            found = i;
    if (server != NULL && sscanf(server, "%d,%d", &in, &out) == 2)
        serve(in, out);
    else
        inject(found, at != NULL ? atol(at) : 0);
    return real_main(argc, argv, environment);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*linker_fini)(void), void *stack_end);
int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*linker_fini)(void), void *stack_end)
{
    int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = program;
    return start(main_with_faults, argc, argv, init, fini, linker_fini, stack_end);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = fail_at == 0 ? getenv("FAULT_COUNT") : NULL;
    long n = atomic_load(&count);
    fail_at = 0;
    FILE *f = path != NULL ? fopen(path, "w") : NULL;
    if (f != NULL) {
        fprintf(f, "%ld\n", n);
        fclose(f);
    }
}
