// Host only: many inputs in one call, for training and tests. Not part of the firmware.
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

size_t kws_model_sizeof(void) {
    return sizeof(kws_model_t);
}

// What ctypes wants to know without mirroring the struct: shape and zero point of input and output, and sizes.
void kws_model_describe(const kws_model_t *m, int32_t facts[14]) {
    const kws_tensor_t *in = kws_model_input(m), *out = kws_model_output(m);
    const int32_t all[14] = {
        in->h, in->w, in->c, in->zero_point, (int32_t)in->scale_bits,
        out->h, out->w, out->c, out->zero_point, (int32_t)out->scale_bits,
        (int32_t)m->decision_hop_frames, (int32_t)m->n_labels, m->has_frontend, m->has_frontend ? (int32_t)m->frontend.n_out : 0,
    };
    memcpy(facts, all, sizeof(all));
}

// The same of a program: arena bytes, state bytes, ops; all 0 when the model has none of this kind.
void kws_program_describe(const kws_model_t *m, uint32_t kind, uint32_t facts[3]) {
    const kws_program_t *p = kws_model_program(m, kind);
    memset(facts, 0, 3 * sizeof(*facts));
    if (p != NULL) {
        facts[0] = p->arena_bytes;
        facts[1] = p->state_bytes;
        facts[2] = p->n_ops;
    }
}

static uint8_t *new_arena(const kws_program_t *p) {
    uint8_t *arena = malloc(p->arena_bytes + 1); // malloc aligns to 16 on 64-bit hosts
    if (arena == NULL) {
        abort();
    }
    memset(arena, 0xa5, p->arena_bytes);
    return arena;
}

// What a run leaves behind beside its state may be gone at the next: poison shows a network that relies on it.
static void poison(const kws_program_t *p, uint8_t *arena) {
    memset(arena + p->state_bytes, 0xa5, p->arena_bytes - p->state_bytes);
}

// n inputs [n][h][w][c] to n outputs [n][classes]: each from a reset, or, with `sequence`, one after the other.
void kws_model_run_many(const kws_model_t *m, const int8_t *in, size_t n, int8_t *out, int sequence) {
    const kws_program_t *p = kws_model_program(m, KWS_PROGRAM_WINDOW);
    const size_t in_bytes = kws_tensor_bytes(p->input), out_bytes = kws_tensor_bytes(p->output);
    uint8_t *arena = new_arena(p);
    for (size_t i = 0; i < n; i++) {
        uint32_t run = !sequence ? 0 : i < KWS_RUN_SETTLED ? (uint32_t)i : KWS_RUN_SETTLED;
        poison(p, arena);
        kws_program_begin(p, arena, run);
        memcpy(arena + p->input->offset, in + i * in_bytes, in_bytes);
        kws_program_run(p, arena, run);
        memcpy(out + i * out_bytes, arena + p->output->offset, out_bytes);
    }
    free(arena);
}

// One run from a reset that keeps what each op wrote: out is the ops' outputs one behind the other. Returns their
// bytes in all; with out NULL that alone.
size_t kws_model_run_layers(const kws_model_t *m, const int8_t *in, int8_t *out) {
    const kws_program_t *p = kws_model_program(m, KWS_PROGRAM_WINDOW);
    uint8_t *arena = new_arena(p);
    size_t total = 0;
    kws_program_begin(p, arena, 0);
    if (out != NULL) {
        memcpy(arena + p->input->offset, in, kws_tensor_bytes(p->input));
    }
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const kws_tensor_t *t = &p->tensors[p->ops[i].output];
        if (out != NULL) {
            kws_program_run_op(p, i, arena, 0);
            memcpy(out + total, arena + t->offset, kws_tensor_bytes(t));
        }
        total += kws_tensor_bytes(t);
    }
    free(arena);
    return total;
}

// Code and output shape of op i of the window program: {code, h, w, c}.
void kws_model_describe_op(const kws_model_t *m, uint32_t i, uint32_t facts[4]) {
    const kws_program_t *p = kws_model_program(m, KWS_PROGRAM_WINDOW);
    const kws_tensor_t *t = &p->tensors[p->ops[i].output];
    facts[0] = p->ops[i].code;
    facts[1] = t->h;
    facts[2] = t->w;
    facts[3] = t->c;
}
