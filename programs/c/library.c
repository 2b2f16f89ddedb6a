/*
 * What an ordinary C program does first: prints, allocates, reads a file, looks at its surroundings. It checks what it
 * sees, says what was wrong, and ends with status 0 only if all was right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            printf("FAILED %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            failures++;                                                                    \
        }                                                                                  \
    } while (0)

/* Formatting, with floating point: the numbers go through SIMD registers. */
static void printing(void)
{
    char text[64];
    snprintf(text, sizeof text, "%d %s %.3f %e %p", -42, "text", 3.14159, 6.02e23, (void *)0x1234);
    CHECK(strcmp(text, "-42 text 3.142 6.020000e+23 0x1234") == 0);
    fprintf(stderr, "a line on standard error\n");
}

/* Small and large blocks; growing a large one makes the C library call mremap. */
static void allocating(void)
{
    enum { COUNT = 500 };
    unsigned char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(i * 37 + 1);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], i, i * 37 + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK(blocks[i][0] == (i & 0xff) && blocks[i][i * 37] == (i & 0xff));
        free(blocks[i]);
    }

    size_t words = 1 << 16;
    uint64_t *large = malloc(words * sizeof *large);
    for (size_t i = 0; i < words; i++)
        large[i] = i * i;
    for (int doubling = 0; doubling < 6; doubling++) {
        large = realloc(large, 2 * words * sizeof *large);
        CHECK(large != NULL);
        for (size_t i = words; i < 2 * words; i++)
            large[i] = i * i;
        words *= 2;
    }
    size_t wrong = 0;
    for (size_t i = 0; i < words; i++)
        wrong += large[i] != i * i;
    CHECK(wrong == 0);
    free(large);

    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 1 << 21, 1 << 20) == 0 && (uintptr_t)aligned % (1 << 21) == 0);
    free(aligned);
    CHECK(malloc(PTRDIFF_MAX) == NULL && errno == ENOMEM);
}

/* A file through the C library: buffered reading, rewinding, reading anew. */
static void reading(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    if (!maps)
        return;
    for (int round = 0; round < 2; round++) {
        char line[512];
        int lines = 0, stack = 0, text = 0;
        while (fgets(line, sizeof line, maps)) {
            unsigned long start, end;
            char permissions[5];
            CHECK(sscanf(line, "%lx-%lx %4s", &start, &end, permissions) == 3 && start < end);
            stack += strstr(line, "[stack]") != NULL;
            text += (uintptr_t)reading >= start && (uintptr_t)reading < end && strcmp(permissions, "r-xp") == 0;
            lines++;
        }
        CHECK(lines > 3 && stack == 1 && text == 1);
        rewind(maps);
    }
    fclose(maps);
    CHECK(fopen("/no/such/file", "r") == NULL && errno == ENOENT);
}

static void mapping(void)
{
    long page = sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page == 4096 && at != MAP_FAILED);
    strcpy(at + page, "moved");
    char *to = mremap(at, 4 * page, 64 * page, MREMAP_MAYMOVE);
    CHECK(to != MAP_FAILED && strcmp(to + page, "moved") == 0 && to[63 * page] == 0);
    CHECK(munmap(to, 64 * page) == 0);
}

static void surroundings(int argc, char **argv)
{
    struct timespec before, after, resolution;
    struct utsname name;
    CHECK(argc >= 1 && argv[argc] == NULL);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK(after.tv_sec > before.tv_sec || (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
    CHECK(uname(&name) == 0 && strcmp(name.machine, "aarch64") == 0);
    CHECK(getpid() > 0 && getppid() >= 0 && getpid() != getppid());
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    CHECK(fabs(sqrt(2.0) * sqrt(2.0) - 2.0) < 1e-9);
    /* The C library finds the main thread's stack in /proc/self/maps, musl by asking mremap page after page. */
    pthread_attr_t attributes;
    void *stack;
    size_t size;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &stack, &size) == 0);
    CHECK((char *)&stack >= (char *)stack && (char *)&stack < (char *)stack + size);
}

int main(int argc, char **argv)
{
    printing();
    allocating();
    reading();
    mapping();
    surroundings(argc, argv);
    if (failures == 0)
        printf("all is well\n");
    return failures != 0;
}
