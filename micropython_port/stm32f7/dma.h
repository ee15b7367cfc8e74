// DMA2 streams that copy a peripheral's data register into a circular buffer, half by half.
#ifndef DMA_H
#define DMA_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DMA_HALF = 1, // the first half of the buffer is complete
    DMA_FULL = 2, // the second half is
    DMA_ERROR = 4, // a bus error: the hardware has stopped the stream
};

// Starts DMA2 stream `stream` (0..7) on request line `request` (0..15): 32-bit words from `source` to
// buffer[words], for ever.  `buffer` must be a DMA_BUFFER, `words` even, 2 .. 65534.  The stream's interrupt is
// raised on DMA_ERROR and, with `announce`, on DMA_HALF and DMA_FULL; the caller enables it in the NVIC.
void dma_start_circular(unsigned stream, unsigned request, const volatile uint32_t *source, int32_t *buffer,
    uint32_t words, bool announce);

// Stops the stream, waits until it has (some bus cycles) and forgets its flags.
void dma_stop(unsigned stream);

// The DMA_... events since the last call, which clears them.
unsigned dma_take_events(unsigned stream);

// Words until the buffer's end, 1 .. words: the stream now writes buffer[words - dma_remaining()].
uint32_t dma_remaining(unsigned stream);

#endif
