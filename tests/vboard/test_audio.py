"""Microphones: rate, gain, shift and saturation of the DFSDM, and the DMA that carries its samples."""

from __future__ import annotations

import numpy as np
import pytest

from tools.vboard import ClockTreeError, NotModelled

CAPTURE = """
    #define FILTER(name) R(DFSDM1_Filter0, DFSDM_Filter, name)
    #define STREAM(name) R(DMA2_Stream0, DMA_Stream, name)
    #define WORDS 4096
    volatile int32_t samples[WORDS];
    volatile uint32_t halves, fulls, errors, left;
    void irq_DMA2_Stream0(void) {
        uint32_t f = R(DMA2, DMA, LISR);
        R(DMA2, DMA, LIFCR) = f;
        halves += (f & 16) != 0; fulls += (f & 32) != 0; errors += (f & 8) != 0;
    }
    /* At 16 MHz: the microphones' clock is 16 MHz / divider. */
    static void capture(uint32_t divider, uint32_t order, uint32_t osr, uint32_t shift, int circular) {
        R(RCC, RCC, AHB1ENR) |= RCC_AHB1ENR_DMA2EN | RCC_AHB1ENR_GPIOCEN | RCC_AHB1ENR_GPIODEN;
        R(RCC, RCC, APB2ENR) |= RCC_APB2ENR_DFSDM1EN;
        R(RCC, RCC, DCKCFGR1) |= RCC_DCKCFGR1_DFSDM1SEL;
        W(0x40020800) = 2 << 6; W(0x40020820) = 3 << 12;  /* PC3: DATIN1 */
        W(0x40020C00) = 2 << 6; W(0x40020C20) = 3 << 12;  /* PD3: CKOUT */
        R(DFSDM1_Channel0, DFSDM_Channel, CHCFGR1) = (divider - 1) << 16;
        R(DFSDM1_Channel0, DFSDM_Channel, CHCFGR1) |= DFSDM_CHCFGR1_DFSDMEN;
        R(DFSDM1_Channel1, DFSDM_Channel, CHCFGR2) = shift << 3;
        R(DFSDM1_Channel1, DFSDM_Channel, CHCFGR1) = 1 << 2 | DFSDM_CHCFGR1_CHEN;
        FILTER(FLTFCR) = order << 29 | (osr - 1) << 16;
        STREAM(PAR) = (uint32_t)&FILTER(FLTRDATAR); STREAM(M0AR) = (uint32_t)samples; STREAM(NDTR) = WORDS;
        STREAM(CR) = 8 << 25 | 2 << 13 | 2 << 11 | DMA_SxCR_MINC | (circular ? DMA_SxCR_CIRC : 0) | DMA_SxCR_TCIE | DMA_SxCR_HTIE | DMA_SxCR_TEIE;
        STREAM(CR) |= DMA_SxCR_EN;
        W(0xE000E104) = 1 << (56 - 32);
        FILTER(FLTCR1) = 1 << 24 | DFSDM_FLTCR1_FAST | DFSDM_FLTCR1_RCONT | DFSDM_FLTCR1_RDMAEN;
        FILTER(FLTCR1) |= DFSDM_FLTCR1_DFEN;
        FILTER(FLTCR1) |= DFSDM_FLTCR1_RSWSTART;
    }
"""
ONE_BUFFER = "int main(void) {{ capture({}, {}, {}, {}, 0); while (!fulls && !errors) __asm volatile(\"wfi\"); return 0; }}"


def tone(hz: float, amplitude: int = 10000, seconds: float = 1.0) -> np.ndarray:
    return np.round(amplitude * np.sin(2 * np.pi * hz * np.arange(int(16000 * seconds)) / 16000)).astype(np.int16)


def captured(b) -> np.ndarray:
    raw = np.frombuffer(bytes(b.cpu.memory.view(b.symbols.by_name["samples"], 4 * 4096)), "<i4")
    assert (raw & 0xFF == 1).all()  # the channel's number
    return raw >> 8


