"""Faults that a test can inject with `Board.inject(name, ...)`; the power cut is `Board.power_cut_at`."""

from __future__ import annotations

from .events import ticks


def dma_overrun(board, samples: int = 64, filter: int = 0) -> None:
    """The bus is too busy for the microphones' DMA: the next samples of a DFSDM filter are lost."""
    board.dfsdm1.filters[filter].lose += samples
    stream = board.dfsdm1.filters[filter].stream
    if stream is not None:
        stream.schedule()


def dma_error(board, dma: str = "DMA2", stream: int = 0) -> None:
    """A transfer error: the stream stops and raises TEIF."""
    board.parts[dma].streams[stream].error()


def stuck_bit(board, register: str, mask: int, value: int = 0) -> None:
    """Bits of a register read as `value` from now on, e.g. register="USART1->ISR"."""
    part, name = register.split("->")
    if name not in board.parts[part].reg:
        raise ValueError(f"{part} has no register {name}")
    board.parts[part].stuck[name] = (mask, value)


def heal(board) -> None:
    """No bit is stuck any more and the line is quiet."""
    for part in board.parts.values():
        if hasattr(part, "stuck"):
            part.stuck.clear()
        if hasattr(part, "noise"):
            part.noise = 0.0


def uart_noise(board, probability: float, port: str = "USART1") -> None:
    """Each byte that arrives has one bit flipped with this probability, and the noise flag set."""
    board.parts[port].noise = probability


def dead_crystal(board, after_s: float = 0.0) -> None:
    """The 25 MHz crystal stops, now or later; before boot, it never starts."""
    if after_s:
        board.events.at(board.now_ticks() + ticks(after_s), board.rcc.kill_crystal_event)
    else:
        board.rcc.kill_crystal()
