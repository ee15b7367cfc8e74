// Host only: mutates blobs and opens them; what is accepted is run. Built with address and undefined-behaviour
// checks, so that a read or write outside a buffer, an overflow or a bad shift ends the program.
//
//   fuzz_blob RUNS FIRST SEED.kws...     run number FIRST + i depends on nothing but itself and the seeds
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/crc32.h"
#include "net/op_params.h"
#include "net/stream.h"

#define MAX_BLOB 65536
#define MAX_RUN_ARENA 8192
#define MAX_RUN_SAMPLES 4096
#define MAX_RUN_WORK 200000

static uint64_t random_state;

static uint32_t rnd(uint32_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

static void put32(uint8_t *p, uint32_t x) {
    memcpy(p, &x, 4);
}

static uint32_t get32(const uint8_t *p) {
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

// The part of the weights section that says how an op works, where there is one: a copy's or an svdf's record.
static uint32_t record_in_weights(const uint8_t *blob, uint32_t n) {
    const kws_header_t *h = (const kws_header_t *)(const void *)blob;
    const kws_section_t *ops = &h->sections[KWS_SECTION_OPS - 1], *weights = &h->sections[KWS_SECTION_WEIGHTS - 1];
    if (ops->offset % 4 != 0 || ops->offset > n || ops->length > n - ops->offset) {
        return n;
    }
    const kws_op_t *op = (const kws_op_t *)(const void *)(blob + ops->offset);
    uint32_t count = ops->length / sizeof(*op), first = count == 0 ? 0 : rnd(count);
    for (uint32_t i = 0; i < count; i++) {
        const kws_op_t *o = &op[(first + i) % count];
        if (o->code == KWS_OP_COPY || o->code == KWS_OP_SVDF) {
            return weights->offset + o->u.w.weights_offset;
        }
    }
    return n;
}

// Three of four mutations hit the header, the records and the front end's header, which are a small part of a blob.
static uint32_t position(const uint8_t *blob, uint32_t n) {
    static const uint8_t sections[] = {KWS_SECTION_TENSORS, KWS_SECTION_OPS, KWS_SECTION_OPS, KWS_SECTION_STATES,
                                       KWS_SECTION_PROGRAMS};
    const kws_header_t *h = (const kws_header_t *)(const void *)blob;
    uint32_t start = 0, length = n, which = rnd(11);
    if (which < sizeof(sections)) {
        start = h->sections[sections[which] - 1].offset;
        length = h->sections[sections[which] - 1].length;
    } else if (which == 5) {
        length = sizeof(*h);
    } else if (which == 6) {
        start = h->sections[KWS_SECTION_FRONTEND - 1].offset;
        length = 64;
    } else if (which == 7) {
        start = record_in_weights(blob, n);
        length = sizeof(kws_copy_t);
    }
    if (start >= n || length == 0 || length > n - start) {
        return rnd(n);
    }
    return start + rnd(length);
}

static void mutate(uint8_t *blob, uint32_t n) {
    static const uint32_t edges[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
                                     0x80000000, 0xfffffffe, 0xffffffff};
    uint32_t at = position(blob, n);
    uint32_t edge = edges[rnd(sizeof(edges) / sizeof(edges[0]))];
    switch (rnd(6)) {
    case 0:
        blob[at] ^= (uint8_t)(1u << rnd(8));
        break;
    case 1:
        blob[at] = (uint8_t)rnd(256);
        break;
    case 2: // a 16-bit field
        at &= ~1u;
        if (at + 2 <= n) {
            blob[at] = (uint8_t)edge;
            blob[at + 1] = (uint8_t)(edge >> 8);
        }
        break;
    case 3: // a 32-bit field
        at &= ~3u;
        if (at + 4 <= n) {
            put32(blob + at, edge);
        }
        break;
    case 4: // a small step
        at &= ~3u;
        if (at + 4 <= n) {
            put32(blob + at, get32(blob + at) + (rnd(2) ? 1u : 0u - 1u) * (1u << rnd(8)));
        }
        break;
    case 5: { // copy a piece elsewhere
        uint32_t from = position(blob, n), length = 1 + rnd(48);
        if (from + length <= n && at + length <= n) {
            memmove(blob + at, blob + from, length);
        }
        break;
    }
    }
}

// How many multiply-accumulates and such an op makes, roughly: a mutated network may be huge.
static uint64_t op_work(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_window_t *w = &op->u.w.window;
    uint64_t out = kws_tensor_bytes(kws_op_output(p, i)), taps = (uint64_t)w->kernel_h * w->kernel_w;
    switch (op->code) {
    case KWS_OP_FULLY_CONNECTED:
        return (uint64_t)kws_tensor_bytes(kws_op_input0(p, i)) * kws_op_output(p, i)->c;
    case KWS_OP_CONV_2D:
        return out * taps * kws_op_input0(p, i)->c;
    case KWS_OP_DEPTHWISE_CONV_2D:
    case KWS_OP_AVG_POOL_2D:
    case KWS_OP_MAX_POOL_2D:
    case KWS_OP_AVG_POOL_STEP:
        return out * taps + kws_tensor_bytes(kws_op_input0(p, i));
    case KWS_OP_SVDF: {
        kws_svdf_t q = kws_op_svdf(p, i);
        return (uint64_t)q.units * q.rank * (q.inputs + q.memory);
    }
    case KWS_OP_COPY:
        return KWS_MAX_BYTES / 1024;
    case KWS_OP_FILL:
        return out;
    }
    return out + kws_tensor_bytes(kws_op_input0(p, i));
}

static int too_much(const kws_program_t *p) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        sum += op_work(p, i);
    }
    return p->arena_bytes > MAX_RUN_ARENA || sum > MAX_RUN_WORK;
}

