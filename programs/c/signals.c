/*
 * Signal handlers: what they are told, that what they interrupt goes on unchanged, alternate stacks, masks, and the end of a
 * program whose stack leads nowhere. Without an argument all but the ends, which are one word each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            printf("FAILED %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            failures++;                                                                    \
        }                                                                                  \
    } while (0)

static sigjmp_buf back;
static volatile siginfo_t told;
static volatile uint64_t told_pc, told_fault_address;

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(signal, &action, NULL) == 0);
}

static void leave(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    ucontext_t *interrupted = context;
    told = *info;
    told_pc = interrupted->uc_mcontext.pc;
    told_fault_address = interrupted->uc_mcontext.fault_address;
    siglongjmp(back, 1);
}

/* Each kind of fault comes with its signal, code and address. */
static void faults(void)
{
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
    for (int i = 0; i < 4; i++)
        handle(signals[i], leave, 0);

    if (!sigsetjmp(back, 1))
        *(volatile int *)0x1234 = 1;
    CHECK(told.si_signo == SIGSEGV && told.si_code == SEGV_MAPERR && told.si_addr == (void *)0x1234);
    CHECK(told_fault_address == 0x1234);

    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(back, 1))
        *(volatile char *)(page + 7) = 1;
    CHECK(told.si_signo == SIGSEGV && told.si_code == SEGV_ACCERR && told.si_addr == page + 7);
    munmap(page, 4096);

    int fd = memfd_create("short", 0);
    CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
    char *object = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!sigsetjmp(back, 1))
        *(volatile char *)(object + 4096) = 1;
    CHECK(told.si_signo == SIGBUS && told.si_code == BUS_ADRERR && told.si_addr == object + 4096);
    munmap(object, 8192);
    close(fd);

    if (!sigsetjmp(back, 1))
        __asm__ volatile(".inst 0");
    CHECK(told.si_signo == SIGILL && told.si_code == ILL_ILLOPC && (uint64_t)told.si_addr == told_pc);

    if (!sigsetjmp(back, 1))
        __asm__ volatile("brk #7");
    CHECK(told.si_signo == SIGTRAP && told.si_code == TRAP_BRKPT && (uint64_t)told.si_addr == told_pc);
}

static void repair(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    uintptr_t page = (uintptr_t)info->si_addr & ~4095ul;
    CHECK(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0);
}

/* What a copying collector's read barrier does: the access that faulted is tried again, and works. */
static void going_on_after_a_repair(void)
{
    handle(SIGSEGV, repair, 0);
    unsigned char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double factor = 1.5;
    page[5] = 7;
    factor *= page[5];
    CHECK(page[5] == 7 && factor == 10.5);
    munmap(page, 4096);
}

static void skip_and_change(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *interrupted = context;
    interrupted->uc_mcontext.pc += 4;
    interrupted->uc_mcontext.regs[20] = 0x77;
    __asm__ volatile("movi v8.16b, #7; movi v31.16b, #9" ::: "v8", "v31");
}

/* A handler changes what it interrupted only by the frame: its own use of registers leaves no trace. */
static void registers(void)
{
    handle(SIGILL, skip_and_change, 0);
    register double in_v8 __asm__("d8") = 2.5;
    register double in_v31 __asm__("d31") = 3.5;
    register uint64_t in_x20 __asm__("x20") = 5;
    register uint64_t in_x21 __asm__("x21") = 6;
    __asm__ volatile(".inst 0" : "+w"(in_v8), "+w"(in_v31), "+r"(in_x20), "+r"(in_x21));
    double v8 = in_v8, v31 = in_v31;
    uint64_t x20 = in_x20, x21 = in_x21;
    CHECK(v8 == 2.5 && v31 == 3.5 && x20 == 0x77 && x21 == 6);
}

static volatile int count, depth, deepest, again = 1;
static volatile char *volatile handler_stack;

/* Counts, and the first SIGUSR2 raises another one while it is being handled. */
static void note(int signal)
{
    char here;
    handler_stack = &here;
    count++;
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (signal == SIGUSR2 && again-- > 0)
        raise(SIGUSR2);
    depth--;
}

