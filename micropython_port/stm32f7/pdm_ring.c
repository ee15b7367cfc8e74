// See pdm_ring.h.  The arithmetic is in SPEC.md, "From PDM to int16".

#include "pdm_ring.h"

#include <math.h>
#include <string.h>

#define MAX_CAPACITY (1U << 24)
#define MAX_DC_SHIFT 16U

// Keeps the sample stores on their side of the counter that publishes them.  Both sides run on one core.
#define COMPILER_BARRIER() __asm__ volatile ("" ::: "memory")

int32_t pdm_gain_q40(float full_scale, float gain_db) {
    float gain = powf(10.0f, gain_db / 20.0f);
    return (int32_t)(gain * (1099511627776.0f / full_scale) + 0.5f); // 2^40 / full_scale
}

bool pdm_ring_init(pdm_ring_t *ring, int16_t *samples, uint32_t capacity, uint32_t channels, int32_t gain_q40,
    uint32_t dc_shift) {
    if (samples == NULL || capacity == 0 || capacity > MAX_CAPACITY || channels == 0
        || channels > PDM_RING_MAX_CHANNELS || dc_shift > MAX_DC_SHIFT) {
        return false;
    }
    *ring = (pdm_ring_t) {
        .samples = samples, .capacity = capacity, .channels = channels, .gain_q40 = gain_q40, .dc_shift = dc_shift,
    };
    return true;
}

// The 24-bit sample in 1/128: 2^-7 keeps a sample less its DC inside 32 bits and the DC tracker's dead zone small.
static inline int32_t word_to_q7(int32_t word) {
    return (word >> 8) * 128;
}

// One SMMULR and one SSAT on the Cortex-M7.
static inline int16_t scale_and_saturate(int32_t value_q7, int32_t gain_q40) {
    int32_t scaled = (int32_t)(((int64_t)value_q7 * gain_q40 + (INT64_C(1) << 31)) >> 32);
    if (scaled > INT16_MAX) {
        return INT16_MAX;
    }
    return (int16_t)(scaled < INT16_MIN ? INT16_MIN : scaled);
}

// out[i * stride] for one channel.
static void convert(pdm_ring_t *ring, uint32_t channel, const int32_t *words, uint32_t count, int16_t *out) {
    const int32_t gain_q40 = ring->gain_q40;
    const uint32_t stride = ring->channels;
    const uint32_t shift = ring->dc_shift;
    if (shift == 0) {
        for (uint32_t i = 0; i < count; ++i, out += stride) {
            *out = scale_and_saturate(word_to_q7(words[i]), gain_q40);
        }
        return;
    }
    int32_t dc_q7 = ring->dc_q7[channel];
    for (uint32_t i = 0; i < count; ++i, out += stride) {
        int32_t ac_q7 = word_to_q7(words[i]) - dc_q7; // both within +-2^30
        dc_q7 += ac_q7 >> shift;
        *out = scale_and_saturate(ac_q7, gain_q40);
    }
    ring->dc_q7[channel] = dc_q7;
}

uint32_t pdm_ring_put(pdm_ring_t *ring, const int32_t *const words[], uint32_t count) {
    uint32_t space = ring->capacity - pdm_ring_available(ring);
    uint32_t stored = count < space ? count : space;
    uint32_t done = 0;
    while (done < stored) {
        uint32_t run = ring->capacity - ring->put_index;
        if (run > stored - done) {
            run = stored - done;
        }
        int16_t *out = ring->samples + ring->put_index * ring->channels;
        for (uint32_t channel = 0; channel < ring->channels; ++channel) {
            convert(ring, channel, words[channel] + done, run, out + channel);
        }
        done += run;
        ring->put_index += run;
        if (ring->put_index == ring->capacity) {
            ring->put_index = 0;
        }
    }
    COMPILER_BARRIER();
    ring->frames_in += stored;
    ring->frames_lost += count - stored;
    return stored;
}

uint32_t pdm_ring_get(pdm_ring_t *ring, void *out, uint32_t count) {
    const uint32_t frame_bytes = ring->channels * sizeof(int16_t);
    uint8_t *to = out;
    uint32_t available = pdm_ring_available(ring);
    uint32_t taken = count < available ? count : available;
    COMPILER_BARRIER();
    for (uint32_t done = 0; done < taken;) {
        uint32_t run = ring->capacity - ring->get_index;
        if (run > taken - done) {
            run = taken - done;
        }
        memcpy(to, ring->samples + ring->get_index * ring->channels, run * frame_bytes);
        to += run * frame_bytes;
        done += run;
        ring->get_index += run;
        if (ring->get_index == ring->capacity) {
            ring->get_index = 0;
        }
    }
    COMPILER_BARRIER();
    ring->frames_out += taken;
    return taken;
}
