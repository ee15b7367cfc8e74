// See dfsdm.h; why these clocks and filters: DESIGN.md, "Microphones".

#include "dfsdm.h"

#include "dma.h"
#include "port.h"

// 216 MHz / 90: the clock that the microphone's data sheet specifies it at.  An even divider has a 50 % duty cycle.
#define CLOCK_DIVIDER 90U
#define MIC_CLOCK_HZ (SYSCLK_HZ / CLOCK_DIVIDER)
_Static_assert(SYSCLK_HZ % CLOCK_DIVIDER == 0 && MIC_CLOCK_HZ == 2400000, "the rates below count on 2.4 MHz");

#define DMA_REQUEST_DFSDM 8U
#define AF_DFSDM 3U

// SPI with the clock of CKOUT, data taken on the rising or the falling edge: two microphones share a line.
#define CHANNEL_CLOCK_INTERNAL (1U << DFSDM_CHCFGR1_SPICKSEL_Pos)
#define CHANNEL_RISING_EDGE (0U << DFSDM_CHCFGR1_SITP_Pos)
#define CHANNEL_FALLING_EDGE (1U << DFSDM_CHCFGR1_SITP_Pos)

typedef struct {
    uint8_t channel;
    bool takes_next_pin; // reads the data pin of the channel after it
    uint32_t edge;
} mic_t;

static const mic_t board_mics[DFSDM_BOARD_MICS] = {
    { 1, false, CHANNEL_RISING_EDGE }, // top left
    { 0, true, CHANNEL_FALLING_EDGE }, // top right
    { 5, false, CHANNEL_RISING_EDGE }, // bottom left
    { 4, true, CHANNEL_FALLING_EDGE }, // bottom right
};

// What each filter is wired to.
static const struct {
    uint8_t stream;
    IRQn_Type irq;
} filter_dma[DFSDM_MAX_MICS] = {
    { 0, DMA2_Stream0_IRQn },
    { 5, DMA2_Stream5_IRQn },
};

// oversampling^order stays below 2^31, the filter's width, and below 2^23 after the shift.
static const dfsdm_rate_t rates[] = {
    { 8000, 300, 3, 2 },
    { 16000, 150, 3, 0 },
    { 32000, 75, 4, 2 },
    { 48000, 50, 5, 6 },
};

static int32_t dma_words[DFSDM_MAX_MICS][2 * DFSDM_MAX_BLOCK] DMA_BUFFER;

static struct {
    dfsdm_block_handler_t handler;
    const dfsdm_rate_t *rate;
    uint8_t mics[DFSDM_MAX_MICS];
    unsigned mic_count; // 0: stopped
    uint32_t block; // samples of a microphone in half a buffer
    unsigned due_half; // the half that completes next, 0 or 1
    uint32_t last_cycles; // when the last block came
} capture;

static DFSDM_Channel_TypeDef *channel_registers(unsigned channel) {
    return (DFSDM_Channel_TypeDef *)((uintptr_t)DFSDM1_Channel0
        + channel * ((uintptr_t)DFSDM1_Channel1 - (uintptr_t)DFSDM1_Channel0));
}

static DFSDM_Filter_TypeDef *filter_registers(unsigned filter) {
    return (DFSDM_Filter_TypeDef *)((uintptr_t)DFSDM1_Filter0
        + filter * ((uintptr_t)DFSDM1_Filter1 - (uintptr_t)DFSDM1_Filter0));
}

const dfsdm_rate_t *dfsdm_find_rate(uint32_t rate_hz) {
    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); ++i) {
        if (rates[i].rate_hz == rate_hz) {
            return &rates[i];
        }
    }
    return NULL;
}

float dfsdm_full_scale(const dfsdm_rate_t *rate) {
    uint32_t sum = 1;
    for (unsigned i = 0; i < rate->order; ++i) {
        sum *= rate->oversampling;
    }
    return (float)sum / (float)(1U << rate->right_shift);
}

static void configure_pin(unsigned port, unsigned pin) {
    gpio_config(port, pin, GPIO_ALTERNATE, false, GPIO_PULL_NONE, GPIO_SPEED_HIGH, AF_DFSDM);
}