static void run_program(const kws_program_t *p) {
    uint8_t *arena = malloc(p->arena_bytes + 1);
    for (uint32_t i = 0; i < p->arena_bytes; i++) {
        arena[i] = (uint8_t)rnd(256);
    }
    for (uint32_t run = 0; run < 3; run++) {
        kws_program_begin(p, arena, run);
        memset(arena + p->input->offset, (int)rnd(256), kws_tensor_bytes(p->input));
        kws_program_run(p, arena, run);
    }
    free(arena);
}

static void run_stream(const kws_model_t *m, kws_stream_mode_t mode) {
    uint32_t samples = m->frontend.window_len + (kws_model_input(m)->h + 3u) * m->frontend.hop_len;
    size_t bytes = samples > MAX_RUN_SAMPLES ? 0 : kws_stream_bytes(m, 2, mode);
    if (bytes == 0 || bytes > 1 << 20) {
        return;
    }
    kws_stream_t *s = kws_stream_init(malloc(bytes), m, 2, mode);
    static int16_t pcm[MAX_RUN_SAMPLES];
    for (uint32_t i = 0; i < samples; i++) {
        pcm[i] = (int16_t)rnd(65536);
    }
    for (uint32_t at = 0; at < samples;) {
        uint32_t piece = 1 + rnd(s->max_samples);
        piece = piece < samples - at ? piece : samples - at;
        int rows = kws_stream_feed(s, pcm + at, piece);
        if (rows < 0 || rows > 2) {
            abort();
        }
        at += piece;
    }
    free(s);
}

static void run(const kws_model_t *m) {
    for (uint32_t i = 0; i < m->n_labels; i++) {
        if (kws_model_label(m, i)[0] == 0) {
            abort();
        }
    }
    for (uint32_t kind = 0; kind < m->n_programs; kind++) {
        if (too_much(&m->programs[kind])) {
            return;
        }
        run_program(&m->programs[kind]);
    }
    if (m->has_frontend) {
        run_stream(m, rnd(2) != 0 ? KWS_STREAM_WINDOW : KWS_STREAM_AUTO);
    }
}

static uint8_t *read_file(const char *path, uint32_t *length) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(MAX_BLOB);
    if (f == NULL || data == NULL || (*length = (uint32_t)fread(data, 1, MAX_BLOB, f)) < sizeof(kws_header_t)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    fclose(f);
    return data;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s RUNS FIRST SEED.kws...\n", argv[0]);
        return 2;
    }
    unsigned long runs = strtoul(argv[1], NULL, 0), first = strtoul(argv[2], NULL, 0), verdicts[16] = {0};
    int n_seeds = argc - 3;
    uint8_t **seeds = malloc((size_t)n_seeds * sizeof(*seeds));
    uint32_t *lengths = malloc((size_t)n_seeds * sizeof(*lengths));
    for (int i = 0; i < n_seeds; i++) {
        seeds[i] = read_file(argv[3 + i], &lengths[i]);
    }
    for (unsigned long i = first; i < first + runs; i++) {
        random_state = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        rnd(1);
        uint32_t seed = rnd((uint32_t)n_seeds), n = lengths[seed];
        if (rnd(16) == 0) {
            n = rnd(n + 1);
        }
        uint8_t *blob = malloc(n == 0 ? 1 : n); // exactly as long as the blob, so that one byte too far is noticed
        memcpy(blob, seeds[seed], n);
        if (n >= sizeof(kws_header_t)) {
            for (uint32_t k = rnd(4); k < 4; k++) {
                mutate(blob, n);
            }
            if (rnd(16) != 0) {
                put32(blob + 12, n);
            }
            if (rnd(16) != 0) {
                put32(blob + 8, kws_crc32(blob + 12, n - 12));
            }
        }
        kws_model_t m;
        kws_error_t err = {KWS_OK, 0, NULL};
        int status = kws_model_open(&m, blob, n, &err);
        if (status == KWS_OK) {
            run(&m);
        } else if (err.code != status || err.what == NULL || err.where > n) {
            fprintf(stderr, "run %lu: status %d with a poor error: code %d at %u\n", i, status, err.code, err.where);
            return 1;
        }
        verdicts[-status & 15]++;
        free(blob);
        if ((i + 1 - first) % 100000 == 0) {
            fprintf(stderr, "\r%lu", i + 1 - first);
        }
    }
    fprintf(stderr, "\r");
    for (int v = 0; v < 16; v++) {
        if (verdicts[v] != 0) {
            printf("%-30s %lu\n", kws_strerror((kws_status_t)-v), verdicts[v]);
        }
    }
    for (int i = 0; i < n_seeds; i++) {
        free(seeds[i]);
    }
    free(seeds);
    free(lengths);
    return 0;
}
