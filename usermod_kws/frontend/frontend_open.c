// Validates the front-end section of a blob once, so that the stages need no check. The layout is in SPEC.md.
#include "frontend/frontend.h"

#define HEADER_BYTES 64

enum { // byte offsets in the header
    AT_VERSION = 0, AT_HEADER_BYTES = 2, AT_SAMPLE_RATE = 4, AT_WINDOW_LEN = 8, AT_HOP_LEN = 10, AT_FFT_LEN = 12,
    AT_N_MELS = 14, AT_N_DCT = 16, AT_RAW_FRAC_BITS = 18, AT_FLOOR = 20, AT_WINDOW = 24, AT_BANDS = 28,
    AT_WEIGHTS = 32, AT_WEIGHT_COUNT = 36, AT_DCT = 40, AT_NORM = 44, AT_F_LOW = 48, AT_F_HIGH = 52,
    AT_TOTAL_BYTES = 56, AT_RESERVED = 60,
};

static uint32_t u16_at(const uint8_t *p, uint32_t at) {
    return p[at] | (uint32_t)p[at + 1] << 8;
}

static uint32_t u32_at(const uint8_t *p, uint32_t at) {
    return u16_at(p, at) | u16_at(p, at + 2) << 16;
}

// Finds the table of `bytes` bytes whose offset is in the header at `at`.
static int table(const void **out, const uint8_t *section, uint32_t total, uint32_t at, uint32_t bytes,
                 const char *what, kws_error_t *err) {
    const uint32_t offset = u32_at(section, at);
    if (offset % 4 != 0) {
        return kws_fail(err, KWS_E_ALIGN, at, what);
    }
    if (offset < HEADER_BYTES || offset > total || bytes > total - offset) {
        return kws_fail(err, KWS_E_OFFSET, at, what);
    }
    *out = section + offset;
    return KWS_OK;
}

static int open_sizes(kws_frontend_t *fe, const uint8_t *p, kws_error_t *err) {
    const uint32_t rate = u32_at(p, AT_SAMPLE_RATE), floor = u32_at(p, AT_FLOOR);
    const uint32_t window_len = u16_at(p, AT_WINDOW_LEN), hop_len = u16_at(p, AT_HOP_LEN);
    const uint32_t fft_len = u16_at(p, AT_FFT_LEN), n_mels = u16_at(p, AT_N_MELS), n_dct = u16_at(p, AT_N_DCT);
    const uint32_t frac_bits = u16_at(p, AT_RAW_FRAC_BITS);

    if (rate < 1000 || rate > 96000) {
        return kws_fail(err, KWS_E_RANGE, AT_SAMPLE_RATE, "front end sample_rate_hz");
    }
    if (fft_len != 256 && fft_len != 512 && fft_len != 1024) {
        return kws_fail(err, KWS_E_RANGE, AT_FFT_LEN, "front end fft_len");
    }
    if (window_len < 2 || window_len > fft_len || window_len % 2 != 0) {
        return kws_fail(err, KWS_E_RANGE, AT_WINDOW_LEN, "front end window_len");
    }
    if (hop_len < 1 || hop_len > window_len) {
        return kws_fail(err, KWS_E_RANGE, AT_HOP_LEN, "front end hop_len");
    }
    if (n_mels < 1 || n_mels > KWS_FRONTEND_MAX_MELS) {
        return kws_fail(err, KWS_E_RANGE, AT_N_MELS, "front end n_mels");
    }
    if (n_dct > n_mels) {
        return kws_fail(err, KWS_E_RANGE, AT_N_DCT, "front end n_dct");
    }
    if (n_dct == 0 ? frac_bits != 9 : frac_bits < 4 || frac_bits > 9) {
        return kws_fail(err, KWS_E_RANGE, AT_RAW_FRAC_BITS, "front end raw_frac_bits");
    }
    if (floor < 1 || floor > 1u << 24) {
        return kws_fail(err, KWS_E_RANGE, AT_FLOOR, "front end floor");
    }
    if (u32_at(p, AT_RESERVED) != 0) {
        return kws_fail(err, KWS_E_RANGE, AT_RESERVED, "front end reserved");
    }
    fe->sample_rate_hz = rate;
    fe->window_len = (uint16_t)window_len;
    fe->hop_len = (uint16_t)hop_len;
    fe->fft_len = (uint16_t)fft_len;
    fe->n_mels = (uint16_t)n_mels;
    fe->n_dct = (uint16_t)n_dct;
    fe->n_out = (uint16_t)(n_dct != 0 ? n_dct : n_mels);
    fe->raw_frac_bits = (uint16_t)frac_bits;
    fe->floor = floor;
    return KWS_OK;
}