static void configure_channel(const mic_t *mic, const dfsdm_rate_t *rate) {
    DFSDM_Channel_TypeDef *channel = channel_registers(mic->channel);
    channel->CHCFGR2 = (uint32_t)rate->right_shift << DFSDM_CHCFGR2_DTRBS_Pos;
    // Channel 0's register also holds the output clock's divider, which stays.
    uint32_t keep = channel->CHCFGR1 & (DFSDM_CHCFGR1_DFSDMEN | DFSDM_CHCFGR1_CKOUTSRC | DFSDM_CHCFGR1_CKOUTDIV);
    channel->CHCFGR1 = keep | CHANNEL_CLOCK_INTERNAL | mic->edge | (mic->takes_next_pin ? DFSDM_CHCFGR1_CHINSEL : 0);
    channel->CHCFGR1 |= DFSDM_CHCFGR1_CHEN;
}

static void configure_filter(unsigned index, const mic_t *mic, const dfsdm_rate_t *rate) {
    DFSDM_Filter_TypeDef *filter = filter_registers(index);
    filter->FLTCR1 = 0;
    filter->FLTCR2 = 0;
    filter->FLTFCR = ((uint32_t)rate->order << DFSDM_FLTFCR_FORD_Pos)
        | ((uint32_t)(rate->oversampling - 1) << DFSDM_FLTFCR_FOSR_Pos);
    // FAST: a sample every `oversampling` clocks; without it the filter would be refilled for every sample.
    // RSYNC: starts together with filter 0.
    filter->FLTCR1 = ((uint32_t)mic->channel << DFSDM_FLTCR1_RCH_Pos) | DFSDM_FLTCR1_FAST | DFSDM_FLTCR1_RCONT
        | DFSDM_FLTCR1_RDMAEN | (index > 0 ? DFSDM_FLTCR1_RSYNC : 0);
    filter->FLTCR1 |= DFSDM_FLTCR1_DFEN;
    filter->FLTICR = DFSDM_FLTICR_CLRROVRF;
}

// Blocks are announced by the last microphone's stream: all filters finish a sample together and the streams of lower
// numbers are served first, so the other buffers are complete by then.
static unsigned last_filter(void) {
    return capture.mic_count - 1;
}

static void start_filters(void) {
    capture.due_half = 0;
    capture.last_cycles = DWT->CYCCNT;
    for (unsigned i = 0; i < capture.mic_count; ++i) {
        dma_start_circular(filter_dma[i].stream, DMA_REQUEST_DFSDM, &filter_registers(i)->FLTRDATAR, dma_words[i],
            2 * capture.block, i == last_filter());
    }
    for (unsigned i = 0; i < capture.mic_count; ++i) {
        configure_filter(i, &board_mics[capture.mics[i]], capture.rate);
    }
    filter_registers(0)->FLTCR1 |= DFSDM_FLTCR1_RSWSTART;
}

static void stop_filters(void) {
    for (unsigned i = 0; i < capture.mic_count; ++i) {
        filter_registers(i)->FLTCR1 = 0;
        dma_stop(filter_dma[i].stream);
    }
}

void dfsdm_start(const dfsdm_rate_t *rate, const uint8_t mics[], unsigned mic_count, dfsdm_block_handler_t handler) {
    dfsdm_stop();
    CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk; // the cycle counter tells how late an interrupt is
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
    RCC->DCKCFGR1 |= RCC_DCKCFGR1_DFSDM1SEL; // the kernel's clock is SYSCLK
    RCC->APB2ENR |= RCC_APB2ENR_DFSDM1EN;
    (void)RCC->APB2ENR; // the clock needs two cycles
    configure_pin('D' - 'A', 3); // CKOUT
    configure_pin('C' - 'A', 3); // DATIN1, the top microphones
    configure_pin('C' - 'A', 11); // DATIN5, the bottom ones
    channel_registers(0)->CHCFGR1 = (CLOCK_DIVIDER - 1) << DFSDM_CHCFGR1_CKOUTDIV_Pos; // before DFSDMEN
    channel_registers(0)->CHCFGR1 |= DFSDM_CHCFGR1_DFSDMEN;

    capture.handler = handler;
    capture.rate = rate;
    capture.mic_count = mic_count;
    capture.block = rate->rate_hz / DFSDM_BLOCKS_PER_S;
    for (unsigned i = 0; i < mic_count; ++i) {
        capture.mics[i] = mics[i];
        configure_channel(&board_mics[mics[i]], rate);
    }
    start_filters();
    for (unsigned i = 0; i < mic_count; ++i) {
        irq_enable(filter_dma[i].irq, IRQ_PRI_DMA);
    }
}

