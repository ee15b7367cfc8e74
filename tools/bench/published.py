"""What others need for MLPerf Tiny's DS-CNN, and what this project set out to reach; `make bench` prints both beside its own figures.

The figures of CMSIS-NN were measured for this project: its sources of 2026-07, arm-none-eabi-gcc 12 -O3 -mcpu=cortex-m7, instructions in the
same simulator.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    cmsis_nn: int  # instructions
    aim: int


FIRST, DEPTHWISE, POINTWISE = Mark(1_098_546, 400_000), Mark(572_000, 240_000), Mark(1_028_000, 540_000)
TAIL = Mark(59_000, 20_000)  # average pool, dense and softmax together
TOTAL = Mark(7_546_099, 3_500_000)
FRAME_AIM = 30_000  # 512-point FFT, 40 mel bands, 10 coefficients
HOP_AIM = 150_000  # the causal twin, 20 ms, front end included
MARKS = [FIRST, *[DEPTHWISE, POINTWISE] * 4]  # of the layers in front of the pool
