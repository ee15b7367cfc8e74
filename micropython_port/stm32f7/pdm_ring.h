// From DFSDM words to 16-bit samples: DC removal, gain, saturation and a ring with one writer and one reader.
//
// Plain C with no hardware below it, so that the host tests run these very lines.  The writer is the DMA interrupt,
// the reader is whoever calls pdm_ring_get; neither waits for the other.
#ifndef PDM_RING_H
#define PDM_RING_H

#include <stdbool.h>
#include <stdint.h>

#define PDM_RING_MAX_CHANNELS 2

// A frame is one sample of every channel, interleaved (left first).
typedef struct {
    int16_t *samples; // capacity * channels, owned by the caller
    uint32_t capacity; // frames, 1 .. 2^24
    uint32_t channels; // 1 or 2
    int32_t gain_q40; // int16 units for a 24-bit unit, see pdm_gain_q40
    uint32_t dc_shift; // the DC tracker's coefficient is 2^-dc_shift; 0: no DC removal
    int32_t dc_q7[PDM_RING_MAX_CHANNELS]; // tracked DC, 1/128 of a 24-bit unit
    uint32_t put_index; // frame that is written next, 0 .. capacity-1; the writer's
    uint32_t get_index; // frame that is read next; the reader's
    volatile uint32_t frames_in; // free-running, the writer's
    volatile uint32_t frames_out; // free-running, the reader's
    volatile uint32_t frames_lost; // free-running, the writer's
} pdm_ring_t;

// The multiplier that maps `full_scale` (the 24-bit value of a PDM stream of ones only, 2^16 .. 2^23) to
// 32768 * 10^(gain_db / 20).  gain_db is -60 .. 40, so that the result fits 31 bits for every full scale.
int32_t pdm_gain_q40(float full_scale, float gain_db);

// Empties the ring and sets it up; `samples` holds capacity * channels values.  dc_shift is 0 or 1 .. 16.
// Returns false and touches nothing when an argument is out of range.
bool pdm_ring_init(pdm_ring_t *ring, int16_t *samples, uint32_t capacity, uint32_t channels, int32_t gain_q40,
    uint32_t dc_shift);

// Writer: converts `count` frames; words[c][i] is the filter's data register (bits 31:8 the sample, 7:0 ignored).
// What does not fit is counted in frames_lost and dropped, newest first.  Returns the frames stored.
uint32_t pdm_ring_put(pdm_ring_t *ring, const int32_t *const words[], uint32_t count);

// Reader: copies up to `count` frames to `out`, int16 little-endian at any alignment; returns how many there were.
uint32_t pdm_ring_get(pdm_ring_t *ring, void *out, uint32_t count);

// Frames that pdm_ring_get would return now.
static inline uint32_t pdm_ring_available(const pdm_ring_t *ring) {
    return ring->frames_in - ring->frames_out;
}

#endif
