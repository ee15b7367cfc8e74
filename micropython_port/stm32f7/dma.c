// See dma.h.

#include "dma.h"

#include "port.h"

// Masks of stream 0's flags; the other streams' are the same, shifted.
#define FLAGS_ALL (DMA_LIFCR_CFEIF0 | DMA_LIFCR_CDMEIF0 | DMA_LIFCR_CTEIF0 | DMA_LIFCR_CHTIF0 | DMA_LIFCR_CTCIF0)

#define SIZE_WORD 2U
#define PRIORITY_VERY_HIGH 3U

static DMA_Stream_TypeDef *stream_registers(unsigned stream) {
    return (DMA_Stream_TypeDef *)((uintptr_t)DMA2_Stream0
        + stream * ((uintptr_t)DMA2_Stream1 - (uintptr_t)DMA2_Stream0));
}

static unsigned flags_position(unsigned stream) {
    static const uint8_t position[4] = {
        DMA_LISR_FEIF0_Pos, DMA_LISR_FEIF1_Pos, DMA_LISR_FEIF2_Pos, DMA_LISR_FEIF3_Pos,
    };
    return position[stream % 4];
}

static void clear_flags(unsigned stream, uint32_t flags) {
    volatile uint32_t *clear = stream < 4 ? &DMA2->LIFCR : &DMA2->HIFCR;
    *clear = flags << flags_position(stream);
}

void dma_start_circular(unsigned stream, unsigned request, const volatile uint32_t *source, int32_t *buffer,
    uint32_t words, bool announce) {
    uint32_t irq_state = irq_save(); // a hard handler may turn a pin's clock on in the same register
    RCC->AHB1ENR |= RCC_AHB1ENR_DMA2EN;
    (void)RCC->AHB1ENR; // the clock needs two cycles
    irq_restore(irq_state);
    dma_stop(stream);
    DMA_Stream_TypeDef *dma = stream_registers(stream);
    dma->PAR = (uintptr_t)source;
    dma->M0AR = (uintptr_t)buffer;
    dma->NDTR = words;
    dma->FCR = 0; // direct mode: a word is in memory as soon as it is read
    uint32_t enable = DMA_SxCR_TEIE | (announce ? DMA_SxCR_HTIE | DMA_SxCR_TCIE : 0);
    dma->CR = (request << DMA_SxCR_CHSEL_Pos) | (PRIORITY_VERY_HIGH << DMA_SxCR_PL_Pos)
        | (SIZE_WORD << DMA_SxCR_MSIZE_Pos) | (SIZE_WORD << DMA_SxCR_PSIZE_Pos) | DMA_SxCR_MINC | DMA_SxCR_CIRC | enable;
    dma->CR |= DMA_SxCR_EN;
}

void dma_stop(unsigned stream) {
    DMA_Stream_TypeDef *dma = stream_registers(stream);
    dma->CR = 0;
    while (dma->CR & DMA_SxCR_EN) {
    }
    clear_flags(stream, FLAGS_ALL);
}

unsigned dma_take_events(unsigned stream) {
    uint32_t status = (stream < 4 ? DMA2->LISR : DMA2->HISR) >> flags_position(stream);
    status &= FLAGS_ALL;
    clear_flags(stream, status);
    return (status & DMA_LISR_HTIF0 ? DMA_HALF : 0) | (status & DMA_LISR_TCIF0 ? DMA_FULL : 0)
        | (status & DMA_LISR_TEIF0 ? DMA_ERROR : 0);
}

uint32_t dma_remaining(unsigned stream) {
    return stream_registers(stream)->NDTR;
}