/* Blocked signals wait and come once; a handler isn't interrupted by its own signal; ignored ones are nothing. */
static void masks(void)
{
    sigset_t user, old, pending;
    sigemptyset(&user);
    sigaddset(&user, SIGUSR1);
    signal(SIGUSR1, note);
    raise(SIGUSR1);
    CHECK(count == 1);
    CHECK(sigprocmask(SIG_BLOCK, &user, &old) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(count == 1 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    CHECK(count == 2);
    signal(SIGUSR2, note);
    raise(SIGUSR2);
    CHECK(deepest == 1 && count == 4);
    signal(SIGTERM, SIG_IGN);
    raise(SIGTERM);
    raise(SIGCHLD);
    CHECK(signal(SIGKILL, note) == SIG_ERR && errno == EINVAL);
    CHECK(kill(12345, 0) == -1 && errno == ESRCH && kill(getpid(), 0) == 0);
}

static char alternate[64 << 10];

static void use_alternate_stack(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    CHECK(sigaltstack(&stack, &old) == 0 && old.ss_flags == SS_DISABLE);
}

/* With SA_ONSTACK the handler runs on the stack that was named, and only then. */
static void alternate_stack(void)
{
    use_alternate_stack();
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK(handler_stack > alternate && handler_stack < alternate + sizeof alternate);
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    signal(SIGUSR1, note);
    raise(SIGUSR1);
    CHECK(!(handler_stack > alternate && handler_stack < alternate + sizeof alternate));
    stack_t small = {.ss_sp = alternate, .ss_size = 1024};
    CHECK(sigaltstack(&small, NULL) == -1 && errno == ENOMEM);
}

/* Not inlined, and never a tail call: each level takes a page and more. */
static __attribute__((noinline)) int descend(int level)
{
    volatile char taken[5000];
    taken[0] = level;
    return level > 1 << 20 ? 0 : descend(level + 1) + taken[0];
}

static void end(int signal)
{
    _exit(signal == SIGSEGV ? 3 : 4);
}

static int ends(const char *word)
{
    struct sigaction action = {.sa_handler = end};
    if (strcmp(word, "overflow") == 0) {
        /* The handler would need the stack that there is none left of. */
        sigaction(SIGSEGV, &action, NULL);
        return descend(0);
    }
    if (strcmp(word, "overflow-handled") == 0) {
        use_alternate_stack();
        action.sa_flags = SA_ONSTACK;
        sigaction(SIGSEGV, &action, NULL);
        return descend(0);
    }
    if (strcmp(word, "no-frame") == 0)
        /* rt_sigreturn where no handler was entered. */
        __asm__ volatile("mov x8, #139; svc #0" ::: "x8", "memory");
    if (strcmp(word, "terminate") == 0)
        raise(SIGTERM);
    return 1;
}

/* Returns from a handler by a frame of zeros. */
static void return_by_nothing(void)
{
    static char nothing[8192] __attribute__((aligned(16)));
    register long number __asm__("x8") = SYS_rt_sigreturn;
    __asm__ volatile("mov x9, sp\n\tmov sp, %1\n\tsvc #0\n\tmov sp, x9"
                     : "+r"(number)
                     : "r"(nothing)
                     : "x0", "x9", "memory");
}

/* A frame that makes no sense is a SIGSEGV each time, and the handler's flags hold for it too. */
static void senseless_frames(void)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    volatile int caught = 0;
    /* Linux has lost the program's stack pointer by then. */
    CHECK(sigaltstack(&stack, NULL) == 0);
    handle(SIGSEGV, leave, SA_NODEFER | SA_ONSTACK);
    for (volatile int i = 0; i < 3; i++)
        if (!sigsetjmp(back, 0))
            return_by_nothing();
        else
            caught++;
    CHECK(caught == 3);
    CHECK(told.si_signo == SIGSEGV && told.si_code == SEGV_ACCERR);

    handle(SIGSEGV, leave, SA_NODEFER | SA_ONSTACK | SA_RESETHAND);
    if (!sigsetjmp(back, 0))
        return_by_nothing();
    struct sigaction action;
    CHECK(sigaction(SIGSEGV, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, NULL) == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return ends(argv[1]);
    faults();
    going_on_after_a_repair();
    registers();
    masks();
    alternate_stack();
    senseless_frames();
    if (failures == 0)
        puts("all is well");
    return failures != 0;
}
