// Opens a blob: the container first, then the tensors, then op by op, then the arena plan.
#include "net/model.h"

#include <string.h>

typedef struct {
    const uint8_t *start; // of the blob
    uint32_t length;
    kws_error_t *err;
} reader_t;

static int fail_at(const reader_t *r, kws_status_t code, const void *where, const char *what) {
    return kws_fail(r->err, code, (uint32_t)((const uint8_t *)where - r->start), what);
}

static int check_header(const reader_t *r, size_t length) {
    const kws_header_t *h = (const kws_header_t *)r->start;
    if ((uintptr_t)r->start % 4 != 0) {
        return kws_fail(r->err, KWS_E_ALIGN, 0, "blob is not 4-byte aligned in memory");
    }
    if (length < 4 || memcmp(r->start, KWS_MAGIC, 4) != 0) {
        return kws_fail(r->err, KWS_E_MAGIC, 0, "does not start with HARK");
    }
    if (length < sizeof(*h)) {
        return kws_fail(r->err, KWS_E_LENGTH, (uint32_t)length, "ends within the header");
    }
    if (h->version != KWS_VERSION) {
        return fail_at(r, KWS_E_VERSION, &h->version, "format version");
    }
    if (h->length != length || length > KWS_MAX_BYTES) {
        return fail_at(r, KWS_E_LENGTH, &h->length, "length differs from the header's");
    }
    const uint8_t *covered = (const uint8_t *)&h->length;
    if (kws_crc32(covered, length - (size_t)(covered - r->start)) != h->crc32) {
        return fail_at(r, KWS_E_CRC, &h->crc32, "checksum");
    }
    if (h->section_count != KWS_SECTION_COUNT) {
        return fail_at(r, KWS_E_LENGTH, &h->section_count, "number of sections");
    }
    if (h->arena_bytes > KWS_MAX_BYTES) {
        return fail_at(r, KWS_E_ARENA, &h->arena_bytes, "arena is larger than 16 MiB");
    }
    if (h->zero0 != 0 || h->zero1 != 0) {
        return fail_at(r, KWS_E_RANGE, &h->zero0, "reserved field of the header is not 0");
    }
    return KWS_OK;
}

// Sections follow one another in the order of their ids without overlap or waste.
static int check_sections(const reader_t *r) {
    const kws_header_t *h = (const kws_header_t *)r->start;
    uint32_t end = sizeof(*h);
    for (uint32_t i = 0; i < KWS_SECTION_COUNT; i++) {
        const kws_section_t *s = &h->sections[i];
        if (s->id != i + 1) {
            return fail_at(r, KWS_E_RANGE, s, "section id");
        }
        if (s->offset % KWS_SECTION_ALIGN != 0) {
            return fail_at(r, KWS_E_ALIGN, &s->offset, "section offset");
        }
        if (s->offset < end || s->offset - end >= KWS_SECTION_ALIGN || s->offset > r->length ||
            s->length > r->length - s->offset) {
            return fail_at(r, KWS_E_OFFSET, &s->offset, "section leaves the blob or its place in it");
        }
        end = s->offset + s->length;
    }
    return end == r->length ? KWS_OK : kws_fail(r->err, KWS_E_LENGTH, end, "bytes behind the last section");
}

