// The board's four PDM microphones through DFSDM1: one filter and one DMA stream a microphone.
#ifndef DFSDM_H
#define DFSDM_H

#include <stdbool.h>
#include <stdint.h>

#define DFSDM_MAX_MICS 2
#define DFSDM_BOARD_MICS 4

// A block is what one interrupt brings: 10 ms.
#define DFSDM_BLOCKS_PER_S 100
#define DFSDM_MAX_BLOCK 480

// How a sample rate is made: the microphones' clock / oversampling, a sinc filter of `order`, and the right shift that
// brings the filter's sum into 24 bits.
typedef struct {
    uint32_t rate_hz;
    uint16_t oversampling;
    uint8_t order;
    uint8_t right_shift;
} dfsdm_rate_t;

// NULL when the clock tree does not give this rate exactly.
const dfsdm_rate_t *dfsdm_find_rate(uint32_t rate_hz);

// The 24-bit value of a PDM stream of ones only: oversampling^order / 2^right_shift.
float dfsdm_full_scale(const dfsdm_rate_t *rate);

// Called in the interrupt with words[mic][0 .. count-1], the filters' data registers (24-bit sample in bits 31:8), in
// the order of `mics`; `lost` samples a microphone went before them.  count is 0 when there are only losses.
typedef void (*dfsdm_block_handler_t)(const int32_t *const words[], uint32_t count, uint32_t lost);

// Starts `mic_count` (1 .. DFSDM_MAX_MICS) microphones at once.  A microphone is 0 top left, 1 top right,
// 2 bottom left, 3 bottom right; no two may be the same.  Only one capture runs at a time.
void dfsdm_start(const dfsdm_rate_t *rate, const uint8_t mics[], unsigned mic_count, dfsdm_block_handler_t handler);

// Stops it; the handler is not called any more when this returns.
void dfsdm_stop(void);

#endif