void dfsdm_stop(void) {
    if (capture.mic_count == 0) {
        return;
    }
    for (unsigned i = 0; i < capture.mic_count; ++i) {
        NVIC_DisableIRQ(filter_dma[i].irq);
    }
    stop_filters();
    for (unsigned i = 0; i < DFSDM_BOARD_MICS; ++i) {
        channel_registers(board_mics[i].channel)->CHCFGR1 &= ~DFSDM_CHCFGR1_CHEN;
    }
    channel_registers(0)->CHCFGR1 &= ~DFSDM_CHCFGR1_DFSDMEN; // stops the microphones' clock
    RCC->APB2ENR &= ~RCC_APB2ENR_DFSDM1EN;
    capture.mic_count = 0;
}

// A filter's result that was not fetched before the next one: the flag says that at least one went.
static uint32_t take_filter_overruns(void) {
    uint32_t lost = 0;
    for (unsigned i = 0; i < capture.mic_count; ++i) {
        if (filter_registers(i)->FLTISR & DFSDM_FLTISR_ROVRF) {
            filter_registers(i)->FLTICR = DFSDM_FLTICR_CLRROVRF;
            lost = 1;
        }
    }
    return lost;
}

// Both halves completed since the last interrupt: returns how many blocks are gone for good and makes the one half
// that is not being overwritten due.  The stream's position gives the number's parity, the cycle counter its size;
// the counter may have stood still in WFI, but for less than a block, because the next interrupt was held off.
static uint32_t skip_late_blocks(uint32_t elapsed_cycles) {
    bool writing_first_half = dma_remaining(filter_dma[last_filter()].stream) > capture.block;
    unsigned safe_half = writing_first_half ? 1 : 0;
    uint32_t completed = elapsed_cycles / (SYSCLK_HZ / DFSDM_BLOCKS_PER_S);
    if (completed < 2) {
        completed = 2;
    }
    if ((capture.due_half + completed - 1) % 2 != safe_half) {
        ++completed;
    }
    capture.due_half = safe_half;
    return completed - 1;
}

static void stream_interrupt(unsigned filter) {
    unsigned events = dma_take_events(filter_dma[filter].stream);
    uint32_t lost = take_filter_overruns();
    if (events & DMA_ERROR) {
        // The stream is dead, and with it the half that it was filling.  All start anew, so that they stay in step.
        stop_filters();
        start_filters();
        capture.handler(NULL, 0, lost + capture.block);
        return;
    }
    if (filter != last_filter() || !(events & (DMA_HALF | DMA_FULL))) {
        if (lost != 0) {
            capture.handler(NULL, 0, lost);
        }
        return;
    }
    uint32_t cycles = DWT->CYCCNT;
    if ((events & DMA_HALF) && (events & DMA_FULL)) {
        lost += skip_late_blocks(cycles - capture.last_cycles) * capture.block;
    }
    capture.last_cycles = cycles;
    const int32_t *words[DFSDM_MAX_MICS];
    for (unsigned i = 0; i < DFSDM_MAX_MICS; ++i) {
        words[i] = dma_words[i] + capture.due_half * capture.block;
    }
    capture.due_half ^= 1;
    capture.handler(words, capture.block, lost);
}

void DMA2_Stream0_IRQHandler(void) {
    stream_interrupt(0);
}

void DMA2_Stream5_IRQHandler(void) {
    stream_interrupt(1);
}