// Length of the UTF-8 sequence at p, of at most n bytes; 0 when it is not one. NUL and other controls are not text,
// but for tab and line ends.
static uint32_t utf8_length(const uint8_t *p, uint32_t n) {
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = p[0], k = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
    if (k == 1) {
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    }
    if (k == 0 || k > n) {
        return 0;
    }
    c &= 0x7fu >> k;
    for (uint32_t i = 1; i < k; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    return c >= smallest[k] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? k : 0;
}

static int check_labels(const reader_t *r, const uint8_t *p, uint32_t n, uint32_t count) {
    uint32_t i = 0;
    for (uint32_t label = 0; label < count; label++, i++) {
        uint32_t start = i;
        while (i < n && p[i] != 0) {
            uint32_t k = utf8_length(p + i, n - i);
            if (k == 0 || i + k - start > KWS_MAX_LABEL_BYTES) {
                return fail_at(r, KWS_E_RANGE, p + i, "label is not UTF-8 text or longer than 63 bytes");
            }
            i += k;
        }
        if (i == n || i == start) {
            return fail_at(r, KWS_E_RANGE, p + start, "label is empty or not ended by NUL");
        }
    }
    return i == n ? KWS_OK : fail_at(r, KWS_E_LENGTH, p + i, "bytes behind the last label");
}

static int check_meta(const reader_t *r, const uint8_t *p, uint32_t n) {
    for (uint32_t i = 0, k; i < n; i += k) {
        k = utf8_length(p + i, n - i);
        if (k == 0) {
            return fail_at(r, KWS_E_RANGE, p + i, "meta is not UTF-8 text");
        }
    }
    return KWS_OK;
}

static int check_tensors(const reader_t *r, const kws_model_t *m) {
    for (uint32_t i = 0; i <= m->n_ops; i++) {
        const kws_tensor_t *t = &m->tensors[i];
        if (t->h == 0 || t->w == 0 || t->c == 0 || t->zero != 0 || (uint64_t)t->h * t->w * t->c > KWS_MAX_BYTES) {
            return fail_at(r, KWS_E_SHAPE, t, "tensor shape");
        }
        if (t->zero_point < -128 || t->zero_point > 127 || t->scale_bits == 0 || t->scale_bits >= 0x7f800000) {
            return fail_at(r, KWS_E_RANGE, t, "tensor quantisation");
        }
        if (t->arena_offset % KWS_TENSOR_ALIGN != 0 || t->arena_offset > m->arena_bytes ||
            kws_shape_bytes(kws_tensor_shape(t)) > m->arena_bytes - t->arena_offset) {
            return fail_at(r, KWS_E_ARENA, t, "tensor leaves the arena");
        }
    }
    return KWS_OK;
}

// A front end, where there is one, makes the rows of the network's input.
static int open_frontend(const reader_t *r, kws_model_t *m, const kws_section_t *s) {
    const kws_header_t *h = (const kws_header_t *)r->start;
    m->has_frontend = s->length > 0;
    if (!m->has_frontend) {
        return h->decision_hop_frames == 0
                   ? KWS_OK
                   : fail_at(r, KWS_E_RANGE, &h->decision_hop_frames, "decision hop without a front end");
    }
    int status = kws_frontend_open(&m->frontend, r->start + s->offset, s->length, r->err);
    if (status != KWS_OK) {
        if (r->err != NULL) {
            r->err->where += s->offset;
        }
        return status;
    }
    const kws_tensor_t *in = kws_model_input(m);
    if ((uint32_t)in->w * in->c != m->frontend.n_out) {
        return fail_at(r, KWS_E_SHAPE, in, "front end's features do not fill a row of the network's input");
    }
    if (h->decision_hop_frames == 0) {
        return fail_at(r, KWS_E_RANGE, &h->decision_hop_frames, "decision hop is 0");
    }
    return KWS_OK;
}

static int open_sections(const reader_t *r, kws_model_t *m) {
    const kws_header_t *h = (const kws_header_t *)r->start;
    const kws_section_t *s = h->sections - 1; // s[id]
    int status;
    m->blob = r->start;
    m->length = r->length;
    m->arena_bytes = h->arena_bytes;
    m->decision_hop_frames = h->decision_hop_frames;
    m->n_ops = s[KWS_SECTION_OPS].count;
    if (m->n_ops > KWS_MAX_OPS || s[KWS_SECTION_OPS].length != m->n_ops * sizeof(kws_op_t)) {
        return fail_at(r, KWS_E_LENGTH, &s[KWS_SECTION_OPS], "number of ops");
    }
    if (s[KWS_SECTION_TENSORS].count != m->n_ops + 1 ||
        s[KWS_SECTION_TENSORS].length != (m->n_ops + 1) * sizeof(kws_tensor_t)) {
        return fail_at(r, KWS_E_LENGTH, &s[KWS_SECTION_TENSORS], "number of tensors");
    }
    m->ops = (const kws_op_t *)(r->start + s[KWS_SECTION_OPS].offset);
    m->tensors = (const kws_tensor_t *)(r->start + s[KWS_SECTION_TENSORS].offset);
    m->weights = r->start + s[KWS_SECTION_WEIGHTS].offset;
    m->weights_bytes = s[KWS_SECTION_WEIGHTS].length;
    m->labels = (const char *)r->start + s[KWS_SECTION_LABELS].offset;
    m->n_labels = s[KWS_SECTION_LABELS].count;
    m->meta = (const char *)r->start + s[KWS_SECTION_META].offset;
    m->meta_bytes = s[KWS_SECTION_META].length;
    if (s[KWS_SECTION_FRONTEND].count != 0 || s[KWS_SECTION_WEIGHTS].count != 0 || s[KWS_SECTION_META].count != 0) {
        return fail_at(r, KWS_E_RANGE, s + 1, "count of a section that has none");
    }
    if ((status = check_tensors(r, m)) != KWS_OK ||
        (status = check_labels(r, (const uint8_t *)m->labels, s[KWS_SECTION_LABELS].length, m->n_labels)) != KWS_OK ||
        (status = check_meta(r, (const uint8_t *)m->meta, m->meta_bytes)) != KWS_OK ||
        (status = open_frontend(r, m, &s[KWS_SECTION_FRONTEND])) != KWS_OK) {
        return status;
    }
    if (m->n_labels != 0 && m->n_labels != kws_model_classes(m)) {
        return fail_at(r, KWS_E_SHAPE, &s[KWS_SECTION_LABELS], "as many labels as classes are needed, or none");
    }
    return KWS_OK;
}

int kws_model_open(kws_model_t *m, const void *blob, size_t length, kws_error_t *err) {
    reader_t r = {blob, (uint32_t)length, err};
    int status;
    if ((status = check_header(&r, length)) != KWS_OK || (status = check_sections(&r)) != KWS_OK ||
        (status = open_sections(&r, m)) != KWS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < m->n_ops; i++) {
        if ((status = kws_check_op(m, i, err)) != KWS_OK) {
            return status;
        }
    }
    return kws_check_plan(m, err);
}

const char *kws_model_label(const kws_model_t *m, uint32_t i) {
    const char *p = m->labels;
    for (; i > 0; i--) {
        p += strlen(p) + 1;
    }
    return p;
}
