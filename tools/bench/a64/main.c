// main BLOB KIND RUNS: runs a program of a blob (KIND 0 window, 1 step) on inputs from the standard input, one a run,
// and writes every tensor that an op makes, in the order of the ops, to the standard output. Mark i comes before op i,
// mark n after the last one; count.c prints the instructions at each. Begins with the name of the kernels, 16 bytes.
// A static program for 64-bit Arm that tools/bench/a64run.py compiles and runs.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "net/model.h"

#define FIRST_MARK 5000

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void *aligned(size_t bytes) {
    void *at = aligned_alloc(16, (bytes + 15) & ~(size_t)15);
    if (at == NULL) {
        fail("memory");
    }
    return at;
}

static void *read_file(const char *path, size_t *bytes) {
    FILE *const file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fail(path);
    }
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *const data = aligned(*bytes);
    if (fread(data, 1, *bytes, file) != *bytes) {
        fail(path);
    }
    fclose(file);
    return data;
}

static void run(const kws_program_t *p, uint8_t *arena, uint32_t index) {
    kws_program_begin(p, arena, index);
    if (fread(arena + p->input->offset, kws_tensor_bytes(p->input), 1, stdin) != 1) {
        fail("standard input");
    }
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const kws_tensor_t *const out = &p->tensors[p->ops[i].output];
        syscall(FIRST_MARK + i);
        kws_program_run_op(p, i, arena, index);
        syscall(FIRST_MARK + i + 1);
        fwrite(arena + out->offset, kws_tensor_bytes(out), 1, stdout);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s BLOB KIND RUNS\n", argv[0]);
        return 2;
    }
    size_t bytes;
    const void *const blob = read_file(argv[1], &bytes);
    static kws_model_t model;
    kws_error_t err = {KWS_OK, 0, ""};
    if (kws_model_open(&model, blob, bytes, &err) != KWS_OK) {
        fprintf(stderr, "%s: status %d at byte %lu\n", err.what, err.code, (unsigned long)err.where);
        return 1;
    }
    const kws_program_t *const program = kws_model_program(&model, (uint32_t)atoi(argv[2]));
    if (program == NULL) {
        fprintf(stderr, "the model has no program of kind %s\n", argv[2]);
        return 1;
    }
    char name[16] = "";
    strncpy(name, kws_kernels()->name, sizeof name - 1);
    fwrite(name, sizeof name, 1, stdout);
    uint8_t *const arena = aligned(program->arena_bytes);
    memset(arena, 0xA5, program->arena_bytes); // as usermod_kws/host does: an op may write a part of its tensor only
    for (uint32_t i = 0; i < (uint32_t)atoi(argv[3]); i++) {
        run(program, arena, i);
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
