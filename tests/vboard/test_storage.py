"""The internal flash's controller and the serial NOR: what can be written, and what a power cut leaves."""

from __future__ import annotations

import numpy as np
import pytest

from tools.vboard import NotModelled, PowerCut
from tools.vboard.periph.nor import ERASED, PAGE, SECTOR

FLASH = """
    #define SR R(FLASH_R, FLASH, SR)
    #define CR R(FLASH_R, FLASH, CR)
    static void unlock(void) { R(FLASH_R, FLASH, KEYR) = 0x45670123; R(FLASH_R, FLASH, KEYR) = 0xCDEF89AB; }
    static void wait(void) { while (SR & FLASH_SR_BSY) {} }
    static void erase(uint32_t sector) { CR = FLASH_CR_SER | sector << 3 | 2 << 8; CR |= FLASH_CR_STRT; wait(); }
    static void program(uint32_t at, uint32_t value) { CR = FLASH_CR_PG | 2 << 8; W(at) = value; __asm volatile("dsb"); wait(); }
"""


def test_programming_clears_bits_and_erasing_sets_them(bare):
    """A driver that forgets to erase would work on a simulator that lets ones be programmed."""
    b = bare(FLASH + """
        volatile uint32_t seen[4];
        int main(void) {
            unlock();
            program(0x08100000, 0x0F0F0F0F); seen[0] = W(0x08100000);
            program(0x08100000, 0xFF00FF00); seen[1] = W(0x08100000);
            erase(8); seen[2] = W(0x08100000);
            return 0;
        }
    """)
    b.finish(5)
    assert [b.var("seen", i) for i in range(3)] == [0x0F0F0F0F, 0x0F000F00, 0xFFFFFFFF]
    assert 0.9 < b.now_s < 1.2  # a sector of 256 KB takes a second


def test_a_store_without_programming_mode_changes_nothing(bare):
    """A stray pointer must not rewrite the firmware."""
    b = bare(FLASH + """
        volatile uint32_t seen, sr;
        int main(void) { W(0x08100000) = 0; __asm volatile("dsb\\nisb"); seen = W(0x08100000); sr = SR; return 0; }
    """)
    b.finish()
    assert b.var("seen") == 0xFFFFFFFF
    assert b.var("sr") & 0xC0


def test_the_lock_and_its_keys(bare):
    """A wrong key sequence leaves the controller locked, and writing it then is a mistake."""
    b = bare(FLASH + "int main(void) { R(FLASH_R, FLASH, KEYR) = 1; unlock(); CR = FLASH_CR_PG; return 0; }")
    with pytest.raises(NotModelled, match="locked"):
        b.finish()


def test_new_code_in_flash_is_what_runs(bare):
    """Code written over executed code (an update) must be fetched anew."""
    b = bare(FLASH + """
        volatile uint32_t a, c;
        int main(void) {
            unlock();
            program(0x08100000, 0x47702001);  /* movs r0, #1; bx lr */
            a = ((uint32_t (*)(void))0x08100001)();
            erase(8);
            program(0x08100000, 0x47702002);
            c = ((uint32_t (*)(void))0x08100001)();
            return 0;
        }
    """)
    b.finish(5)
    assert (b.var("a"), b.var("c")) == (1, 2)


# ---- the NOR, command by command


@pytest.fixture
def nor(bare):
    board = bare("int main(void) { return 0; }")
    board.nor.transfer_out(0x06, 0, b"")
    board.nor.transfer_out(0x01, 0, b"\x40")
    board.run(0.1)
    return board


def busy(board) -> bool:
    return bool(board.nor.transfer_in(0x05, 0, 1)[0] & 1)


def test_nor_pages_wrap_and_only_clear_bits(nor):
    """littlefs relies on what a page program does; a write across a page's end comes back at its start."""
    chip = nor.nor
    chip.transfer_out(0x06, 0, b"")
    chip.transfer_out(0x12, 0x1FE, bytes([0xF0, 0x0F, 0x55, 0x00]))
    assert busy(nor)
    nor.run(0.001)
    assert not busy(nor)
    assert chip.read(0x1FE, 2) == bytes([0xF0, 0x0F])
    assert chip.read(0x100, 2) == bytes([0x55, 0x00])
    chip.transfer_out(0x06, 0, b"")
    chip.transfer_out(0x12, 0x1FE, bytes([0x0F]))
    nor.run(0.001)
    assert chip.read(0x1FE, 1) == b"\x00"


def test_nor_ignores_writes_without_write_enable_and_while_busy(nor):
    """A driver that forgets the write-enable, or to wait, loses the write on the chip."""
    chip = nor.nor
    chip.transfer_out(0x12, 0, b"\x00")
    assert not busy(nor)
    assert chip.read(0, 1) == b"\xff"
    chip.transfer_out(0x06, 0, b"")
    chip.transfer_out(0x12, 0, b"\x00")
    chip.transfer_out(0x06, 0, b"")
    chip.transfer_out(0x12, PAGE, b"\x00")
    nor.run(0.01)
    assert chip.read(0, 1) + chip.read(PAGE, 1) == b"\x00\xff"