def peak_hz(samples: np.ndarray, rate: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def test_samples_have_the_filters_gain_and_rate(bare):
    """The firmware's scale rests on the gain: sinc3 at 125 gives 125^3 for full scale, at 16 kHz."""
    b = bare(CAPTURE + ONE_BUFFER.format(8, 3, 125, 0), audio=tone(1000))
    b.finish()
    x = captured(b)
    wanted = tone(1000)[:4096] * 125.0**3 / 32768
    assert np.abs(x - wanted).max() <= 1
    assert b.now_s == pytest.approx(4096 / 16000, abs=0.003)  # and the program's start
    assert (b.var("halves"), b.var("fulls")) == (1, 1)


@pytest.mark.parametrize(("shift", "factor", "limit"), [(2, 0.25, None), (0, 1.0, (1 << 23) - 1)])
def test_a_wrong_shift_or_order_is_audible(bare, shift, factor, limit):
    """A shift too large is too quiet, an order too high clips at 24 bits."""
    order = 3 if limit is None else 4
    b = bare(CAPTURE + ONE_BUFFER.format(8, order, 125, shift), audio=tone(1000, 30000))
    b.finish()
    x = captured(b)
    if limit is None:
        assert x.max() == pytest.approx(30000 / 32768 * 125**3 * factor, rel=0.001)
    else:
        assert x.max() == limit
        assert b.dfsdm1.filters[0].clipped > 1000


def test_another_oversampling_is_another_rate_and_pitch(bare):
    """A rate of 20 kHz taken for 16 kHz makes every voice deeper; the simulator must not hide that."""
    b = bare(CAPTURE + ONE_BUFFER.format(8, 3, 100, 0), audio=tone(1000))
    b.finish()
    x = captured(b)
    assert peak_hz(x, 20000) == pytest.approx(1000, abs=5)
    assert x[100:-100].max() == pytest.approx(10000 / 32768 * 100**3, rel=0.01)


def test_a_clock_that_the_microphones_do_not_take_is_an_error(bare):
    """At 4 MHz the microphones are silent."""
    b = bare(CAPTURE + ONE_BUFFER.format(4, 3, 125, 0))
    with pytest.raises(ClockTreeError, match="4000000 Hz"):
        b.finish()


def test_pins_that_are_not_routed_give_a_constant(bare):
    """A forgotten alternate function is not hidden."""
    source = CAPTURE.replace("W(0x40020800) = 2 << 6;", "")
    b = bare(source + ONE_BUFFER.format(8, 3, 125, 0), audio=tone(1000))
    b.finish()
    assert (captured(b) == -(125**3)).all()


def test_a_wrong_request_channel_is_an_error(bare):
    """DMA channel 7 of stream 0 carries something else; the buffer would stay empty."""
    b = bare(CAPTURE.replace("8 << 25", "7 << 25") + ONE_BUFFER.format(8, 3, 125, 0))
    with pytest.raises(NotModelled, match="not wired"):
        b.finish()


def test_the_ring_goes_round_and_the_position_can_be_read(bare):
    """The port finds the half to read from NDTR; both interrupts come once a round."""
    b = bare(CAPTURE + """
        int main(void) {
            capture(8, 3, 125, 0, 1);
            while (fulls < 3) __asm volatile("wfi");
            left = STREAM(NDTR);
            return 0;
        }
    """, audio=tone(500, seconds=2))  # fmt: skip
    b.finish()
    assert (b.var("halves"), b.var("fulls"), b.var("left")) == (3, 3, 4096)
    assert np.abs(captured(b) - tone(500, seconds=2)[8192:12288] * 125.0**3 / 32768).max() <= 1


def test_injected_overruns_and_errors_are_seen(bare):
    """The port counts lost samples from exactly these flags."""
    b = bare(CAPTURE + """
        volatile uint32_t overrun;
        int main(void) {
            capture(8, 3, 125, 0, 1);
            while (fulls < 1) __asm volatile("wfi");
            overrun = FILTER(FLTISR) & DFSDM_FLTISR_ROVRF;
            while (!errors) __asm volatile("wfi");
            return 0;
        }
    """, audio=tone(500))  # fmt: skip
    b.run(0.05)
    b.inject("dma_overrun", samples=160)
    b.run_until(lambda: b.var("fulls") == 1)
    assert b.now_s == pytest.approx((4096 + 160) / 16000, rel=0.01)
    b.inject("dma_error", stream=0)
    b.finish()
    assert b.var("overrun")
    assert not b.dma2.streams[0].cr & 1


def test_two_columns_are_left_and_right(bare):
    """The top right microphone hears the second column."""
    left, right = tone(500), tone(1500)
    right_channel = CAPTURE.replace("1 << 2 | DFSDM_CHCFGR1_CHEN", "1 << 2 | 1 | DFSDM_CHCFGR1_CHEN")
    for source, wanted in ((CAPTURE, 500), (right_channel, 1500)):
        b = bare(source + ONE_BUFFER.format(8, 3, 125, 0), audio=np.stack([left, right], axis=1))
        b.finish()
        assert peak_hz(captured(b), 16000) == pytest.approx(wanted, abs=5)
