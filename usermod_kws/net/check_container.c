// Checks of what holds the blob together: header, section table, and the sections that are text.
#include <string.h>

#include "net/check.h"
#include "net/crc32.h"

static int check_header(const kws_reader_t *r, size_t length) {
    const kws_header_t *h = (const kws_header_t *)(const void *)r->start;
    if ((uintptr_t)r->start % 4 != 0) {
        return kws_fail(r->err, KWS_E_ALIGN, 0, "blob is not 4-byte aligned in memory");
    }
    if (length < 4 || memcmp(r->start, KWS_MAGIC, 4) != 0) {
        return kws_fail(r->err, KWS_E_MAGIC, 0, "does not start with HARK");
    }
    if (length < 8) {
        return kws_fail(r->err, KWS_E_LENGTH, (uint32_t)length, "ends within the header");
    }
    if (h->version != KWS_VERSION) {
        return kws_fail_at(r, KWS_E_VERSION, &h->version, "format version");
    }
    if (length < sizeof(*h)) {
        return kws_fail(r->err, KWS_E_LENGTH, (uint32_t)length, "ends within the header");
    }
    if (h->length != length || length > KWS_MAX_BYTES) {
        return kws_fail_at(r, KWS_E_LENGTH, &h->length, "length differs from the header's");
    }
    const uint8_t *covered = (const uint8_t *)&h->length;
    if (kws_crc32(covered, length - (size_t)(covered - r->start)) != h->crc32) {
        return kws_fail_at(r, KWS_E_CRC, &h->crc32, "checksum");
    }
    if (h->section_count != KWS_SECTION_COUNT) {
        return kws_fail_at(r, KWS_E_LENGTH, &h->section_count, "number of sections");
    }
    if (h->zero0 != 0 || h->zero1 != 0 || h->zero2 != 0) {
        return kws_fail_at(r, KWS_E_RANGE, &h->zero0, "reserved field of the header is not 0");
    }
    return KWS_OK;
}

// Sections follow one another in the order of their ids without overlap or waste.
static int check_sections(const kws_reader_t *r) {
    const kws_header_t *h = (const kws_header_t *)(const void *)r->start;
    uint32_t end = sizeof(*h);
    for (uint32_t i = 0; i < KWS_SECTION_COUNT; i++) {
        const kws_section_t *s = &h->sections[i];
        if (s->id != i + 1) {
            return kws_fail_at(r, KWS_E_RANGE, s, "section id");
        }
        if (s->offset % KWS_SECTION_ALIGN != 0) {
            return kws_fail_at(r, KWS_E_ALIGN, &s->offset, "section offset");
        }
        if (s->offset < end || s->offset - end >= KWS_SECTION_ALIGN || s->offset > r->length ||
            s->length > r->length - s->offset) {
            return kws_fail_at(r, KWS_E_OFFSET, &s->offset, "section leaves the blob or its place in it");
        }
        end = s->offset + s->length;
    }
    return end == r->length ? KWS_OK : kws_fail(r->err, KWS_E_LENGTH, end, "bytes behind the last section");
}

int kws_check_container(const kws_reader_t *r, size_t length) {
    int status = check_header(r, length);
    return status != KWS_OK ? status : check_sections(r);
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

int kws_check_labels(const kws_reader_t *r, const char *labels, uint32_t bytes, uint32_t count) {
    const uint8_t *p = (const uint8_t *)labels;
    uint32_t i = 0;
    for (uint32_t label = 0; label < count; label++, i++) {
        uint32_t start = i;
        while (i < bytes && p[i] != 0) {
            uint32_t k = utf8_length(p + i, bytes - i);
            if (k == 0 || i + k - start > KWS_MAX_LABEL_BYTES) {
                return kws_fail_at(r, KWS_E_RANGE, p + i, "label is not UTF-8 text or longer than 63 bytes");
            }
            i += k;
        }
        if (i == bytes || i == start) {
            return kws_fail_at(r, KWS_E_RANGE, p + start, "label is empty or not ended by NUL");
        }
    }
    return i == bytes ? KWS_OK : kws_fail_at(r, KWS_E_LENGTH, p + i, "bytes behind the last label");
}

int kws_check_meta(const kws_reader_t *r, const char *meta, uint32_t bytes) {
    const uint8_t *p = (const uint8_t *)meta;
    for (uint32_t i = 0, k; i < bytes; i += k) {
        k = utf8_length(p + i, bytes - i);
        if (k == 0) {
            return kws_fail_at(r, KWS_E_RANGE, p + i, "meta is not UTF-8 text");
        }
    }
    return KWS_OK;
}