static int open_window(kws_frontend_t *fe, const uint8_t *p, uint32_t total, kws_error_t *err) {
    const void *found;
    int status = table(&found, p, total, AT_WINDOW, fe->window_len * 2u, "front end window", err);
    if (status != KWS_OK) {
        return status;
    }
    fe->window = found;
    for (uint32_t i = 0; i < fe->window_len; i++) {
        if (fe->window[i] == INT16_MIN) {
            return kws_fail(err, KWS_E_RANGE, u32_at(p, AT_WINDOW) + 2 * i, "front end window value");
        }
    }
    return KWS_OK;
}

static int open_bands(kws_frontend_t *fe, const uint8_t *p, uint32_t total, kws_error_t *err) {
    const uint32_t weight_count = u32_at(p, AT_WEIGHT_COUNT), bins = fe->fft_len / 2u;
    uint32_t used = 0, first_bin = bins, last_bin = 0;
    const void *found;

    int status = table(&found, p, total, AT_BANDS, fe->n_mels * 4u, "front end mel bands", err);
    if (status != KWS_OK) {
        return status;
    }
    fe->bands = found;
    if (weight_count > KWS_FRONTEND_MAX_MELS * bins) {
        return kws_fail(err, KWS_E_RANGE, AT_WEIGHT_COUNT, "front end mel weight count");
    }
    status = table(&found, p, total, AT_WEIGHTS, weight_count * 2u, "front end mel weights", err);
    if (status != KWS_OK) {
        return status;
    }
    fe->mel_weights = found;
    for (uint32_t m = 0; m < fe->n_mels; m++) {
        const uint32_t first = fe->bands[m].first_bin, count = fe->bands[m].count;
        if (first < 1 || count < 1 || first + count > bins) {
            return kws_fail(err, KWS_E_RANGE, u32_at(p, AT_BANDS) + 4 * m, "front end mel band");
        }
        used += count;
        first_bin = first < first_bin ? first : first_bin;
        last_bin = first + count - 1 > last_bin ? first + count - 1 : last_bin;
    }
    if (used != weight_count) {
        return kws_fail(err, KWS_E_SHAPE, AT_WEIGHT_COUNT, "front end mel weight count");
    }
    fe->first_bin = (uint16_t)first_bin;
    fe->last_bin = (uint16_t)last_bin;
    return KWS_OK;
}

static int open_outputs(kws_frontend_t *fe, const uint8_t *p, uint32_t total, kws_error_t *err) {
    const void *found;
    int status;

    fe->dct = NULL;
    if (fe->n_dct != 0) {
        status = table(&found, p, total, AT_DCT, (uint32_t)fe->n_dct * fe->n_mels * 2u, "front end dct", err);
        if (status != KWS_OK) {
            return status;
        }
        fe->dct = found;
    } else if (u32_at(p, AT_DCT) != 0) {
        return kws_fail(err, KWS_E_OFFSET, AT_DCT, "front end dct");
    }
    status = table(&found, p, total, AT_NORM, fe->n_out * 8u, "front end norm", err);
    if (status != KWS_OK) {
        return status;
    }
    fe->norm = found;
    for (uint32_t i = 0; i < fe->n_out; i++) {
        const kws_norm_t *norm = fe->norm + i;
        if (norm->bias < -(1 << 30) || norm->bias > 1 << 30 || norm->mult == INT16_MIN || norm->shift > 30) {
            return kws_fail(err, KWS_E_RANGE, u32_at(p, AT_NORM) + 8 * i, "front end norm");
        }
    }
    return KWS_OK;
}

int kws_frontend_open(kws_frontend_t *fe, const void *section, size_t len, kws_error_t *err) {
    const uint8_t *const p = section;
    if ((uintptr_t)section % 4 != 0) {
        return kws_fail(err, KWS_E_ALIGN, 0, "front end section");
    }
    if (len < HEADER_BYTES) {
        return kws_fail(err, KWS_E_LENGTH, 0, "front end section");
    }
    if (u16_at(p, AT_VERSION) != KWS_FRONTEND_VERSION) {
        return kws_fail(err, KWS_E_VERSION, AT_VERSION, "front end version");
    }
    if (u16_at(p, AT_HEADER_BYTES) != HEADER_BYTES) {
        return kws_fail(err, KWS_E_LENGTH, AT_HEADER_BYTES, "front end header_bytes");
    }
    const uint32_t total = u32_at(p, AT_TOTAL_BYTES);
    if (total < HEADER_BYTES || total > len) {
        return kws_fail(err, KWS_E_LENGTH, AT_TOTAL_BYTES, "front end total_bytes");
    }
    int status = open_sizes(fe, p, err);
    if (status == KWS_OK) {
        status = open_window(fe, p, total, err);
    }
    if (status == KWS_OK) {
        status = open_bands(fe, p, total, err);
    }
    if (status == KWS_OK) {
        status = open_outputs(fe, p, total, err);
    }
    return status;
}
