// kernel_calls [neon|sdot]: calls of entries of kws_kernels_t, read from the standard input until it ends; a64_calls.py writes
// them. Without an argument the processor's own table. The name of the table comes first on the standard output, 16
// bytes, then the regions of each call as it left them.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/a64/a64.h"

#define MAX_ARGUMENTS 6
#define MAX_REGIONS 8

typedef struct {
    uint64_t entry; // of kws_kernels_t, without the name
    uint64_t arguments[MAX_ARGUMENTS];
    uint64_t regions;
    struct {
        uint64_t address, bytes; // whole pages; their contents follow
    } region[MAX_REGIONS];
} call_t;

typedef void (*kernel_t)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static void fail(const char *what) {
    perror(what);
    exit(2);
}

int main(int argc, char **argv) {
    const kws_kernels_t *const table = argc < 2                      ? kws_kernels()
                                       : strcmp(argv[1], "sdot") == 0 ? &kws_kernels_sdot
                                                                      : &kws_kernels_neon;
    char name[16] = "";
    strncpy(name, table->name, sizeof name - 1);
    fwrite(name, sizeof name, 1, stdout);
    call_t call;
    while (fread(&call, sizeof call, 1, stdin) == 1) {
        for (uint64_t i = 0; i < call.regions; i++) {
            void *const at = (void *)call.region[i].address;
            const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
            if (mmap(at, call.region[i].bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != at) {
                fail("mmap");
            }
            if (fread(at, call.region[i].bytes, 1, stdin) != 1) {
                fail("standard input");
            }
        }
        kernel_t kernel;
        memcpy(&kernel, (const char *)table + sizeof(void *) * (1 + call.entry), sizeof kernel);
        const uint64_t *const a = call.arguments;
        kernel(a[0], a[1], a[2], a[3], a[4], a[5]);
        for (uint64_t i = 0; i < call.regions; i++) {
            void *const at = (void *)call.region[i].address;
            if (fwrite(at, call.region[i].bytes, 1, stdout) != 1 || munmap(at, call.region[i].bytes) != 0) {
                fail("region");
            }
        }
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
