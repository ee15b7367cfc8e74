// Opens a blob: the container first, then the programs' records, then what is in them.
#include "net/model.h"

#include <string.h>

#include "net/check.h"

#define SECTION(h, id) (&(h)->sections[(id) - 1])

static const kws_header_t *header(const kws_reader_t *r) {
    return (const kws_header_t *)(const void *)r->start;
}

// The records of a section, count of them of `size` bytes each; NULL when the section is not as long as that or has
// more than `most`.
static const void *records(const kws_reader_t *r, uint32_t id, size_t size, uint32_t most) {
    const kws_section_t *s = SECTION(header(r), id);
    return s->count <= most && s->length == s->count * size ? r->start + s->offset : NULL;
}

// How many records of each kind the programs so far have.
typedef struct {
    uint32_t tensors, ops, states;
} used_t;

static int open_program(const kws_reader_t *r, kws_model_t *m, const kws_program_record_t *record, uint32_t kind, used_t *used) {
    const kws_header_t *h = header(r);
    uint32_t n_tensors = SECTION(h, KWS_SECTION_TENSORS)->count, n_ops = SECTION(h, KWS_SECTION_OPS)->count;
    uint32_t n_states = SECTION(h, KWS_SECTION_STATES)->count;
    if (record->kind != kind || record->zero[0] != 0 || record->zero[1] != 0) {
        return kws_fail_at(r, KWS_E_RANGE, record, "program's kind or a reserved field");
    }
    if (record->first_tensor != used->tensors || record->n_tensors > n_tensors - used->tensors ||
        record->first_op != used->ops || record->n_ops > n_ops - used->ops ||
        record->first_state != used->states || record->n_states > n_states - used->states) {
        return kws_fail_at(r, KWS_E_OFFSET, record, "program's tensors, ops or states");
    }
    if (record->arena_bytes > KWS_MAX_BYTES) {
        return kws_fail_at(r, KWS_E_ARENA, &record->arena_bytes, "arena is larger than 16 MiB");
    }
    if (record->state_bytes % KWS_SECTION_ALIGN != 0 || record->state_bytes > record->arena_bytes) {
        return kws_fail_at(r, KWS_E_ARENA, &record->state_bytes, "state leaves the arena");
    }
    if (record->input >= record->n_tensors || record->output >= record->n_tensors) {
        return kws_fail_at(r, KWS_E_RANGE, &record->input, "program's input or output is no tensor");
    }
    kws_program_t *p = &m->programs[kind];
    const uint8_t *tensors = r->start + SECTION(h, KWS_SECTION_TENSORS)->offset;
    const uint8_t *ops = r->start + SECTION(h, KWS_SECTION_OPS)->offset;
    const uint8_t *states = r->start + SECTION(h, KWS_SECTION_STATES)->offset;
    *p = (kws_program_t){
        .tensors = (const kws_tensor_t *)(const void *)tensors + record->first_tensor,
        .n_tensors = record->n_tensors,
        .ops = (const kws_op_t *)(const void *)ops + record->first_op,
        .n_ops = record->n_ops,
        .states = (const kws_state_t *)(const void *)states + record->first_state,
        .n_states = record->n_states,
        .weights = m->weights,
        .weights_bytes = m->weights_bytes,
        .arena_bytes = record->arena_bytes,
        .state_bytes = record->state_bytes,
    };
    p->input = &p->tensors[record->input];
    p->output = &p->tensors[record->output];
    used->tensors += record->n_tensors;
    used->ops += record->n_ops;
    used->states += record->n_states;
    return kws_check_program(r, p);
}

// A window program has all of its window.
static int check_window(const kws_reader_t *r, const kws_program_t *p) {
    for (uint32_t i = 0; i < p->n_tensors; i++) {
        if (p->tensors[i].missing != 0) {
            return kws_fail_at(r, KWS_E_RANGE, &p->tensors[i].missing, "missing rows in a window program");
        }
    }
    return KWS_OK;
}

// What a stream takes for granted of a step program.
static int check_step(const kws_reader_t *r, const kws_model_t *m, const kws_program_record_t *record) {
    const kws_program_t *window = &m->programs[KWS_PROGRAM_WINDOW], *step = &m->programs[KWS_PROGRAM_STEP];
    const kws_tensor_t *in = step->input, *out = step->output;
    uint32_t hop = m->decision_hop_frames;
    if (hop == 0 || hop > window->input->h || window->n_states != 0) {
        return kws_fail_at(r, KWS_E_RANGE, record, "step program of a network that does not slide");
    }
    if (in->h != hop || in->w != window->input->w || in->c != window->input->c ||
        kws_tensor_bytes(out) != kws_model_classes(m) || !kws_same_quantisation(in, window->input) ||
        !kws_same_quantisation(out, window->output)) {
        return kws_fail_at(r, KWS_E_SHAPE, &record->input, "step program's input or output differs from the window's");
    }
    if (in->offset + (uint64_t)kws_tensor_bytes(in) > step->state_bytes) {
        return kws_fail_at(r, KWS_E_ARENA, &record->input, "step program's input is not in its state");
    }
    return KWS_OK;
}