def test_nor_erases_a_sector_in_its_time(nor):
    """An erase takes 25 ms; a driver that does not wait would read the old data."""
    chip = nor.nor
    chip.write_raw(SECTOR - 1, b"\x00\x00\x00")
    chip.transfer_out(0x06, 0, b"")
    chip.transfer_out(0x21, SECTOR + 5, b"")
    nor.run(0.020)
    assert busy(nor)
    assert chip.transfer_in(0x13, SECTOR, 1) == b"\xff"  # the chip does not answer; this is the open line
    nor.run(0.010)
    assert not busy(nor)
    assert chip.read(SECTOR - 1, 3) == b"\x00\xff\xff"


def test_a_power_cut_leaves_a_page_and_an_erase_half_done_and_the_same_each_time(nor):
    """The file system's recovery is only tested if the cut really leaves rubbish."""
    chip = nor.nor
    chip.write_raw(0, bytes(SECTOR))
    start = nor.snapshot()
    left = []
    for _ in range(2):
        nor.restore(start)
        chip.transfer_out(0x06, 0, b"")
        chip.transfer_out(0x21, 0, b"")
        nor.power_cut_at(nor.instructions)
        nor.sleeping = False
        with pytest.raises(PowerCut):
            nor.run(0.001)
        left.append(chip.read(0, SECTOR))
    assert left[0] == left[1]
    ones = np.unpackbits(np.frombuffer(left[0], np.uint8)).mean()
    assert 0.4 < ones < 0.6
    with pytest.raises(PowerCut):
        nor.run(0.001)
    nor.power_on()
    assert chip.read(0, SECTOR) == left[0] != ERASED


QUADSPI = """
    #define Q(name) R(QSPI_R, QUADSPI, name)
    static void start(void) {
        R(RCC, RCC, AHB3ENR) |= RCC_AHB3ENR_QSPIEN;
        Q(DCR) = 25 << 16; Q(CR) = 1 << 24 | QUADSPI_CR_EN;
    }
    static void done_(void) { while (!(Q(SR) & QUADSPI_SR_TCF)) {} Q(FCR) = 0x02; while (Q(SR) & QUADSPI_SR_BUSY) {} }
    static void command(uint32_t code) { Q(CCR) = 1 << 8 | code; done_(); }
    static void ready(void) {  /* automatic polling of WIP */
        Q(PSMKR) = 1; Q(PSMAR) = 0; Q(PIR) = 16; Q(DLR) = 0; Q(CR) |= QUADSPI_CR_APMS;
        Q(CCR) = 2 << 26 | 1 << 24 | 1 << 8 | 0x05;
        while (!(Q(SR) & QUADSPI_SR_SMF)) {}
        Q(FCR) = 0x08;
    }
    static void quad_on(void) { command(6); Q(DLR) = 0; Q(CCR) = 1 << 24 | 1 << 8 | 1; *(volatile uint8_t *)&Q(DR) = 0x40; done_(); ready(); }
"""


def test_quadspi_writes_polls_and_maps(bare):
    """Indirect write, status polling and the memory-mapped window show the same chip."""
    b = bare(QUADSPI + """
        volatile uint32_t id, mapped[2], back;
        int main(void) {
            start();
            Q(DLR) = 2; Q(CCR) = 1 << 26 | 1 << 24 | 1 << 8 | 0x9F; id = Q(DR) & 0xFFFFFF; done_();
            quad_on();
            command(6);
            Q(DLR) = 7; Q(CCR) = 1 << 24 | 3 << 12 | 1 << 10 | 1 << 8 | 0x12; Q(AR) = 0x1000; Q(DR) = 0x11223344; Q(DR) = 0x55667788; done_();
            ready();
            Q(CCR) = 3 << 26 | 3 << 24 | 8 << 18 | 3 << 12 | 1 << 10 | 1 << 8 | 0x6C;
            mapped[0] = W(0x90001000); mapped[1] = W(0x90001004);
            Q(CR) |= QUADSPI_CR_ABORT;
            while (Q(SR) & QUADSPI_SR_BUSY) {}
            Q(FCR) = 0x02;
            Q(DLR) = 3; Q(CCR) = 1 << 26 | 3 << 24 | 8 << 18 | 3 << 12 | 1 << 10 | 1 << 8 | 0x6C; Q(AR) = 0x1004; back = Q(DR); done_();
            return 0;
        }
    """)
    b.finish()
    assert b.var("id") == 0x1A20C2
    assert (b.var("mapped"), b.var("mapped", 1), b.var("back")) == (0x11223344, 0x55667788, 0x55667788)


def test_a_frame_that_the_chip_does_not_expect_is_an_error(bare):
    """Wrong dummy cycles read shifted data on the board; here they stop the run."""
    b = bare(QUADSPI + "int main(void) { start(); quad_on(); Q(DLR) = 3; Q(CCR) = 1 << 26 | 3 << 24 | 6 << 18 | 3 << 12 | 1 << 10 | 1 << 8 | 0x6C; Q(AR) = 0; return 0; }")
    with pytest.raises(NotModelled, match="6 dummy cycles"):
        b.finish()