static int open_programs(const kws_reader_t *r, kws_model_t *m) {
    const kws_header_t *h = header(r);
    const kws_program_record_t *record = records(r, KWS_SECTION_PROGRAMS, sizeof(*record), 2);
    m->n_programs = SECTION(h, KWS_SECTION_PROGRAMS)->count;
    if (record == NULL || m->n_programs == 0) {
        return kws_fail_at(r, KWS_E_LENGTH, SECTION(h, KWS_SECTION_PROGRAMS), "number of programs");
    }
    if (records(r, KWS_SECTION_TENSORS, sizeof(kws_tensor_t), KWS_MAX_TENSORS) == NULL) {
        return kws_fail_at(r, KWS_E_LENGTH, SECTION(h, KWS_SECTION_TENSORS), "number of tensors");
    }
    if (records(r, KWS_SECTION_OPS, sizeof(kws_op_t), KWS_MAX_OPS) == NULL) {
        return kws_fail_at(r, KWS_E_LENGTH, SECTION(h, KWS_SECTION_OPS), "number of ops");
    }
    if (records(r, KWS_SECTION_STATES, sizeof(kws_state_t), KWS_MAX_STATES) == NULL) {
        return kws_fail_at(r, KWS_E_LENGTH, SECTION(h, KWS_SECTION_STATES), "number of states");
    }
    used_t used = {0, 0, 0};
    for (uint32_t kind = 0; kind < m->n_programs; kind++) {
        int status = open_program(r, m, &record[kind], kind, &used);
        if (status == KWS_OK) {
            status = kind == KWS_PROGRAM_STEP ? check_step(r, m, &record[kind]) : check_window(r, &m->programs[kind]);
        }
        if (status != KWS_OK) {
            return status;
        }
    }
    if (used.tensors != SECTION(h, KWS_SECTION_TENSORS)->count || used.ops != SECTION(h, KWS_SECTION_OPS)->count ||
        used.states != SECTION(h, KWS_SECTION_STATES)->count) {
        return kws_fail_at(r, KWS_E_LENGTH, record, "tensors, ops or states of no program");
    }
    return KWS_OK;
}

// A front end, where there is one, makes the rows of the network's input.
static int open_frontend(const kws_reader_t *r, kws_model_t *m) {
    const kws_header_t *h = header(r);
    const kws_section_t *s = SECTION(h, KWS_SECTION_FRONTEND);
    m->has_frontend = s->length > 0;
    if (!m->has_frontend) {
        return h->decision_hop_frames == 0
                   ? KWS_OK
                   : kws_fail_at(r, KWS_E_RANGE, &h->decision_hop_frames, "decision hop without a front end");
    }
    int status = kws_frontend_open(&m->frontend, r->start + s->offset, s->length, r->err);
    if (status != KWS_OK) {
        if (r->err != NULL) {
            r->err->where += s->offset;
        }
        return status;
    }
    const kws_program_t *p = &m->programs[KWS_PROGRAM_WINDOW];
    if ((uint32_t)p->input->w * p->input->c != m->frontend.n_out) {
        return kws_fail_at(r, KWS_E_SHAPE, p->input, "front end's features do not fill a row of the network's input");
    }
    if (h->decision_hop_frames == 0) {
        return kws_fail_at(r, KWS_E_RANGE, &h->decision_hop_frames, "decision hop is 0");
    }
    if (p->n_states > 0 && h->decision_hop_frames != p->input->h) {
        return kws_fail_at(r, KWS_E_RANGE, &h->decision_hop_frames, "a network with variables must see each frame once");
    }
    return KWS_OK;
}

int kws_model_open(kws_model_t *m, const void *blob, size_t length, kws_error_t *err) {
    kws_reader_t r = {blob, (uint32_t)length, err};
    int status = kws_check_container(&r, length);
    if (status != KWS_OK) {
        return status;
    }
    const kws_header_t *h = header(&r);
    const kws_section_t *labels = SECTION(h, KWS_SECTION_LABELS), *weights = SECTION(h, KWS_SECTION_WEIGHTS);
    const kws_section_t *meta = SECTION(h, KWS_SECTION_META);
    m->blob = r.start;
    m->length = r.length;
    m->decision_hop_frames = h->decision_hop_frames;
    m->weights = r.start + weights->offset;
    m->weights_bytes = weights->length;
    m->labels = (const char *)r.start + labels->offset;
    m->n_labels = labels->count;
    m->meta = (const char *)r.start + meta->offset;
    m->meta_bytes = meta->length;
    if (SECTION(h, KWS_SECTION_FRONTEND)->count != 0 || weights->count != 0 || meta->count != 0) {
        return kws_fail_at(&r, KWS_E_RANGE, h->sections, "count of a section that has none");
    }
    if ((status = open_programs(&r, m)) != KWS_OK || (status = open_frontend(&r, m)) != KWS_OK ||
        (status = kws_check_labels(&r, m->labels, labels->length, m->n_labels)) != KWS_OK ||
        (status = kws_check_meta(&r, m->meta, m->meta_bytes)) != KWS_OK) {
        return status;
    }
    if (m->n_labels != 0 && m->n_labels != kws_model_classes(m)) {
        return kws_fail_at(&r, KWS_E_SHAPE, labels, "as many labels as classes are needed, or none");
    }
    return KWS_OK;
}

const char *kws_model_label(const kws_model_t *m, uint32_t i) {
    const char *p = m->labels;
    for (; i > 0; i--) {
        p += strlen(p) + 1;
    }
    return p;
}
